"""The doctor's checks of the project: .env, Python, keys, what is left and what is open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gaiaflow import envvar
from gaiaflow.doctor import dotenv, key, leftover, python
from gaiaflow.doctor.check import Check
from gaiaflow.doctor.place import Place
from gaiaflow.infra.host import living, privatefile
from gaiaflow.project import Project


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    return tmp_path


@pytest.fixture
def place(root: Path) -> Place:
    return Place(Project.find(root))


def told(check: Check) -> tuple[str, str, str]:
    return check.state.value, check.said, check.hint


# .env


def test_no_env_and_no_example_is_fine(place: Place) -> None:
    facts = dotenv.read(place)
    assert told(dotenv.lines(facts)) == ("ok", "no `.env`, and none is needed", "")
    assert told(dotenv.keys(facts)) == ("ok", "no `.env.example` asks for a key", "")


def test_lines_that_are_none_are_named_by_their_numbers(place: Place, root: Path) -> None:
    (root / ".env").write_text("GOOD=1\n\nhunter2 is no line\n# COMMENT\nALSO=2\nNAKED\n")
    check = dotenv.lines(dotenv.read(place))
    assert told(check) == (
        "warning",
        f"`{root}/.env` has lines that are no KEY=VALUE: 3, 6",
        f"sed -n '3p' {root}/.env  # fix it, or put the value in quotes",
    )
    assert "hunter2" not in str(check)


def test_keys_of_the_example_that_are_lacking_are_named(place: Place, root: Path) -> None:
    (root / ".env.example").write_text("FIRST=1\nSECOND=2\n# THIRD=3\nFOURTH=4\n")
    (root / ".env").write_text("SECOND=x\n")
    check = dotenv.keys(dotenv.read(place))
    assert told(check) == (
        "warning",
        f"`{root}/.env` lacks FIRST, FOURTH of `.env.example`",
        f"grep -E '^(FIRST|FOURTH)=' {root}/.env.example >> {root}/.env",
    )
    assert check.fix is None
    subprocess.run(["sh", "-c", check.hint], check=True)
    assert told(dotenv.keys(dotenv.read(place))) == (
        "ok",
        f"`{root}/.env` has every key of `.env.example`",
        "",
    )


def test_the_example_is_copied_for_this_user_only(place: Place, root: Path) -> None:
    (root / ".env.example").write_text("FIRST=1\n")
    check = dotenv.keys(dotenv.read(place))
    assert told(check) == (
        "warning",
        f"no `{root}/.env`: it would hold FIRST of `.env.example`",
        f"cp {root}/.env.example {root}/.env",
    )
    assert check.fix is not None
    assert check.fix.what == f"copy {root}/.env.example to {root}/.env"
    check.fix.apply()
    assert (root / ".env").read_text() == "FIRST=1\n"
    assert (root / ".env").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        check.fix.apply()


# Python


TITLE = "environment project: environment.yml, 2 channels, 141 packages"


@pytest.fixture
def fit(place: Place) -> python.Facts:
    return python.Facts(place.project, (3, 12, 1), "", True, (), (), True, TITLE)


@pytest.mark.parametrize(
    ("judge", "changes", "expected"),
    [
        (python.interpreter, {}, ("ok", "Python 3.12.1", "")),
        (
            python.interpreter,
            {"version": (3, 9, 2)},
            ("failed", "this is Python 3.9.2: gaiaflow needs 3.10", "make setup PYTHON=python3.12"),
        ),
        (
            python.interpreter,
            {"fits": False, "wanted": "<3.12"},
            ("ok", "Python 3.12.1; the project's functions run on another one, `<3.12`", ""),
        ),
        (python.tools, {}, ("ok", "what gaiaflow itself needs is installed", "")),
        (
            python.tools,
            {"lacking": ("uv", "rich")},
            (
                "failed",
                "not installed beside gaiaflow: uv, rich",
                "pip install --upgrade --force-reinstall gaiaflow, in a clone: make setup",
            ),
        ),
        (python.environments, {}, ("ok", f"the environments fit their locks; {TITLE}", "")),
        (
            python.environments,
            {"unmade": ("airflow", "project")},
            (
                "warning",
                "environments that are missing or older than their lock: airflow, project; "
                f"the next start makes them; {TITLE}",
                "inv doctor --fix, or inv dev.start",
            ),
        ),
        (
            python.compose_environment,
            {},
            ("ok", "the Compose stack's environment is of the project's dependencies", ""),
        ),
        (
            python.compose_environment,
            {"composed": None},
            ("ok", "no Compose stack has an environment to compare", ""),
        ),
        (
            python.compose_environment,
            {"composed": False},
            (
                "warning",
                "the Compose stack's environment is not of the project's dependencies",
                "inv dev.update-deps",
            ),
        ),
    ],
)
def test_python(fit: python.Facts, judge: Any, changes: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert told(judge(replace(fit, **changes))) == expected


def test_missing_environments_are_offered_to_be_made(fit: python.Facts) -> None:
    fix = python.environments(replace(fit, unmade=("airflow",))).fix
    assert fix is not None
    assert fix.what == "make the environments airflow"


def test_this_python_is_read(place: Place) -> None:
    facts = python.read(place)
    assert facts.version == sys.version_info[:3]
    assert (facts.fits, facts.lacking, facts.composed) == (True, (), None)
    assert facts.title == "environment project: nothing"
    assert set(facts.unmade) == {"airflow", "services", "project"}
    assert not place.project.home.exists()


# Keys


def test_keys_are_compared_and_never_shown() -> None:
    kept = {"AIRFLOW__API_AUTH__JWT_SECRET": "a"}
    same = key.Facts(kept, {"pid 1": kept, "pid 2": kept})
    assert told(key.same(same)) == (
        "ok",
        "one JWT secret, API key and Fernet key in all 2 processes of Airflow",
        "",
    )
    odd = key.Facts(kept, {"airflow-scheduler": {"AIRFLOW__API_AUTH__JWT_SECRET": "b"}, "pid 2": kept})
    assert told(key.same(odd)) == (
        "failed",
        "the JWT secret of airflow-scheduler is not the one in keys.json",
        "inv dev.restart --service airflow",
    )
    assert told(key.same(key.Facts(kept, {}))) == (
        "unknown",
        "Airflow is not running: no key to compare",
        "inv dev.start",
    )


@pytest.fixture
def airflow(place: Place) -> Iterator[str]:
    """A process that carries the mark of the stack's Airflow, and a key."""
    env = {envvar.STACK: f"{place.project.id}/airflow", "AIRFLOW__CORE__FERNET_KEY": "hunter2"}
    child = subprocess.Popen(["/bin/sleep", "60"], env=env)
    yield f"pid {child.pid}"
    child.kill()
    child.wait()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc to read variables of processes from")
