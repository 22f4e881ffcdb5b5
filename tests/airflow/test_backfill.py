"""Backfills and recoveries against Airflow's own API, in this process: what it takes, makes and clears."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.dags import backfill as dagbackfill, recover as dagrecover
from gaiaflow.dags.api import AirflowApi, ConflictError, NotFoundError
from gaiaflow.dags.backfill import ALL, FAILED, MISSING
from gaiaflow.errors import UsageError
from gaiaflow.project import Project
from gaiaflow.testing import minors, place
from gaiaflow.testing.run import run_dag

DAGS = """
from datetime import datetime
from airflow.sdk import DAG
from gaiaflow.tasks import FromRun, FromTask, create_task

start = datetime(2024, 1, 1)
with DAG("tides", schedule="@daily", start_date=start, max_active_runs=3):
    create_task("read", "pk.f:read", func_kwargs={"day": FromRun("ds")})
    create_task("days", "pk.f:days", func_args=[FromTask("read")])
    create_task("level", "pk.f:level", func_args=["high"], map_over={"day": FromTask("days")})
    create_task("report", "pk.f:report", func_args=[FromTask("level")])
with DAG("chained", schedule="@daily", start_date=start):
    create_task("read", "pk.f:read", func_kwargs={"day": FromRun("ds")}, depends_on_past=True)
with DAG("once", schedule="@once", start_date=start):
    create_task("read", "pk.f:read", func_kwargs={"day": "x"})
"""
KEYS = """
from airflow.sdk import DAG, CronPartitionTimetable
from gaiaflow.tasks import FromRun, create_task

