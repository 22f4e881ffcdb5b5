"""Where CI calls for every mode nothing is skipped: no test, and no file before it has tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SKIPPED = {
    "a test": "import pytest\n\ndef test_it():\n    pytest.skip('not here')\n",
    "a mark": "import pytest\n\n@pytest.mark.skipif(True, reason='not here')\ndef test_it():\n    pass\n",
    "a package": "import pytest\n\npytest.importorskip('no_such_package', reason='not here')\n\n"
    "def test_it():\n    pass\n",
    "a file": "import pytest\n\npytest.skip('not here', allow_module_level=True)\n",
}
FINE = "def test_fine():\n    pass\n"


def run(folder: Path, required: str) -> subprocess.CompletedProcess[str]:
    """pytest in a folder with the hooks, as CI starts it or as a person does."""
    shutil.copy(TESTS / "integration" / "no_skips.py", folder)
    (folder / "conftest.py").write_text(
        f"import sys\n\nsys.path.insert(0, {str(folder)!r})\n\n"
        "from no_skips import pytest_make_collect_report, pytest_runtest_makereport\n"
    )
    (folder / "test_fine.py").write_text(FINE)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "GAIAFLOW_"))}
    # What other packages bring to pytest takes a second to import.
    kept["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    env = {**kept, **({"GAIAFLOW_REQUIRE_MODES": required} if required else {})}
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("what", SKIPPED)
def test_a_skip_fails_where_every_mode_is_called_for(tmp_path: Path, what: str) -> None:
    (tmp_path / "test_it.py").write_text(SKIPPED[what])
    done = run(tmp_path, "dev,prod_local")
    assert done.returncode != 0, done.stdout
    assert "was skipped, and GAIAFLOW_REQUIRE_MODES allows none" in done.stdout
    assert "test_it.py" in done.stdout
    assert "not here" in done.stdout


def test_a_test_that_may_skip_does_not_fail(tmp_path: Path) -> None:
    marked = "import pytest\n\n@pytest.mark.may_skip\ndef test_it():\n    pytest.skip('not here')\n"
    (tmp_path / "test_it.py").write_text(marked)
    done = run(tmp_path, "dev,prod_local")
    assert done.returncode == 0, done.stdout
    assert "1 passed, 1 skipped" in done.stdout


def test_a_test_that_fails_as_expected_has_run(tmp_path: Path) -> None:
    marked = "import pytest\n\n@pytest.mark.xfail(strict=True)\ndef test_it():\n    assert False\n"
    (tmp_path / "test_it.py").write_text(marked)
    done = run(tmp_path, "dev,prod_local")
    assert done.returncode == 0, done.stdout
    assert "1 passed, 1 xfailed" in done.stdout


def test_a_person_may_skip(tmp_path: Path) -> None:
    for number, text in enumerate(SKIPPED.values()):
        (tmp_path / f"test_{number}.py").write_text(text)
    done = run(tmp_path, "")
    assert done.returncode == 0, done.stdout
    assert "1 passed, 4 skipped" in done.stdout


def test_nothing_changes_where_nothing_is_skipped(tmp_path: Path) -> None:
    done = run(tmp_path, "dev")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_every_suite_that_ci_may_not_skip_has_both_hooks() -> None:
    suites = [file for file in TESTS.glob("*/conftest.py") if "no_skips" in file.read_text()]
    assert {file.parent.name for file in suites} >= {"integration", "e2e"}
    for file in suites:
        assert "pytest_make_collect_report" in file.read_text(), file
        assert "pytest_runtest_makereport" in file.read_text(), file
