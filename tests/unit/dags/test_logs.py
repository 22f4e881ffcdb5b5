"""`inv dag.logs`: the lines of a run's tasks, from what Airflow's API says."""

from __future__ import annotations

from typing import Any

import pytest

from gaiaflow.dags import logs as daglogs
from gaiaflow.dags.api import AirflowApi, NotFoundError
from gaiaflow.dags.logs import TaskLogs
from gaiaflow.errors import MissingError, UsageError

OPERATOR = "airflow.task.operators.gaiaflow.operators.local.DevOperator"


def entry(text: str, logger: str = OPERATOR) -> dict[str, Any]:
    return {"timestamp": "2026-01-01T00:00:00Z", "event": text, "level": "warning", "logger": logger}


def instance(task: str, number: int, begun: str, map_index: int = -1) -> dict[str, Any]:
    return {"task_id": task, "map_index": map_index, "state": None, "try_number": number, "start_date": begun}


class Api(AirflowApi):
    """One run with a task that was tried twice, a mapped one, and one that waits; `two` writes on and on."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1", "", "")
        self.states = ["running", "running", "success"]
        self.asked = 0

    def instances(self, *_: Any) -> list[dict[str, Any]]:
        return [instance("two", 1, "2", 0), instance("one", 2, "1"), instance("waits", 0, "")]

    def run_state(self, *_: Any) -> str:
        return self.states.pop(0)

    def log(self, _dag: str, _run: str, of: Any, attempt: int) -> list[Any]:
        if of["task_id"] == "two":
            self.asked += 1
            return [entry("machinery", "airflow"), *(entry(f"line {n}") for n in range(self.asked))]
        if attempt > 2:
            raise NotFoundError("none")
        return [entry("machinery", "airflow"), entry(f"attempt {attempt}")]


def texts(logs: TaskLogs) -> list[tuple[str, str]]:
    return [(task, line.text) for task, line in logs.lines()]


def test_all_tasks_their_last_attempt_without_the_machinery() -> None:
    assert texts(TaskLogs(Api(), "flow", "r")) == [("one", "attempt 2"), ("two[0]", "line 0")]


def test_one_attempt_of_one_task_whole() -> None:
    found = TaskLogs(Api(), "flow", "r", "one", 1, whole=True)
    assert texts(found) == [("one", "machinery"), ("one", "attempt 1")]
    assert texts(found) == []


def test_follow_gives_each_line_once_until_the_run_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daglogs, "POLL", 0)
    found = [line.text for _, line in TaskLogs(Api(), "flow", "r", "two").follow()]
    assert found == ["line 0", "line 1", "line 2"]


@pytest.mark.parametrize(
    ("task", "attempt", "kind", "said"),
    [
        (
            "oen",
            0,
            UsageError,
            "the run has no task `oen` (did you mean `one`?)\nhint: it has one, two, waits",
        ),
        ("one", 3, UsageError, "task `one` has no attempt 3\nhint: it has 1 to 2"),
        ("waits", 0, MissingError, "task `waits` has not started: it is waiting\nhint: inv dag.graph flow"),
    ],
)
def test_what_is_not_there(task: str, attempt: int, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind) as caught:
        list(TaskLogs(Api(), "flow", "r", task, attempt).lines())
    assert str(caught.value) == said
