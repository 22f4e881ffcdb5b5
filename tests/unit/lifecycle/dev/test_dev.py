"""`inv dev.*` without starting anything: choices, refusals, --dry, what the terminal says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import gaiaflow
from gaiaflow.errors import MissingError, UsageError
from gaiaflow.infra.host import process
from gaiaflow.project import Project
from gaiaflow.stack import backends
from gaiaflow.stack.embedded.embedded import Embedded
from gaiaflow.stack.embedded.logfile import last_lines
from tests import forked_inv

ROOT = Path(gaiaflow.__file__).parents[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    (tmp_path / "tasks.py").write_text(
        "from gaiaflow.lifecycle.namespace import namespace\n\nns = namespace()\n"
    )
    return tmp_path


def inv(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    return forked_inv.inv(folder, *argv)


def test_dry_starts_nothing_and_says_what_it_would(folder: Path) -> None:
    done = inv(folder, "--dry", "dev.start", "--service", "mlflow", "--backend", "embedded")
    assert done.returncode == 0, done.stderr
    assert "would start s3, mlflow" in done.stderr
    assert not (folder / ".gaiaflow" / "envs").exists()


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["dev.start", "--service", "mlfow"], 2, "did you mean `mlflow`?"),
        (["dev.start", "--backend", "dokcer"], 2, "did you mean `docker`?"),
        (["dev.stop", "--service", "s3", "--delete-volume"], 2, "hint: inv dev.stop --delete-volume"),
        (["dev.start", "--backend", "embedded", "--mode", "prodlocal"], 2, "did you mean `prod_local`?"),
        (["dev.restart", "--mode", "prodlocal"], 2, "did you mean `prod_local`?"),
        (["dev.restart", "--service", "s3", "--mode", "dev"], 2, "--service airflow --mode dev"),
    ],
)
def test_a_wrong_call_is_refused_with_a_hint(folder: Path, argv: list[str], code: int, words: str) -> None:
    done = inv(folder, *argv)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_is_json_where_json_was_asked_for(folder: Path) -> None:
    done = inv(folder, "dev.logs", "--follow", "--json")
    message, hint = "`--follow` and `--json` cannot be combined", "inv dev.logs --json"
    assert json.loads(done.stdout) == {
        "schema": 1,
        "error": {"message": message, "hint": hint, "code": 2, "see": ""},
    }
    assert (done.returncode, done.stderr) == (2, "")


def test_stop_of_what_never_ran_is_fine(folder: Path) -> None:
    done = inv(folder, "dev.stop")
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing" in done.stderr


def test_json_is_all_that_stands_on_stdout(folder: Path) -> None:
    done = inv(folder, "dev.status", "--json")
    shown = json.loads(done.stdout)
    assert {service["state"] for service in shown["services"].values()} == {"stopped"}


def test_cleanup_without_a_terminal_removes_nothing_unasked(folder: Path) -> None:
    inv(folder, "dev.credentials", "--json")
    kept = (folder / ".gaiaflow" / "keys.json").read_text()
    done = inv(folder, "dev.cleanup")
    assert "--yes" in done.stderr
    assert (folder / ".gaiaflow" / "keys.json").read_text() == kept
    inv(folder, "dev.cleanup", "--yes")
    assert not (folder / ".gaiaflow").exists()


def test_airflow_that_does_not_run_has_no_address(folder: Path) -> None:
    with pytest.raises(MissingError) as missing:
        backends.airflow_access(Project.find(folder))
    assert missing.value.hint == "inv dev.start"


def test_remove_touches_nothing_outside_the_home(folder: Path, tmp_path: Path) -> None:
    from gaiaflow.errors import GaiaflowError
    from gaiaflow.stack.services.backend import Holding

    backend = Embedded(Project.find(folder))
    with pytest.raises(GaiaflowError, match="not removed"):
        backend.remove([Holding("folder", str(folder), None)])
    assert (folder / "pyproject.toml").exists()


def test_a_program_that_fails_shows_its_last_lines() -> None:
    from gaiaflow.errors import GaiaflowError

    with pytest.raises(GaiaflowError, match="the reason") as failed:
        process.run([sys.executable, "-c", "raise SystemExit('the reason')"], hint="try again")
    assert failed.value.hint == "try again"


def test_a_program_that_is_not_there_is_missing() -> None:
    with pytest.raises(MissingError, match="no-such-program"):
        process.run(["no-such-program"])


def test_the_last_lines_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("\n".join(map(str, range(100))))
    assert last_lines(log, 2) == ["98", "99"]
    assert last_lines(tmp_path / "none.log", 2) == []


def test_an_unknown_backend_is_a_usage_error(folder: Path) -> None:
    with pytest.raises(UsageError):
        backends.choose(Project.find(folder), "podman")
