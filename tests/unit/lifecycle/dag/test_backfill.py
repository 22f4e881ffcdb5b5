"""`dag.backfill` and `dag.recover` as they are typed: what is shown, the verdict, Ctrl-C."""

from __future__ import annotations

import json
from typing import Any

import pytest
from invoke.program import Program

from gaiaflow.dags import backfill as dagbackfill, reading, run as dagrun
from gaiaflow.lifecycle.dag import backfill as backfilling, recover as recovering
from gaiaflow.lifecycle.namespace import namespace
from gaiaflow.project import Project
from tests.error_case import Case, hold, text_of
from tests.unit.dags.test_backfill import Airflow
from tests.unit.dags.test_recover import Airflow as Recovering

DATES = ("--from", "2024-05-01", "--to", "2024-05-03")


@pytest.fixture
def api(project: Project, monkeypatch: pytest.MonkeyPatch) -> Airflow:
    served = Airflow()
    monkeypatch.chdir(project.root)
    monkeypatch.setattr(dagbackfill, "POLL", 0.001)
    monkeypatch.setattr(dagrun, "connect", lambda _: served)
    monkeypatch.setattr(dagrun, "await_dag", lambda *_, **__: None)
    monkeypatch.setattr(reading, "refuse_undeclared", lambda *_: None)
    return served


def inv(*words: str) -> int:
    try:
        Program(namespace=namespace()).run(["inv", *words])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_a_dry_run_shows_each_date_and_makes_nothing(api: Airflow, capsys: pytest.CaptureFixture[str]) -> None:
    api.has("2024-05-01", "success")
    api.has("2024-05-02", "failed")
    assert inv("dag.backfill", "tides", *DATES, "--failed", "--dry-run") == 0
    told = capsys.readouterr()
    assert (
        told.err
        == "DAG `tides`, 2024-05-01 to 2024-05-03: 3 runs, 1 to make, 1 to run again, 1 there already\n"
    )
    assert [line.split() for line in told.out.splitlines()] == [
        ["date", "run", "state", "backfill"],
        ["2024-05-01", "scheduled__2024-05-01", "success", "there", "already"],
        ["2024-05-02", "scheduled__2024-05-02", "failed", "to", "run", "again"],
        ["2024-05-03", "-", "-", "to", "make"],
    ]
    assert api.backfills == []


def test_all_runs_are_followed_to_their_verdict(api: Airflow, capsys: pytest.CaptureFixture[str]) -> None:
    assert inv("dag.backfill", "tides", *DATES, "--json") == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert found["runs"][0] == {
        "date": "2024-05-01",
        "action": "make",
        "run_id": "backfill__2024-05-01",
        "state": "success",
        "seconds": 2.0,
        "failed": [],
    }
    assert told.err.splitlines()[1:3] == ["2024-05-01 running", "2024-05-01 success 2.0 s, 1 of 3 are over"]
    assert told.err.splitlines()[-1] == "DAG `tides`, 2024-05-01 to 2024-05-03: 3 runs succeeded"


def test_a_run_that_failed_is_told_at_once_and_in_the_verdict(
    api: Airflow, capsys: pytest.CaptureFixture[str]
) -> None:
    api.has("2024-05-01", "success")
    api.has("2024-05-02", "success")
    api.ends_with = "failed"
    assert inv("dag.backfill", "tides", *DATES) == 1
    told = capsys.readouterr()
    assert "level failed, attempt 1 of 1: ValueError: no tide" in told.err
    assert told.out.splitlines()[-1].split() == ["2024-05-03", "backfill__2024-05-03", "failed", "2.0", "level"]
    assert told.err.splitlines()[-2:] == [
        "what failed again, and what comes after it: "
        "inv dag.backfill tides --from 2024-05-01 --to 2024-05-03 --failed",
        "error: 1 of 3 runs of DAG `tides` failed: 2024-05-03",
    ]
    assert inv("dag.backfill", "tides", *DATES) == 1
    assert len(api.backfills) == 1


def test_ctrl_c_leaves_it_and_says_how_to_come_back(
    api: Airflow, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(dagbackfill, "follow", interrupted)
    assert inv("dag.backfill", "tides", *DATES, "--all") == 130
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "error: left the backfill of DAG `tides`, which continues",
        "hint: inv dag.backfill tides --from 2024-05-01 --to 2024-05-03",
    ]
    monkeypatch.undo()


def test_a_backfill_is_only_made_paused_and_cancelled(api: Airflow, capsys: pytest.CaptureFixture[str]) -> None:
    assert inv("dag.backfill", "tides", *DATES, "--no-follow") == 0
    assert capsys.readouterr().err.splitlines()[-1] == (
        "follow it: inv dag.backfill tides --from 2024-05-01 --to 2024-05-03"
    )
    assert inv("dag.backfill", "tides", "--pause") == 0
    assert api.backfills[0]["is_paused"]
    assert inv("dag.backfill", "tides", "--cancel", "--json") == 0
    told = capsys.readouterr()
    assert told.err.splitlines()[-1] == (
        "backfill 1 of DAG `tides` begins no more runs; runs that have begun go on"
    )
    assert json.loads(told.out)["state"] == "cancelled"


def test_a_recovery_says_what_is_kept_before_it_begins(
    api: Airflow, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recovered = Recovering(many1="failed", join="upstream_failed")
    run = {"dag_run_id": "manual__1", "state": "failed"}
    monkeypatch.setattr(dagrun, "connect", lambda _: recovered)
    monkeypatch.setattr(recovered, "runs", lambda _: [run])
    assert inv("dag.recover", "flow", "latest", "--dry-run", "--json") == 0
    told = capsys.readouterr()
    assert told.err.splitlines() == [
        "runs again: many[1], join",
        "keeps its result: aside, find, many[0], many[2]",
    ]
    assert json.loads(told.out)["again"] == ["many[1]", "join"]
    followed: list[Any] = []
    monkeypatch.setattr(recovering, "follow", lambda *words: followed.append(words))
    assert inv("dag.recover", "flow", "latest") == 0
    assert recovered.cleared[-1]["dry_run"] is False
    assert followed[0][2:4] == ("flow", "manual__1")
    assert followed[0][6]["many", 1] == 1
    assert followed[0][8] == ["aside", "find", "many[0]", "many[2]"]


CASES = [
    Case(
        lambda _: backfilling._behaviour(True, False, True),
        2,
        "use only one of `--missing`, `--failed` and `--all`",
        "`--all` includes the others",
    ),
    Case(
        lambda _: backfilling._stop(True, True), 2, "use either `--pause` or `--cancel`, not both", "--cancel"
    ),
    Case(
        lambda _: backfilling._check("tides", "", "2024-05-01", 0, ""),
        2,
        "`dag.backfill` needs `--from`",
        "inv dag.backfill tides --from 2024-05-01 --to 2024-05-31",
    ),
    Case(
        lambda _: backfilling._check("tides", "2024-05-01", "2024-05-02", -1, ""),
        2,
        "`--max-active` is -1, not a whole number of 1 or more",
        "--max-active 4",
    ),
    Case(
        recovering._connect,
        3,
        "Airflow is not running: `dag.recover` is for runs on the stack, `dag.test` keeps no results",
        "inv dev.start",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)
