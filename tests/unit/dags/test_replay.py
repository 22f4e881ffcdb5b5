"""`inv dag.replay`: which inputs, what comes of them, and the debugger on a terminal of its own."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gaiaflow import runner
from gaiaflow.dags import replay as dagreplay, state as dagstate
from gaiaflow.dags.api import NotFoundError
from gaiaflow.dags.inspector import Inspector
from gaiaflow.dags.replay import Recalled, Replayed
from gaiaflow.errors import MissingError, UsageError
from gaiaflow.project import Project
from gaiaflow.result import Part

MODULE = """
import json

def double(x):
    print("at work")
    return {"twice": 2 * x}

def fails(x):
    y = x + 1
    return json.loads("{" + str(y))
"""
PATIENCE = 20.0


@pytest.fixture
def inspector(tmp_path: Path) -> Inspector:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "sample"\n\n[tool.gaiaflow]\n')
    (tmp_path / "sample.py").write_text(MODULE)
    return Inspector(Project.find(tmp_path), Path(sys.executable))


def recalled(folder: Path, function: str, value: Any = None, state: str = "success") -> Recalled:
    call = {"protocol": 1, "function": f"sample:{function}", "args": [], "kwargs": {"x": 5}, "params": {}}
    environment = {"GAIAFLOW_CODE": str(folder), "TERM": "dumb"}
    python = Path(sys.executable)
    return Recalled("flow", "one", "manual__1", -1, call, state, value, environment, python, str(folder))


def test_the_value_is_held_against_the_recorded_one(inspector: Inspector, tmp_path: Path) -> None:
    same = recalled(tmp_path, "double", {"twice": 10})
    replayed = dagreplay.replay(same, inspector)
    assert replayed == Replayed({"twice": 10}, None)
    assert dagreplay.outcome(same, replayed) == {
        "dag": "flow",
        "task": "one",
        "run": "manual__1",
        "changed": False,
        "function": "sample:double",
        "recorded": {"state": "success", "value": {"twice": 10}},
        "replayed": {"value": {"twice": 10}, "error": None},
        "equal": True,
    }
    assert dagreplay.equal(recalled(tmp_path, "double", {"twice": 10.0}), replayed) is False
    assert dagreplay.equal(recalled(tmp_path, "double", None, "failed"), replayed) is None


def test_a_failure_is_the_runners_last_line(inspector: Inspector, tmp_path: Path) -> None:
    found = dagreplay.replay(recalled(tmp_path, "fails"), inspector)
    assert str(found.error).startswith("sample:fails raised json.decoder.JSONDecodeError: ")
    gone = dagreplay.replay(recalled(tmp_path, "gone"), inspector)
    assert gone.error == "sample has no function `gone`: there is double, fails"


def test_a_missing_environment_is_named(inspector: Inspector, tmp_path: Path) -> None:
    lost = Recalled("flow", "one", "r", -1, {"function": "f:g"}, "success", 1, {}, tmp_path / "no", None)
    with pytest.raises(MissingError, match="the project's environment does not exist yet"):
        dagreplay.replay(lost, inspector)


def until(terminal: int, text: str) -> str:
    """What the terminal shows until a text has come."""
    shown = ""
    while text not in shown:
        ready, _, _ = select.select([terminal], [], [], PATIENCE)
        assert ready, f"no {text!r} in {shown!r}"
        shown += os.read(terminal, 4096).decode()
    return shown


def test_the_debugger_stands_in_the_users_function(tmp_path: Path) -> None:
    (tmp_path / "sample.py").write_text(MODULE)
    call = recalled(tmp_path, "fails").call
    variables = {runner.CALL: json.dumps(call), "GAIAFLOW_CODE": str(tmp_path), "TERM": "dumb"}
    terminal, inner = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-u", str(dagreplay.DEBUGGER), str(runner.__file__)],
        env=variables,
        cwd=tmp_path,
        stdin=inner,
        stdout=inner,
        stderr=inner,
    )
    os.close(inner)
    try:
        shown = until(terminal, "(Pdb) ")
        assert "gaiaflow: sample:fails raised json.decoder.JSONDecodeError" in shown
        assert "sample.py(10)fails()" in shown.partition("gaiaflow: ")[2]
        os.write(terminal, b"p x, y\n")
        assert "(5, 6)" in until(terminal, "(Pdb) ")
        os.write(terminal, b"q\n")
        assert process.wait(timeout=PATIENCE) == 1
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def instance(task: str, map_index: int = -1, **rendered: Any) -> dict[str, Any]:
    return {"task_id": task, "map_index": map_index, "rendered_fields": rendered}


def test_arguments_that_airflow_kept_whole_are_taken() -> None:
    kept = {"func_args": [1], "func_kwargs": {"a": {"b": 2}}}
    assert dagreplay.kept_arguments(instance("one", **kept, image="i")) == kept
    cut = {"func_args": [], "func_kwargs": "Truncated. You can change this behaviour"}
    assert dagreplay.kept_arguments(instance("one", **cut)) is None
    assert dagreplay.kept_arguments(instance("one", func_args=[], func_kwargs={"password": "***"})) is None
    assert dagreplay.kept_arguments(instance("one")) is None


def test_one_of_the_instances_is_found() -> None:
    every = [instance("tiles"), instance("one", 0), instance("one", 1)]
    assert dagreplay.find_instance(every, "tiles", None) is every[0]
    assert dagreplay.find_instance(every, "one", 1) is every[2]
    for task, index, text in (
        ("oen", None, "did you mean `one`?"),
        ("one", None, "is mapped and has 2 instances"),
        ("one", 2, "has no map index 2\nhint: in this run it has 0 to 1"),
        ("tiles", 0, "has no map index 0\nhint: in this run it is not mapped"),
    ):
        with pytest.raises(UsageError, match=text.replace("?", r"\?")):
            dagreplay.find_instance(every, task, index)


class Api:
    """The runs that a test gives it."""

    def __init__(self, *runs: str) -> None:
        self.known = [{"dag_run_id": run, "state": "success"} for run in runs]

    def runs(self, dag: str) -> list[dict[str, Any]]:
        if dag != "flow":
            raise NotFoundError("no such DAG")
        return self.known

    def run(self, _: str, run: str) -> dict[str, Any]:
        if run != "backfill__0":
            raise NotFoundError("no such run")
        return {"dag_run_id": run, "state": "failed"}

    def dag_ids(self) -> list[str]:
        return ["flow", "other"]


def test_a_run_is_found_by_its_id_or_as_the_latest() -> None:
    api: Any = Api("manual__2", "manual__1")
    assert dagstate.find_run(api, "flow", "manual__1")["dag_run_id"] == "manual__1"
    assert dagstate.find_run(api, "flow", "latest")["dag_run_id"] == "manual__2"
    # None of the last ones, which are listed.
    assert dagstate.find_run(api, "flow", "backfill__0")["state"] == "failed"
    with pytest.raises(UsageError) as caught:
        dagstate.find_run(api, "flow", "manual_1")
    assert caught.value.message == "DAG `flow` has no run `manual_1` (did you mean `manual__1`?)"
    assert caught.value.hint == "the last are manual__2, manual__1"
    with pytest.raises(UsageError, match="did you mean `flow`"):
        dagstate.find_run(api, "flwo", "latest")
    none: Any = Api()
    with pytest.raises(MissingError, match="DAG `flow` has not run yet"):
        dagstate.find_run(none, "flow", "latest")


def test_of_each_dag_the_last_and_the_next_run_are_known(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Airflow:
        def runs(self, dag: str) -> list[dict[str, Any]]:
            assert dag == "~"
            return [{"dag_id": "tides", "state": state} for state in ("failed", "success")]

        def dags(self) -> list[dict[str, Any]]:
            due = {"next_dagrun_run_after": "2026-11-29T00:00:00Z"}
            return [
                {"dag_id": "tides", "is_paused": False, **due},
                {"dag_id": "left", "is_paused": True, **due},
                {"dag_id": "manual", "is_paused": False, "next_dagrun_run_after": None},
            ]

    monkeypatch.setattr(dagstate, "running", lambda _: Airflow())
    assert dagstate.overview(project) == {
        "tides": {"last_run": "failed", "next_run": "2026-11-29T00:00:00Z", "paused": False},
        "left": {"last_run": None, "next_run": None, "paused": True},
        "manual": {"last_run": None, "next_run": None, "paused": False},
    }
    monkeypatch.setattr(dagstate, "running", lambda _: None)
    assert dagstate.overview(project) == {}


def test_the_instance_of_a_task_that_makes_all_calls_has_every_index() -> None:
    job = {"task_id": "tiles", "map_index": -1, "operator": "JobOperator"}
    assert dagreplay.find_instance([job], "tiles", None) is job
    assert dagreplay.find_instance([job], "tiles", 7) is job


def test_the_recorded_value_of_one_call_is_picked_from_the_list() -> None:
    part = Part(-1, "success", [1, 4, 9], 0.1)
    assert dagreplay._part_of(part, 2) == Part(2, "success", 9, 0.1)
    assert dagreplay._part_of(Part(-1, "failed", None, 0.1), 2).value is None
    assert dagreplay._part_of(part, None) is part