@pytest.mark.parametrize(("kept", "state"), [("hunter2", "ok"), ("hunter3", "failed")])
def test_keys_of_processes_are_read(place: Place, airflow: str, kept: str, state: str) -> None:
    privatefile.folder(place.project.home)
    privatefile.write_json(place.project.home / "keys.json", {"airflow_fernet": kept})
    facts = key.read(place)
    check = key.same(facts)
    assert list(facts.used) == [airflow]
    assert check.state.value == state
    assert "hunter" not in f"{facts}{check}"


# What is left, what is open


def test_records_of_dead_processes_are_removed(place: Place) -> None:
    run = privatefile.folder(privatefile.folder(place.project.home) / "run")
    record = privatefile.write_json(run / "supervisor.json", {"pid": 2**22 + 1, "started": "1"})
    check = leftover.stale(leftover.read(place))
    assert told(check) == ("warning", "`supervisor.json` of a dead stack is left", "inv doctor --fix")
    assert check.fix is not None
    assert check.fix.what == f"remove {record}"
    check.fix.apply()
    assert told(leftover.stale(leftover.read(place))) == ("ok", "nothing of a dead stack is left", "")


def test_a_living_process_is_no_leftover(place: Place) -> None:
    run = privatefile.folder(privatefile.folder(place.project.home) / "run")
    record = {"pid": os.getpid(), "started": living.started(os.getpid())}
    privatefile.write_json(run / "supervisor.json", record)
    assert leftover.read(place).stale == ()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc to read variables of processes from")
def test_processes_without_their_supervisor_are_counted(place: Place, airflow: str) -> None:
    assert told(leftover.stale(leftover.read(place))) == (
        "warning",
        "1 processes of a dead stack still run",
        "inv dev.stop",
    )


def test_open_files_are_closed(place: Place) -> None:
    home = privatefile.folder(place.project.home)
    keys = privatefile.write_json(home / "keys.json", {})
    assert told(leftover.private(leftover.read(place))) == (
        "ok",
        "keys and state are for this user only",
        "",
    )
    keys.chmod(0o644)
    check = leftover.private(leftover.read(place))
    assert told(check) == ("warning", f"others can read `{keys}`", f"chmod go= {keys}")
    assert check.fix is not None
    check.fix.apply()
    assert keys.stat().st_mode & 0o777 == 0o600


def test_the_backend_is_that_of_the_last_start(place: Place) -> None:
    assert place.backend == ""
    privatefile.folder(place.project.home)
    (place.project.home / "state.json").write_text(json.dumps({"backend": "docker"}))
    assert place.backend == "docker"


@pytest.mark.parametrize("kept", [{"a": 1}, {"pid": "x", "started": "1"}, {"pid": [1]}])
def test_a_record_that_makes_no_sense_is_a_leftover(place: Place, kept: dict[str, object]) -> None:
    privatefile.write_json(privatefile.folder(place.project.home / "cluster") / "gateway.json", kept)
    assert [file.name for file in leftover.read(place).stale] == ["gateway.json"]


def test_a_damaged_state_is_believed_nowhere(place: Place) -> None:
    kept = {"backend": "docker", "ports": {"s3": "x"}}
    privatefile.write_json(privatefile.folder(place.project.home) / "state.json", kept)
    assert place.backend == ""
