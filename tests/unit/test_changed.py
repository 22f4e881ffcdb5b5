"""`make check` runs the tests of what differs from main, and no others but those of every change."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("changed", ROOT / ".ci" / "changed.py")
assert spec
assert spec.loader
lane = importlib.util.module_from_spec(spec)
spec.loader.exec_module(lane)

ALWAYS = {
    f"tests/unit/test_{name}.py"
    for name in ("layers", "errors", "docs", "docs_commands", "docs_links", "words")
}


def chosen(*paths: str) -> set[str]:
    """Beside what always runs."""
    found = set(lane.chosen(paths))
    assert found >= ALWAYS
    return found - ALWAYS


def git(folder: Path, *words: str) -> None:
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *author, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    for name in ("same.py", "edited.py", "removed.py"):
        (tmp_path / name).write_text("1\n")
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    return tmp_path


def test_without_a_change_only_what_looks_at_everything_runs(clone: Path) -> None:
    assert lane.changed(clone) == []
    assert lane.chosen([]) == sorted(ALWAYS)


def test_a_change_counts_whether_it_is_committed_staged_or_new(clone: Path) -> None:
    git(clone, "switch", "-q", "-c", "mine")
    (clone / "committed.py").write_text("1\n")
    git(clone, "add", ".")
    git(clone, "commit", "-q", "-m", "two")
    (clone / "edited.py").write_text("2\n")
    git(clone, "rm", "-q", "removed.py")
    (clone / "new é.py").write_text("1\n")
    (clone / "ignored.py").write_text("1\n")
    assert lane.changed(clone) == ["committed.py", "edited.py", "new é.py", "removed.py"]


def test_what_others_brought_to_main_since_is_no_change(clone: Path) -> None:
    git(clone, "branch", "mine")
    (clone / "theirs.py").write_text("1\n")
    git(clone, "add", ".")
    git(clone, "commit", "-q", "-m", "theirs")
    git(clone, "switch", "-q", "mine")
    assert lane.changed(clone) == []


def test_the_main_of_github_comes_before_the_clones_own(clone: Path) -> None:
    """Commits on the clone's own main that are not pushed are a change."""
    git(clone, "update-ref", "refs/remotes/origin/main", "HEAD")
    (clone / "edited.py").write_text("2\n")
    git(clone, "commit", "-q", "-a", "-m", "two")
    assert lane.changed(clone) == ["edited.py"]


def test_a_repository_without_main_compares_with_its_last_commit(clone: Path) -> None:
    git(clone, "branch", "-m", "trunk")
    (clone / "edited.py").write_text("2\n")
    assert lane.changed(clone) == ["edited.py"]


def test_a_module_brings_the_folder_of_its_wing_and_the_tests_that_import_it() -> None:
    found = chosen("gaiaflow/infra/host/ports.py")
    assert "tests/unit/infra/host" in found
    assert not any(test.startswith("tests/unit/infra/host/") for test in found), "a folder has its files"
    assert "tests/unit/stack/embedded/test_embedded.py" in found
    assert "tests/unit/dags" not in found


def test_a_folder_without_a_mirror_has_the_tests_of_the_one_above() -> None:
    assert chosen("gaiaflow/dags/graph/svg.txt") == {"tests/unit/dags"}
    assert chosen("gaiaflow/nowhere/at/all.txt") == set()


def test_a_file_of_the_floor_brings_the_tests_with_its_name() -> None:
    assert chosen("gaiaflow/runner.py") >= {
        f"tests/unit/test_runner{end}.py" for end in ("", "_dates", "_logging")
    }


def test_a_test_brings_itself_and_what_tests_share_brings_those_that_use_it() -> None:
    assert chosen("tests/unit/dags/test_when.py") == {"tests/unit/dags/test_when.py"}
    assert chosen("tests/unit/dags/test_removed.py") == set()
    assert lane.chosen(["tests/unit/conftest.py", "tests/unit/dags/test_when.py"]) == ["tests/unit"]
    assert "tests/unit/projects/test_adoption.py" in chosen("tests/forked_inv.py")


def test_what_is_named_as_tested_elsewhere_is_there() -> None:
    assert [start for start in lane.ELSEWHERE if not (ROOT / start).exists()] == []
    assert [test for tests in lane.ELSEWHERE.values() for test in tests if not (ROOT / test).exists()] == []


def test_it_runs_what_contributing_says_to_run_first() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.*?`.+?) \| (`tests/unit.+?) \|", contributing, re.MULTILINE)
    assert len(rows) > 12
    for what, first in rows:
        for named in re.findall(r"`([\w./]+)`", what):
            path = f"gaiaflow/{named}" if (ROOT / "gaiaflow" / named).exists() else named
            found = lane.chosen([f"{path}new.txt" if path.endswith("/") else path])
            assert set(re.findall(r"`(tests/unit/[\w./]+)`", first)) & set(found), named
