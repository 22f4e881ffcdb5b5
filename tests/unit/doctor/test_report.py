"""What follows from the checks: which mode is ready, the exit code, and that nothing stops the whole look."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

import gaiaflow
from gaiaflow import explained
from gaiaflow.doctor.check import Check, Fix, absent, failed, ok, unknown, warning
from gaiaflow.doctor.examine import examine
from gaiaflow.doctor.place import Place
from gaiaflow.doctor.table import ROWS, Row, Topic
from gaiaflow.errors import MissingError
from gaiaflow.modes import Mode
from gaiaflow.project import Project
from tests import forked_inv

ROOT = Path(gaiaflow.__file__).parents[1]
PODS = (Mode.PROD_LOCAL,)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    (tmp_path / "tasks.py").write_text(
        "from gaiaflow.lifecycle.namespace import namespace\n\nns = namespace()\n"
    )
    return tmp_path


@pytest.fixture
def place(folder: Path) -> Place:
    return Place(Project.find(folder))


def row(name: str, check: Check, modes: tuple[Mode, ...] = tuple(Mode), on_docker: bool = False) -> Row:
    return Row(name, Topic(name, lambda _: None, imports=()), lambda _: check, modes, on_docker)


def raising(error: Exception) -> Topic:
    def read(_: Place) -> Any:
        raise error

    return Topic("topic", read, imports=())


def test_every_check_has_one_name_and_some_mode() -> None:
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names))
    assert all(row.modes for row in ROWS)


@pytest.mark.parametrize(
    ("check", "code"),
    [
        (ok("fine"), 0),
        (warning("soon", "mend"), 0),
        (unknown("who knows"), 0),
        (failed("wrong", "mend"), 1),
        (absent("gone", "get it"), 3),
    ],
)
def test_only_what_failed_keeps_a_mode_from_being_ready(place: Place, check: Check, code: int) -> None:
    report = examine(place, Mode.DEV, [row("a", ok("fine")), row("b", check)])
    assert report.exit_code == code
    assert report.as_dict()["ready"] == {"dev": code == 0}


def test_what_only_an_unused_mode_lacks_is_no_finding(place: Place) -> None:
    rows = [
        row("pods", unknown("the cluster is not running"), PODS),
        row("soon", warning("an old file", "rm it")),
        row("cluster", absent("no cluster", "inv prodlocal.start"), PODS),
        row("port", failed("taken", "inv dev.start --auto-ports"), (Mode.DEV, Mode.PROD_LOCAL)),
    ]
    report = examine(place, None, [rows[0], rows[1], rows[2]])
    assert report.not_set_up == (Mode.PROD_LOCAL,)
    assert [check.name for check in report.findings] == ["soon"]
    asked = examine(place, Mode.PROD_LOCAL, rows)
    assert asked.not_set_up == ()
    assert [check.name for check in asked.findings] == ["cluster", "port", "pods", "soon"]
    broken = examine(place, None, rows)
    assert broken.not_set_up == (Mode.PROD_LOCAL,)
    assert [check.name for check in broken.findings] == ["port", "soon"]
    wrong = examine(place, None, [*rows[:3], row("old", failed("too old", "update it"), PODS)])
    assert wrong.not_set_up == ()
    assert [check.name for check in wrong.findings] == ["cluster", "old", "pods", "soon"]


def test_the_table_of_modes_comes_first(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    from gaiaflow.lifecycle.doctor import _show

    rows = [
        row("cluster", absent("no cluster", "inv prodlocal.start"), PODS),
        row("soon", warning("old", "rm it")),
    ]
    _show(examine(place, None, rows), json=False)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "mode ready what is missing fix"
    assert lines[3] == "prod_local not set up cluster inv prodlocal.start"
    assert lines[5:] == ["state what found fix", "warning soon old rm it"]


def test_a_mode_is_ready_by_what_it_needs_itself(place: Place) -> None:
    rows = [row("a", ok("fine")), row("b", absent("no cluster", "inv prodlocal.start"), PODS)]
    report = examine(place, None, rows)
    assert report.exit_code == 0  # dev's
    assert report.as_dict() == {
        "schema": 1,
        "ready": {"dev": True, "dev_docker": True, "prod_local": False, "prod": True},
        "checks": [
            {
                "name": "a",
                "state": "ok",
                "said": "fine",
                "hint": "",
                "fix": "",
                "missing": False,
                "modes": ["dev", "dev_docker", "prod_local", "prod"],
            },
            {
                "name": "b",
                "state": "failed",
                "said": "no cluster",
                "hint": "inv prodlocal.start",
                "fix": "",
                "missing": True,
                "modes": ["prod_local"],
            },
        ],
    }
    assert examine(place, Mode.PROD_LOCAL, rows).exit_code == 3
    assert [check.name for check in examine(place, Mode.DEV, rows).checks] == ["a"]


def test_docker_counts_for_all_where_the_stack_runs_on_it(place: Place) -> None:
    rows = [row("docker", failed("down", "start it"), (Mode.DEV_DOCKER,), on_docker=True)]
    assert examine(place, None, rows).exit_code == 0
    place.project.home.mkdir()
    (place.project.home / "state.json").write_text('{"backend": "docker"}')
    assert examine(place, None, rows).exit_code == 1


@pytest.mark.parametrize(
    ("error", "state", "said", "hint"),
    [
        (MissingError("it is gone", "get it"), "failed", "it is gone", "get it"),
        (ValueError("odd"), "unknown", "topic: ValueError: odd", "inv doctor --bundle"),
    ],
)
def test_a_reader_that_fails_ends_its_own_checks_only(
    place: Place, error: Exception, state: str, said: str, hint: str
) -> None:
    rows = [Row("a", raising(error), ok), row("b", ok("fine"))]
    first, second = examine(place, None, rows).checks
    assert (first.state.value, first.said, first.hint) == (state, said, hint)
    assert second.said == "fine"


def test_a_reader_that_hangs_is_left_behind(place: Place) -> None:
    end = threading.Event()
    hanging = Topic("topic", lambda _: end.wait(30), 0.2, ())
    first, second = examine(place, None, [Row("a", hanging, ok), row("b", ok("fine"))]).checks
    end.set()
    assert (first.state.value, first.said) == ("unknown", "topic: no answer within 0 s")
    assert second.said == "fine"


def test_a_repair_is_offered_once(place: Place) -> None:
    fix = Fix("mend it", lambda: None)
    rows = [row("a", warning("soon", "x", fix)), row("b", warning("soon", "x", fix)), row("c", ok("fine"))]
    assert [fix.what for fix in examine(place, None, rows).fixes] == ["mend it"]


# The command


def inv(folder: Path, *argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """On a machine with neither Docker nor minikube."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GAIAFLOW_", "DOCKER_", "KUBE"))}
    bare = {"PATH": "/usr/bin:/bin", "DOCKER_HOST": f"unix://{folder}/none", "KUBECONFIG": f"{folder}/none"}
    env = {**kept, **bare, **variables}
    return forked_inv.inv(folder, "--search-root", str(folder), *argv, env=env)


