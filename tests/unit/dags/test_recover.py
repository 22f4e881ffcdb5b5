"""What a recovery runs again and what it keeps, against an Airflow that clears as the real one does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from gaiaflow.dags import recover as dagrecover
from gaiaflow.dags.api import AirflowApi
from gaiaflow.project import Project
from tests.error_case import Case, hold, text_of

FAILED = {"dag_run_id": "manual__1", "state": "failed"}


class Airflow(AirflowApi):
    """A run of find, many[0..2], join and aside; Airflow clears along the edges that the run had."""

    then: ClassVar[dict[str, list[str]]] = {"find": ["many", "join"], "many": ["join"], "join": [], "aside": []}

    def __init__(self, now: dict[str, list[str]] | None = None, **states: str) -> None:
        super().__init__("http://127.0.0.1:8080", "", "")
        self.now = now or self.then
        spots = [("find", -1), ("many", 0), ("many", 1), ("many", 2), ("join", -1), ("aside", -1)]
        self.found = [
            {
                "task_id": task,
                "map_index": i,
                "try_number": 1,
                "state": states.get(f"{task}{i}" if i >= 0 else task, "success"),
            }
            for task, i in spots
        ]
        self.cleared: list[dict[str, Any]] = []

    def request(self, method: str, path: str, body: Any = None, **_: Any) -> Any:
        if path.endswith("/taskInstances"):
            return {"task_instances": self.found, "total_entries": len(self.found)}
        if path == "dags/flow/tasks":
            return {"tasks": [{"task_id": t, "downstream_task_ids": after} for t, after in self.now.items()]}
        assert (method, path) == ("POST", "dags/flow/clearTaskInstances")
        self.cleared.append(body)
        after = {
            name
            for each in body.get("task_ids", ())
            for name in self.then[each if isinstance(each, str) else each[0]]
        }
        return {
            "task_instances": [
                i for i in self.found if i["task_id"] in after or _is_in(i, body.get("task_ids", ()))
            ]
        }


def _is_in(instance: dict[str, Any], chosen: Sequence[Any]) -> bool:
    return instance["task_id"] in chosen or [instance["task_id"], instance["map_index"]] in chosen


def test_what_failed_and_what_comes_after_it_runs_again() -> None:
    api = Airflow(many1="failed", join="upstream_failed")
    found = dagrecover.recovery(api, "flow", FAILED)
    assert found.again == ["many[1]", "join"]
    assert found.kept == ["aside", "find", "many[0]", "many[2]"]
    assert found.seen["many", 1] == 1
    assert [body["dry_run"] for body in api.cleared] == [True]
    dagrecover.begin(api, "flow", "manual__1", found)
    assert api.cleared[-1] == {
        "dry_run": False,
        "dag_run_id": "manual__1",
        "task_ids": [["many", 1], "join"],
        "include_downstream": True,
        "only_failed": False,
        "reset_dag_runs": True,
        "run_on_latest_version": True,
    }


def test_a_run_of_which_no_task_failed_runs_again_whole() -> None:
    """It was cancelled before it began."""
    api = Airflow()
    dagrecover.again(api, "flow", FAILED, whole=False)
    (body,) = api.cleared
    assert (body["dry_run"], "task_ids" in body) == (False, False)


def test_a_task_that_succeeded_runs_again_when_it_is_named() -> None:
    found = dagrecover.recovery(Airflow(), "flow", {**FAILED, "state": "success"}, "many")
    assert (found.again, found.kept) == (["many[0]", "many[1]", "many[2]", "join"], ["aside", "find"])


def test_what_comes_after_it_by_now_runs_again_too() -> None:
    """The code was changed: `aside` takes from `join`, and `more` is new."""
    now = {**Airflow.then, "join": ["aside"], "aside": [], "more": []}
    api = Airflow(now, join="failed")
    found = dagrecover.recovery(api, "flow", FAILED)
    assert found.again == ["join", "aside"]
    assert found.chosen == ["join", "aside"]
    assert found.new == ["more"]


CASES = [
    Case(
        lambda _: dagrecover.recovery(Airflow(), "flow", {**FAILED, "state": "running"}),
        1,
        "run `manual__1` of DAG `flow` is still running: recover it when it has ended",
        "inv dag.watch flow manual__1",
    ),
    Case(
        lambda _: dagrecover.recovery(Airflow(), "flow", FAILED, "jion"),
        2,
        "run `manual__1` has no task `jion` (did you mean `join`?)",
        "it has aside, find, join, many",
    ),
    Case(
        lambda _: dagrecover.recovery(Airflow(), "flow", FAILED),
        2,
        "no task of run `manual__1` of DAG `flow` failed, so there is nothing to recover",
        "inv dag.recover flow manual__1 --from TASK runs a task and the tasks after it again",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)
