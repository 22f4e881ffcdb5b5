"""Signals to the command line at many moments: after `stop` nothing is left, after `start` all is there."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from evidence import Evidence
from signalling import Moment, assert_told_to_end, interrupt
from small_project import SmallProject

pytestmark = pytest.mark.stack

INT, TERM, KILL = signal.SIGINT, signal.SIGTERM, signal.SIGKILL
LONGEST_STOP = 10
START = ("dev.start", "--backend", "embedded", "--auto-ports", "--service")
PAIR, ALL = (*START, "mlflow"), (*START, "all")
STOP = ("dev.stop",)
RUN = ("dag.run", "kept")
# Of a stack that does not run.
STARTS = [
    Moment(PAIR, "", 0.1, INT),
    Moment(PAIR, "", 0.3, TERM),
    Moment(PAIR, "backend embedded", 0.0, KILL),
    Moment(PAIR, "ports and keys", 0.0, TERM),
    Moment(PAIR, "environment services", 0.0, KILL),
    Moment(PAIR, "environment services", 0.15, KILL),
    Moment(PAIR, "processes", 0.0, INT),
    Moment(PAIR, "processes", 0.4, INT, group=True),
    Moment(PAIR, "s3 answers", 0.0, KILL),
    Moment(PAIR, "s3 answers", 0.5, TERM, group=True),
    Moment(ALL, "environment airflow", 0.0, TERM),
    Moment(ALL, "processes", 1.0, KILL),
]
# Of one that does.
STOPS = [
    Moment(STOP, "", 0.2, INT),
    Moment(STOP, "", 0.35, KILL),
    Moment(STOP, "", 0.5, TERM),
    Moment(STOP, "", 0.9, KILL),
]
RUNS = [
    Moment(RUN, "run ", 0.0, INT),
    Moment(RUN, "run ", 0.5, TERM),
    Moment(RUN, "one ", 0.0, KILL),
    Moment(RUN, "", 0.2, KILL),
]


@pytest.fixture(scope="module")
def kept(small: SmallProject) -> Callable[[], None]:
    """Makes an object, a run, a model and a DAG run, and later finds them again on the started stack."""
    small.start()
    small.inv("dag.run", "kept")
    made = small.clients("make", "before")
    ids = _dag_runs(small)
    assert made["objects"]
    assert made["models"]
    assert ids
    small.stop()

    def check() -> None:
        found = small.clients("list")
        assert {name: found[name] for name in made} == made
        assert ids <= _dag_runs(small)

    return check


def _dag_runs(small: SmallProject) -> set[str]:
    from gaiaflow.dags import run as dagrun

    api: Any = dagrun.connect(small.project)
    return {run["dag_run_id"] for run in api.request("GET", "dags/kept/dagRuns")["dag_runs"]}


def _some(moments: list[Moment], full: bool) -> list[Moment]:
    """All, or as many as CI has time for."""
    return moments if full else moments[1::3]


def test_a_start_that_is_cut_off_leaves_nothing(
    small: SmallProject, kept: Callable[[], None], full: bool, evidence: Evidence
) -> None:
    slowest, moments = 0.0, _some(STARTS, full)
    for moment in moments:
        assert_told_to_end(moment, *interrupt(small, moment))
        slowest = max(slowest, small.stop())
        small.assert_nothing_left()
    small.start()
    kept()
    busy = os.getloadavg()[0] > 2 * (os.cpu_count() or 1)  # with others, whose work is not ours to measure
    assert slowest < LONGEST_STOP or busy
    evidence.add(
        "kill",
        f"SIGINT, SIGTERM, SIGKILL at {len(moments)} moments of `dev.start`, embedded",
        f"`dev.stop` left no process, port or socket (slowest {slowest:.1f} s); data and runs are there",
    )


def test_a_stop_that_is_cut_off_can_be_repeated(small: SmallProject, full: bool, evidence: Evidence) -> None:
    moments = _some(STOPS, full)
    for moment in moments:
        small.start("--service", "s3")
        assert_told_to_end(moment, *interrupt(small, moment))
        small.stop()
        small.assert_nothing_left()
    evidence.add(
        "kill",
        f"the same at {len(moments)} moments of `dev.stop`, embedded",
        "the second `dev.stop` left nothing",
    )


def test_a_run_that_nobody_follows_any_more_goes_on(
    small: SmallProject, kept: Callable[[], None], full: bool, evidence: Evidence
) -> None:
    small.start()
    before, moments = _dag_runs(small), _some(RUNS, full)
    for moment in moments:
        assert_told_to_end(moment, *interrupt(small, moment))
    assert len(_dag_runs(small) - before) == len([m for m in moments if m.after])
    small.inv("dag.run", "kept")
    kept()
    small.stop()
    small.assert_nothing_left()
    evidence.add(
        "kill",
        f"the same at {len(moments)} moments of `dag.run`, embedded",
        "the run goes on in Airflow, each was triggered once, the next `dag.run` succeeds",
    )