def test_a_bare_machine_is_ready_for_dev_and_nothing_is_made(folder: Path) -> None:
    before = sorted(path.name for path in folder.iterdir() if path.name != "__pycache__")
    done = inv(folder, "doctor", "--json")
    told = json.loads(done.stdout)
    assert told["schema"] == 1
    assert (done.returncode == 0) is told["ready"]["dev"]
    assert (told["ready"]["dev_docker"], told["ready"]["prod_local"]) == (False, False)
    assert {check["state"] for check in told["checks"]} <= {"ok", "warning", "failed", "unknown"}
    assert "Traceback" not in done.stderr
    assert before == sorted(path.name for path in folder.iterdir() if path.name != "__pycache__")


def test_the_exit_code_is_that_of_the_mode(folder: Path) -> None:
    done = inv(folder, "doctor", "--mode", "prod_local")
    assert done.returncode == 3
    assert "install it: https://minikube.sigs.k8s.io/docs/start/" in done.stdout
    assert done.stdout.splitlines()[1].split()[:2] == ["prod_local", "no"]


def test_dry_looks_at_nothing_and_says_so(folder: Path) -> None:
    done = inv(folder, "--dry", "doctor", "--fix", "--bundle", "help.zip")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (
        "would look at this machine and ask the stack from here, a container and a pod: none is started; "
        f"would offer repairs; would write `{folder}/help.zip`\n"
    )


def test_a_repair_is_asked_for_and_made(folder: Path) -> None:
    (folder / ".env.example").write_text("NAME=value\n")
    # The environments would be made for real: nothing but the question is wanted of them here.
    refused = inv(folder, "doctor", "--fix")
    assert refused.returncode == 2
    assert "no terminal to ask on\nhint: add --yes" in refused.stderr
    assert not (folder / ".env").exists()


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["--mode", "prodlocal"], 2, "error: unknown mode `prodlocal` (did you mean `prod_local`?)"),
        (["--bundle", "tasks.py"], 2, "already exists\nhint: choose another name for --bundle"),
        (["--bundle", "none/help.zip"], 2, "hint: mkdir -p "),
    ],
)
def test_a_wrong_call_is_refused_with_a_hint(folder: Path, argv: list[str], code: int, words: str) -> None:
    done = inv(folder, "doctor", *argv)
    assert done.returncode == code
    assert words in done.stderr


def test_outside_a_project_it_is_one_error(folder: Path) -> None:
    (folder / "pyproject.toml").unlink()
    done = inv(folder, "doctor")
    assert done.returncode == 3
    assert done.stderr == (
        f"error: no project in `{folder}` or above it: no pyproject.toml with [tool.gaiaflow]\n"
        "hint: inv project.new my-project, or go to your project's folder\n"
        f"see: {explained.ERRORS}#no-project\n"
    )
