"""Backfills and their dates, against an Airflow that keeps runs and backfills as the real one does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from gaiaflow.dags import backfill as dagbackfill
from gaiaflow.dags.api import AirflowApi, ConflictError, ServerError
from gaiaflow.dags.backfill import ALL, FAILED, MISSING, Planned, Request
from gaiaflow.dags.span import label, span
from gaiaflow.errors import MissingError, UsageError
from gaiaflow.project import Project
from tests.error_case import Case, fail_with, hold, text_of

REFUSED = "Airflow refuses the request: "


class Airflow(AirflowApi):
    """A daily DAG; at each look at the runs the first that is not over goes on."""

    def __init__(self, **facts: Any) -> None:
        super().__init__("http://127.0.0.1:8080", "", "")
        self.facts = {"dag_id": "tides", "timetable_periodic": True, "timezone": "UTC", **facts}
        self.runs_there: dict[str, dict[str, Any]] = {}
        self.backfills: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str, Any]] = []
        self.ends_with = "success"
        self.closes = True
        self.lost = 0
        self.refuses = ""

    def has(self, day: str, state: str, run_type: str = "scheduled", queued: str = "2024-01-01") -> None:
        self.runs_there[day] = {
            "dag_run_id": f"{run_type}__{day}",
            "logical_date": f"{day}T00:00:00Z",
            "run_type": run_type,
            "state": state,
            "queued_at": f"{queued}T00:00:00Z",
            "duration": 2.0,
            "end_date": None if state in ("queued", "running") else f"{queued}T00:01:00Z",
        }

    def request(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        self.asked.append((method, path, body or query))
        answer: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
            "GET dags/tides/details": lambda *_: self.facts,
            "GET dags/tides/dagRuns": self._listed,
            "GET backfills": lambda *_: {"backfills": self.backfills, "total_entries": len(self.backfills)},
            "POST backfills/dry_run": self._dry,
            "POST backfills": self._made,
        }
        if method == "PUT":
            return self._put(*path.split("/")[1:])
        if path.startswith("dags/tides/") and path not in ("dags/tides/details", "dags/tides/dagRuns"):
            return self._task(path, body)
        return answer[f"{method} {path}"](body, query)

    def _task(self, path: str, body: Any) -> Any:
        """Each run has one task, `level`, in the state of the run."""
        if path.endswith("/tasks"):
            return {"tasks": [{"task_id": "level", "downstream_task_ids": []}]}
        if "/logs/" in path:
            detail = {"exc_type": "ValueError", "exc_value": "no tide"}
            return {"content": [{"event": "e", "error_detail": [detail]}]}
        run_id = body["dag_run_id"] if body else path.split("/")[3]
        day, run = next((d, r) for d, r in self.runs_there.items() if r["dag_run_id"] == run_id)
        if path.endswith(run_id):
            return run
        level = {"task_id": "level", "map_index": -1, "state": run["state"], "try_number": 1, "max_tries": 0}
        if body and not body["dry_run"]:
            self.has(day, "queued", run["run_type"], "2026-01-01")
        return {"task_instances": [level], "total_entries": 1}

    def _listed(self, _: Any, query: dict[str, Any]) -> Any:
        first, last = (query.get(f"logical_date_{end}", "") for end in ("gte", "lte"))
        self._go_on()
        found = [
            dict(run) for day, run in self.runs_there.items() if not first or first[:10] <= day <= last[:10]
        ]
        return {"dag_runs": found, "total_entries": len(found)}

    def _go_on(self) -> None:
        for run in self.runs_there.values():
            if run["state"] in ("queued", "running"):
                if any(backfill["is_paused"] for backfill in self.backfills):
                    return
                run["state"] = {"queued": "running", "running": self.ends_with}[run["state"]]
                run["end_date"] = None if run["state"] == "running" else "2026-01-01T00:01:00Z"
                return
        for backfill in self.backfills if self.closes else ():
            backfill["completed_at"] = "2026-01-01T00:02:00Z"

    def _dry(self, body: Any, _: Any) -> Any:
        if self.refuses:
            raise UsageError(f"{REFUSED}{self.refuses}")
        days = [day for day in _days(body) if self._makes(day, body["reprocess_behavior"])]
        dates = [{"logical_date": f"{day}T00:00:00Z", "partition_key": None} for day in days]
        return {"backfills": dates, "total_entries": len(dates)}

    def _makes(self, day: str, behaviour: str) -> bool:
        state = self.runs_there.get(day, {}).get("state", "none")
        return state in {MISSING: ("none",), FAILED: ("none", "failed")}.get(
            behaviour, ("none", "failed", "success")
        )

    def _made(self, body: Any, _: Any) -> Any:
        if any(not backfill["completed_at"] for backfill in self.backfills):
            raise ConflictError("there is already a running backfill")
        for day in [day for day in _days(body) if day not in self.runs_there]:
            self.has(day, "queued", "backfill", "2026-01-01")
        made = {**body, "id": len(self.backfills) + 1, "is_paused": False, "completed_at": None}
        self.backfills.append({**made, "created_at": "2026-01-01T00:00:00Z"})
        if self.lost:
            self.lost -= 1
            raise ServerError("the answer did not come")
        return self.backfills[-1]

    def _put(self, number: str, action: str) -> Any:
        found = self.backfills[int(number) - 1]
        found["is_paused"] = action != "unpause"
        if action == "cancel":
            found["completed_at"] = "2026-01-01T00:03:00Z"
        return found


def _days(body: Any) -> list[str]:
    first, last = (datetime.fromisoformat(body[name]) for name in ("from_date", "to_date"))
    return [(first + timedelta(days=n)).date().isoformat() for n in range((last - first).days + 1)]


class Yearly(Airflow):
    """A DAG without a date in May."""

    def _makes(self, day: str, behaviour: str) -> bool:
        return False


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dagbackfill, "POLL", 0.001)
    monkeypatch.setattr("gaiaflow.dags.api.PAUSE", 0.001)


def asked(api: Airflow, last: str = "2024-05-03", behaviour: str = MISSING) -> Request:
    return dagbackfill.request_of(api, "tides", "2024-05-01", last, behaviour)


def actions(planned: list[Planned]) -> dict[str, str]:
    return {each.date: each.action for each in planned}


def followed(api: Airflow, request: Request) -> list[tuple[str, str, int]]:
    planned = dagbackfill.plan(api, request)
    begun = dagbackfill.begin(api, request, planned, lambda _: None)
    changes = dagbackfill.follow(api, request, planned, begun)
    return [(request.label_of(run), run["state"], over) for run, over, _ in changes]


def begun(api: Airflow, request: Request) -> list[str]:
    """What is told when it begins."""
    told: list[str] = []
    dagbackfill.begin(api, request, dagbackfill.plan(api, request), told.append)
    return told


def test_a_day_as_the_end_is_the_whole_day_and_dates_are_of_the_dags_zone() -> None:
    found = span("2024-05-01", "2024-05-03", "Europe/Berlin")
    assert found.first.isoformat() == "2024-05-01T00:00:00+02:00"
    assert found.last.isoformat() == "2024-05-03T23:59:59.999999+02:00"
    assert (str(found), found.options()) == ("2024-05-01 to 2024-05-03", "--from 2024-05-01 --to 2024-05-03")
    exact = span("2024-05-01T06:00+02:00", "2024-05-03T00:00Z")
    assert exact.first == datetime(2024, 5, 1, 4, tzinfo=timezone.utc)
    assert exact.options() == "--from 2024-05-01T04:00:00+00:00 --to 2024-05-03T00:00:00+00:00"
    assert span(*exact.options().split()[1::2]) == exact
    assert found.on_the_clock().first == datetime(2024, 5, 1, tzinfo=timezone.utc)
    assert label(datetime(2024, 5, 1, 6, 30, tzinfo=timezone.utc)) == "2024-05-01T06:30+00:00"


def test_each_date_has_what_is_there_and_what_happens_to_it() -> None:
    api = Airflow()
    api.has("2024-05-01", "success")
    api.has("2024-05-02", "failed")
    api.has("2024-05-04", "running")
    api.has("2024-06-01", "success")
    everything = dagbackfill.plan(api, asked(api, "2024-05-04"))
    assert everything[1] == Planned("2024-05-02", "scheduled__2024-05-02", "failed", "keep")
    assert actions(everything) == {
        "2024-05-01": "keep",
        "2024-05-02": "keep",
        "2024-05-03": "make",
        "2024-05-04": "keep",
    }
    assert list(actions(dagbackfill.plan(api, asked(api, behaviour=FAILED))).values()) == [
        "keep",
        "again",
        "make",
    ]
    assert list(actions(dagbackfill.plan(api, asked(api, behaviour=ALL))).values()) == [
        "again",
        "again",
        "make",
    ]
    api.has("2024-05-02", "queued")
    assert list(actions(dagbackfill.plan(api, asked(api, "2024-05-02", ALL))).values()) == ["again", "keep"]
    assert not [method for method, path, _ in api.asked if (method, path) == ("POST", "backfills")]


def test_as_many_runs_are_active_as_the_dag_allows() -> None:
    assert asked(Airflow(max_active_runs=3)).most == 3
    assert asked(Airflow(max_active_runs=16)).most == 10
    assert dagbackfill.request_of(Airflow(), "tides", "2024-05-01", "2024-05-02", most=20).most == 20


def test_a_backfill_is_made_and_each_change_of_its_runs_is_told() -> None:
    api = Airflow()
    api.has("2024-05-01", "success")
    assert followed(api, asked(api)) == [
        ("2024-05-02", "running", 0),
        ("2024-05-03", "queued", 0),
        ("2024-05-02", "success", 1),
        ("2024-05-03", "running", 1),
        ("2024-05-03", "success", 2),
    ]
    body = next(body for method, path, body in api.asked if (method, path) == ("POST", "backfills"))
    assert body == {
        "dag_id": "tides",
        "from_date": "2024-05-01T00:00:00+00:00",
        "to_date": "2024-05-03T23:59:59.999999+00:00",
        "reprocess_behavior": "none",
        "max_active_runs": 10,
    }


def test_runs_that_are_there_are_cleared_and_no_backfill_touches_them() -> None:
    """Airflow 3.3 deletes them where SQLite is locked while its backfill clears them."""
    api = Airflow()
    api.has("2024-05-01", "success")
    api.has("2024-05-02", "failed")
    assert [day for day, state, _ in followed(api, asked(api, "2024-05-02", FAILED)) if state == "success"] == [
        "2024-05-02"
    ]
    assert api.backfills == []
    cleared = [body for _, path, body in api.asked if path.endswith("/clearTaskInstances")]
    assert [(body["dry_run"], body["task_ids"]) for body in cleared] == [(True, ["level"]), (False, ["level"])]
    followed(api, asked(api, behaviour=ALL))
    cleared = [body for _, path, body in api.asked if path.endswith("/clearTaskInstances")][2:]
    assert [(body["dag_run_id"], "task_ids" in body) for body in cleared] == [
        ("scheduled__2024-05-01", False),
        ("scheduled__2024-05-02", False),
    ]
    assert [backfill["reprocess_behavior"] for backfill in api.backfills] == ["failed"]


def test_the_same_command_takes_up_a_backfill_that_was_left_or_paused() -> None:
    api = Airflow()
    begun(api, asked(api))
    dagbackfill.stop(api, "tides", "pause")
    assert dagbackfill.has_work(dagbackfill.plan(api, asked(api)))
    assert begun(api, asked(api)) == ["backfill 1 of DAG `tides` continues"]
    assert [backfill["is_paused"] for backfill in api.backfills] == [False]


def test_an_answer_that_was_lost_makes_no_second_backfill() -> None:
    api = Airflow()
    api.lost = 1
    assert begun(api, asked(api)) == ["backfill 1 of DAG `tides` continues"]
    assert len(api.backfills) == 1


def test_a_backfill_that_is_over_is_waited_for_until_airflow_has_closed_it() -> None:
    api = Airflow()
    request = asked(api)
    followed(api, request)
    api.backfills[0]["completed_at"] = None
    assert not dagbackfill.has_work(dagbackfill.plan(api, request))
    api.backfills[0]["completed_at"] = None
    api.closes = False
    planned = dagbackfill.plan(api, asked(api, "2024-05-05"))
    api.closes = True
    told: list[str] = []
    dagbackfill.begin(api, asked(api, "2024-05-05"), planned, told.append)
    assert told == ["waiting until Airflow has closed the backfill before, which takes up to 30 s"]
    assert len(api.backfills) == 2


def test_runs_that_were_over_before_are_none_of_the_backfill() -> None:
    api = Airflow()
    api.has("2024-05-01", "failed", "backfill")
    assert [day for day, *_ in followed(api, asked(api, "2024-05-02"))] == ["2024-05-02"] * 2


def test_a_dag_of_partitions_is_told_by_its_keys() -> None:
    request = Request("tides", span("2024-05-01", "2024-05-02", "Europe/Berlin"), partitioned=True)
    assert request.body(MISSING)["from_date"] == "2024-05-01T00:00:00+00:00"
    run = {"partition_key": "2024-05-01", "partition_date": "2024-04-30T22:00:00Z", "logical_date": None}
    assert (request.label_of(run), request.moment_of(run)) == (
        "2024-05-01",
        datetime(2024, 4, 30, 22, tzinfo=timezone.utc),
    )


def refused(reason: str) -> Airflow:
    api = Airflow()
    api.refuses = reason
    return api


def beside_another() -> object:
    api = Airflow()
    begun(api, asked(api))
    return begun(api, asked(api, "2024-05-05"))


def always_refused() -> object:
    """A backfill that another program begins and ends again and again."""
    api = Airflow()
    request = asked(api)
    planned = dagbackfill.plan(api, request)
    api._made = lambda *_: fail_with(ConflictError("there is one"))  # type: ignore[method-assign]
    return dagbackfill.begin(api, request, planned, lambda _: None)


def never_closed() -> object:
    api = Airflow()
    api.closes = False
    followed(api, asked(api))
    return begun(api, asked(api, "2024-05-05"))


CASES = [
    Case(lambda _: span("May", "2024-05-01"), 2, "`--from` is `May`, not a date",
         "--from 2024-05-01 or --from 2024-05-01T06:00+02:00"),
    Case(lambda _: span("2024-05-02", "2024-05-01"), 2,
         "`--from` is 2024-05-02, which is after `--to`, 2024-05-01",
         "--from 2024-05-01 --to 2024-05-02"),
    Case(lambda _: span("2024-05-01", "2024-05-02", "Mars/Base"), 2,
         "this machine does not know `Mars/Base`, the time zone of the DAG",
         "give the date with its zone: --from 2024-05-01T00:00+00:00"),
    Case(lambda _: asked(Airflow(timetable_periodic=False, timetable_summary="None")), 2,
         "DAG `tides` has no dates to fill: its schedule is None",
         'use one that repeats: DAG(..., schedule="@daily")'),
    Case(lambda _: dagbackfill.request_of(Airflow(), "tides", "2999-01-01", "2999-01-02"), 2,
         "`--from` is 2999-01-01, which is in the future", "choose a date in the past"),
    Case(lambda _: dagbackfill.plan(Yearly(), asked(Yearly(), "2024-05-01")), 2,
         "DAG `tides` has no scheduled date in the past from 2024-05-01 to 2024-05-01",
         "check its schedule: inv dag.list"),
    Case(lambda _: dagbackfill.plan(refused("a DAG with depends_on_past=True"), asked(Airflow())), 2,
         "tasks of DAG `tides` have depends_on_past: Airflow does not fill gaps between its runs",
         "add --failed or --all"),
    Case(lambda _: dagbackfill.plan(refused("no"), asked(Airflow())), 2, f"{REFUSED}no", ""),
    Case(lambda _: beside_another(), 2,
         "another backfill of DAG `tides` runs: 2024-05-01 to 2024-05-03",
         "inv dag.backfill tides --from 2024-05-01 --to 2024-05-03 follows it; "
         "inv dag.backfill tides --cancel ends it"),
    Case(lambda _: always_refused(), 2, "Airflow does not accept a backfill of DAG `tides` now",
         "repeat the command"),
    Case(lambda _: never_closed(), 4,
         "Airflow has not closed backfill 1 of DAG `tides`, although its runs have ended",
         "inv dag.backfill tides --cancel"),
    Case(lambda _: dagbackfill.stop(Airflow(), "tides", "pause"), 3, "no backfill of DAG `tides` runs",
         "inv dag.backfill tides --from DATE --to DATE"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dagbackfill, "CLOSING", 0.01)
    monkeypatch.setattr(dagbackfill, "TRYING", 0.01)
    hold(case, project)


def test_an_airflow_that_starts_again_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([MissingError("no answer"), MissingError("no answer"), []])

    def look() -> list[dict[str, Any]]:
        found = next(looks)
        if isinstance(found, MissingError):
            raise found
        return found

    assert dagbackfill._awaited(look) == []
    monkeypatch.setattr(dagbackfill, "SILENCE", -1)
    looks = iter([MissingError("no answer")])
    with pytest.raises(MissingError):
        dagbackfill._awaited(look)
