"""Following a run on the terminal: what is said of a failure, the verdict, and Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from invoke.exceptions import Exit

from gaiaflow.dags import run as dagrun
from gaiaflow.dags.api import AirflowApi
from gaiaflow.lifecycle.dag import follow as following
from gaiaflow.lifecycle.terminal import interruption
from gaiaflow.project import Project

RUN = "manual__1+00:00"


class Api(AirflowApi):
    """An Airflow with one run of one task, which fails at its only attempt."""

    def __init__(self, ask: Callable[[], None] = lambda: None) -> None:
        super().__init__("http://127.0.0.1:8080", "", "")
        self.ask = ask

    def instances(self, *_: Any) -> list[dict[str, Any]]:
        self.ask()
        known = {"task_id": "one", "map_index": -1, "state": "failed", "try_number": 1, "max_tries": 0}
        return [{**known, "duration": 0.5, "end_date": "2026-01-01T00:00:00Z"}]

    def request(self, _method: str, path: str, _body: Any = None, **_: Any) -> Any:
        if path.endswith("/tasks"):
            return {"tasks": [{"task_id": "one", "downstream_task_ids": []}]}
        if "/logs/" in path:
            detail = {"exc_type": "TaskFailedError", "exc_value": "m:f raised KeyError: 1"}
            return {"content": [{"event": "Task failed", "error_detail": [detail]}]}
        if path == "assets/events":
            return {"asset_events": []}
        times = {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-01-01T00:00:12.500Z"}
        return {"state": "failed", **times}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "sample"\n[tool.gaiaflow]\n')
    return Project.find(tmp_path)


def test_a_failure_is_shown_once_and_the_verdict_comes_last(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Exit) as ended:
        following.follow(project, Api(), "flow", RUN, 5, json=False)
    assert (ended.value.message, ended.value.code) == (
        "error: DAG `flow` failed after 12.5 s: `one` failed",
        1,
    )
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "one failed, attempt 1 of 1: m:f raised KeyError: 1",
        "  no other attempt follows",
        "  debug it: inv dag.replay flow one manual__1+00:00 --stack --pdb",
    ]
    assert "m:f raised KeyError: 1" in said.out


def test_a_run_that_went_well_says_so_at_last(capsys: pytest.CaptureFixture[str]) -> None:
    following.end({"dag": "flow", "state": "success", "tasks": {}}, True, 3.04)
    assert capsys.readouterr().err == "DAG `flow` succeeded after 3.0 s\n"


def interrupted() -> None:
    raise KeyboardInterrupt


def signalled() -> None:
    raise interruption.SignalledError(15)


def test_ctrl_c_leaves_the_run_and_says_how_to_come_back(project: Project) -> None:
    with pytest.raises(following.LeftRunError) as left:
        following.follow(project, Api(interrupted), "flow", RUN, 5, json=False)
    assert str(left.value) == (
        "left run `manual__1+00:00`, which continues\nhint: inv dag.watch flow manual__1+00:00"
    )
    assert left.value.exit_code == 130
    with pytest.raises(interruption.SignalledError):
        following.follow(project, Api(signalled), "flow", RUN, 5, json=False)


def test_a_run_that_does_not_end_in_time_goes_on(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api()
    monkeypatch.setattr(api, "run_state", lambda *_: "running")
    with pytest.raises(dagrun.StillStartingError) as caught:
        following.follow(project, api, "flow", RUN, 0, json=False)
    assert str(caught.value) == (
        "run `manual__1+00:00` of `flow` has not finished after 0 s; it continues\n"
        "hint: inv dag.watch flow manual__1+00:00"
    )
