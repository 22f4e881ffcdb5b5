"""A failed attempt as it is shown at once, read from what Airflow's API says of it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.dags import tasklog
from gaiaflow.dags.api import AirflowApi
from gaiaflow.dags.failure import Failure, Failures
from gaiaflow.explained import FAILURES
from gaiaflow.project import Project

OPERATOR = "airflow.task.operators.gaiaflow.operators.local.DevOperator"
TRACEBACK = """Traceback (most recent call last):
  File "{root}/shop/orders.py", line 30, in _divide
    return one / two
           ~~~~^~~~~
ZeroDivisionError: division by zero

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "{root}/shop/orders.py", line 25, in total
    return pandas.apply(_divide)
  File "/envs/lib/python3.11/site-packages/pandas/core.py", line 9, in apply
    call()
  File "{root}/shop/orders.py", line 32, in _divide
    raise ValueError(f"cannot divide {{one}}") from error
ValueError: cannot divide 4"""
RAISED = "shop.orders:total raised ValueError: cannot divide 4"


def entry(text: str, logger: str = OPERATOR, **more: Any) -> dict[str, Any]:
    return {"timestamp": "2026-01-01T00:00:00Z", "event": text, "level": "info", "logger": logger, **more}


def log_of(root: Path) -> list[Any]:
    spoken = ["adding up", *TRACEBACK.format(root=root).splitlines(), f"gaiaflow: {RAISED}"]
    error = {"exc_type": "TaskFailedError", "exc_value": RAISED}
    return [
        {"event": "::group::Log message source details"},
        entry("Filling up the DagBag", "airflow.dag_processing.dagbag.BundleDagBag"),
        entry("MLflow: http://127.0.0.1:5000"),
        *map(entry, spoken),
        entry("Task failed with exception", "task", level="error", error_detail=[error]),
    ]


class Api(AirflowApi):
    """An Airflow that knows one log and the attempts of one task."""

    def __init__(self, entries: list[Any], tries: list[dict[str, Any]] | None = None) -> None:
        super().__init__("http://127.0.0.1:1", "", "")
        self.entries, self.attempts = entries, tries or []

    def log(self, *_: Any) -> list[Any]:
        return self.entries

    def tries(self, *_: Any) -> list[dict[str, Any]]:
        return self.attempts

    def tasks(self, *_: Any) -> list[dict[str, Any]]:
        return [{"task_id": "total", "retry_delay": {"days": 0, "seconds": 100, "microseconds": 0}}]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "sample"\n[tool.gaiaflow]\n')
    return Project.find(tmp_path)


def instance(state: str, number: int, map_index: int = -1) -> dict[str, Any]:
    ended = (datetime.now(timezone.utc) - timedelta(seconds=10)).isoformat().replace("+00:00", "Z")
    known = {"task_id": "total", "map_index": map_index, "state": state, "try_number": number}
    return {**known, "max_tries": 2, "end_date": ended}


def found(project: Project, *looks: dict[str, Any], tries: list[dict[str, Any]] | None = None) -> list[Failure]:
    failures = Failures(Api(log_of(project.root), tries), project, "shop", "manual__1")
    return [failure for look in looks for failure in failures.new([look])]


def test_error_own_frames_last_lines_next_attempt_and_the_debugger(project: Project) -> None:
    (failure,) = found(
        project, instance("running", 1), instance("up_for_retry", 1), instance("up_for_retry", 1)
    )
    assert list(failure.lines()) == [
        "total failed, attempt 1 of 3: shop.orders:total raised ValueError: cannot divide 4",
        "  shop/orders.py:25",
        "    return pandas.apply(_divide)",
        "  shop/orders.py:32",
        '    raise ValueError(f"cannot divide {one}") from error',
        "  caused by ZeroDivisionError: division by zero",
        "  its last lines:",
        "    adding up",
        "  the next attempt starts in 90 s",
        "  debug it: inv dag.replay shop total manual__1 --stack --pdb",
    ]


def test_an_attempt_that_failed_between_two_looks_is_shown(project: Project) -> None:
    tries = [{"try_number": 1, "state": "failed"}, {"try_number": 2, "state": "running"}]
    assert [f.attempt for f in found(project, instance("running", 2), tries=tries)] == [1]
    cleared = [{"try_number": 1, "state": "success"}]
    assert found(project, instance("running", 2), tries=cleared) == []


@pytest.mark.parametrize(
    ("state", "number", "last"),
    [
        ("failed", 3, "no other attempt follows"),
        ("failed", 1, "no other attempt: it would fail in the same way"),
    ],
)
def test_the_last_attempt_says_so(project: Project, state: str, number: int, last: str) -> None:
    tries = [{"try_number": 1, "state": "cleared"}, {"try_number": 2, "state": "cleared"}]
    (failure,) = found(project, instance(state, number, 7), tries=tries)
    assert list(failure.lines())[-2:] == [
        f"  {last}",
        "  debug it: inv dag.replay shop total manual__1 --map-index 7 --stack --pdb",
    ]
    assert failure.task == "total[7]"


def test_a_failure_that_is_no_exception_leads_to_its_page() -> None:
    failure = Failure("total", 1, 1, "`shop.orders:total` was killed: it used more memory than its limit")
    assert list(failure.lines())[-1] == f"  see: {FAILURES}#out-of-memory"


def test_only_the_last_error_of_the_log_is_the_failure(project: Project) -> None:
    """The function may log a traceback that it has dealt with."""
    handled = ["Traceback (most recent call last):", "KeyError: 1", "going on"]
    lines = tasklog.said([*map(entry, handled), *log_of(project.root)])
    assert tasklog.before_the_error(lines) == [*handled, "adding up"]
    assert tasklog.traceback_of(lines) == TRACEBACK.format(root=project.root)


@pytest.mark.parametrize(
    ("logger", "text", "said"),
    [
        ("airflow.task.operators.gaiaflow.operators.docker.DevDockerOperator", "hello", "hello"),
        ("airflow.task.operators.gaiaflow.operators.kubernetes.PodOperator", "Building pod x", None),
        ("gaiaflow.operators.pod.start.WatchfulPodManager", "[base] hello", "hello"),
        ("gaiaflow.operators.pod.start.WatchfulPodManager", "Pod x has phase Pending", None),
        ("airflow.sdk.somewhere", "hello", None),
    ],
)
def test_the_function_is_told_from_the_machinery_in_every_mode(
    logger: str, text: str, said: str | None
) -> None:
    assert [line.text for line in tasklog.said([entry(text, logger)])] == ([said] if said else [])
    assert [line.text for line in tasklog.every([entry(text, logger), "a plain line"])] == [
        text,
        "a plain line",
    ]