with DAG("tiles", schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC")):
    create_task("read", "pk.f:read", func_kwargs={"day": FromRun("partition_key")})
"""
FUNCTIONS = """
def read(day):
    return day

def days(day):
    return [day, "other"]

def level(name, day):
    if day == "2024-05-02":
        raise ValueError("no tide")
    return day

def report(levels):
    return levels
"""


class Served(AirflowApi):
    """The API in this process."""

    def __init__(self, client: Any) -> None:
        super().__init__("http://testserver", "", "")
        self.client = client

    def _send(self, method: str, url: str, body: Any, token: str) -> Any:
        if url.endswith("/auth/token"):
            return self.client.get("/auth/token").json()
        found = self.client.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"})
        if found.status_code == 404:
            raise NotFoundError(found.text)
        if found.status_code == 409:
            raise ConflictError(found.text)
        if found.status_code == 422:
            raise UsageError(f"Airflow refuses the request: {found.json()['detail']}")
        assert found.status_code < 300, found.text
        return found.json() if found.content else None


@pytest.fixture
def served(
    project: Callable[..., Path], airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    """The API of an Airflow that knows the DAGs and two runs of `tides`, of which the second failed."""
    found = Project.find(project(DAGS, FUNCTIONS))
    if minors.has_partitions():
        (found.dags / "keys.py").write_text(KEYS)
    place.enter(found, airflow_home)
    days = ("2024-05-01", "2024-05-02")
    states = [run_dag("tides", project=found, home=airflow_home, date=day).state for day in days]
    assert states == ["success", "failed"]
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True")
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from fastapi.testclient import TestClient

    purge_cached_app()
    with TestClient(create_app(apps="core")) as client:
        yield Served(client)


def asked(api: Served, last: str = "2024-05-03", behaviour: str = MISSING, dag: str = "tides") -> Any:
    return dagbackfill.request_of(api, dag, "2024-05-01", last, behaviour)


def test_airflow_makes_the_runs_that_the_plan_says_and_clears_what_failed(served: Served) -> None:
    _plans(served)
    _backfills(served)
    _recovers(served)
    _clears(served)
    _refuses(served)
    if minors.has_partitions():
        _keys(served)


def _plans(served: Served) -> None:
    def actions(behaviour: str) -> list[tuple[str, str | None, str]]:
        planned = dagbackfill.plan(served, asked(served, behaviour=behaviour))
        return [(each.date, each.state, each.action) for each in planned]

    first, second, third = "2024-05-01", "2024-05-02", "2024-05-03"
    assert actions(MISSING) == [(first, "success", "keep"), (second, "failed", "keep"), (third, None, "make")]
    assert actions(FAILED) == [(first, "success", "keep"), (second, "failed", "again"), (third, None, "make")]
    assert actions(ALL) == [(first, "success", "again"), (second, "failed", "again"), (third, None, "make")]


def _backfills(served: Served) -> None:
    def begun(last: str) -> set[str]:
        planned = dagbackfill.plan(served, asked(served, last))
        return dagbackfill.begin(served, asked(served, last), planned, lambda _: None)

    request = asked(served)
    assert request.most == 3
    assert begun("2024-05-03") == set()
    made = dagbackfill.active(served, "tides")
    assert made is not None
    assert request.is_of(made)
    runs = dagbackfill.members(dagbackfill.runs(served, request), made)
    assert [(request.label_of(run), run["state"]) for run in runs] == [("2024-05-03", "queued")]
    assert dagbackfill.has_work(dagbackfill.plan(served, request))
    assert dagbackfill.stop(served, "tides", "pause")["is_paused"] is True
    begun("2024-05-03")
    again = dagbackfill.active(served, "tides")
    assert again is not None
    assert (again["id"], again["is_paused"]) == (made["id"], False)
    with pytest.raises(UsageError, match="runs: 2024-05-01 to 2024-05-03"):
        begun("2024-05-05")
    assert dagbackfill.stop(served, "tides", "cancel")["completed_at"]
    assert [each.state for each in dagbackfill.plan(served, request)] == ["success", "failed", "failed"]
    assert dagbackfill.active(served, "tides") is None


def _recovers(served: Served) -> None:
    run = dagbackfill.runs(served, asked(served))[1]
    found = dagrecover.recovery(served, "tides", run)
    assert (found.again, found.kept) == (["level[0]", "report"], ["read", "days", "level[1]"])
    dagrecover.begin(served, "tides", run["dag_run_id"], found)
    states = {(i["task_id"], i["map_index"]): i["state"] for i in served.instances("tides", run["dag_run_id"])}
    assert served.run_state("tides", run["dag_run_id"]) == "queued"
    assert states == {
        ("read", -1): "success",
        ("days", -1): "success",
        ("level", 0): None,
        ("level", 1): "success",
        ("report", -1): None,
    }


def _clears(served: Served) -> None:
    """The run that was recovered goes on; the one that was cancelled before it began runs whole."""
    request = asked(served, behaviour=FAILED)
    planned = dagbackfill.plan(served, request)
    assert [each.action for each in planned] == ["keep", "keep", "again"]
    assert dagbackfill.begin(served, request, planned, lambda _: None) == {planned[2].run_id}
    assert [each.state for each in dagbackfill.plan(served, request)] == ["success", "queued", "queued"]
    everything = dagbackfill.plan(served, asked(served, behaviour=ALL))
    assert [each.action for each in everything] == ["again", "keep", "keep"]
    dagbackfill.begin(served, asked(served, behaviour=ALL), everything, lambda _: None)
    assert {i["state"] for i in served.instances("tides", str(planned[0].run_id))} == {None}


def _refuses(served: Served) -> None:
    if "timetable_periodic" in served.details("once"):  # not in each minor, and then Airflow refuses it
        with pytest.raises(UsageError, match="its schedule is @once"):
            asked(served, dag="once")
    with pytest.raises(UsageError, match="tasks of DAG `chained` have depends_on_past"):
        dagbackfill.plan(served, asked(served, dag="chained"))
    assert len(dagbackfill.plan(served, asked(served, dag="chained", behaviour=FAILED))) == 3


def _keys(served: Served) -> None:
    request = asked(served, dag="tiles")
    assert request.partitioned
    planned = dagbackfill.plan(served, request)
    assert [each.action for each in planned] == ["make"] * 3
    dagbackfill.begin(served, request, planned, lambda _: None)
    made = dagbackfill.active(served, "tiles")
    assert made is not None
    runs = dagbackfill.members(dagbackfill.runs(served, request), made)
    assert [run["partition_key"] for run in runs] == [each.date for each in planned]
    assert [each.state for each in dagbackfill.plan(served, request)] == ["queued"] * 3
    dagbackfill.stop(served, "tiles", "cancel")
