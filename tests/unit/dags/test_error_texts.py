"""The whole texts of the errors of DAGs seen from outside: read, run, replayed."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from gaiaflow.dags import (
    api as airflow_api,
    check as dagcheck,
    inspector as inspection,
    name as dagid,
    replay as dagreplay,
    run as dagrun,
    state as dagstate,
    test as dagtest,
)
from gaiaflow.dags.api import AirflowApi, NotFoundError, _UnauthorizedError
from gaiaflow.dags.inspector import Inspector
from gaiaflow.dags.replay import Recalled
from gaiaflow.dags.when import read_when
from gaiaflow.errors import GaiaflowError
from gaiaflow.project import Project
from tests.error_case import Case, fail_with, hold, text_of


class Answers(Inspector):
    """Knows one DAG without asking Airflow."""

    def ask(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"dags": [{"dag": "flow", "file": "flow.py", "tasks": []}], "errors": {}}


def child(project: Project, code: str) -> object:
    """A child of Airflow's environment that does something else than answer."""
    return Inspector(project, Path(sys.executable)).run([sys.executable, "-c", code, "dir/question"], {})


class Api:
    """An Airflow with one DAG, which ran once, and another that did not."""

    def runs(self, dag: str) -> list[dict[str, Any]]:
        if dag == "new":
            return []
        if dag != "flow":
            raise NotFoundError("no such DAG")
        return [{"dag_run_id": "manual__1", "state": "success"}]

    def run(self, *_: str) -> dict[str, Any]:
        raise NotFoundError("no such run")

    def dag_ids(self) -> list[str]:
        return ["flow", "new"]


API: Any = Api()

PARTS = [{"task_id": "one", "map_index": index} for index in (0, 1)]


def without_environment(project: Project) -> object:
    place = Recalled("flow", "one", "r", -1, {}, "success", 1, {}, project.root / "python", None)
    return dagreplay.replay(place, Inspector(project, Path(sys.executable)))


def unknown_token(_: Project) -> object:
    api = AirflowApi("http://127.0.0.1:9", "admin", "no")

    def send(_method: str, url: str, _body: Any, _token: str) -> Any:
        if url.endswith("/auth/token"):
            return {"access_token": "stale"}
        raise _UnauthorizedError("stale")

    api._send = send  # type: ignore[method-assign]
    return api.dag_ids()


def run_of_a_dag(project: Project) -> object:
    """The child is a program that leaves nothing."""
    return dagtest.run(project, Path(shutil.which("false") or ""), "flow")


PLACE = "http://127.0.0.1:9"  # the port of `discard`: nobody listens


def answered(status: int, detail: str, sent: bool = True) -> GaiaflowError:
    body = io.BytesIO(f'{{"detail": "{detail}"}}'.encode())
    return airflow_api._explained(HTTPError(PLACE, status, "no", None, body), sent)  # type: ignore[arg-type]


def instances(*indices: int) -> list[dict[str, Any]]:
    return [{"task_id": "load", "map_index": index} for index in indices]


WHEN = "--date 2024-05-01"
WINDOW = "--interval 2024-05-01..2024-05-02"

CASES = [
    Case(lambda _: read_when("today"), 2, "`--date` has `today`, which is not a date in ISO 8601", WHEN),
    Case(
        lambda _: read_when("2024-02-30"),
        2,
        "`--date` has `2024-02-30`, which is not a date: day is out of range for month",
        WHEN,
    ),
    Case(
        lambda _: read_when(interval="2024-05-01"),
        2,
        "`--interval` is `2024-05-01`, not two dates with `..` between",
        WINDOW,
    ),
    Case(
        lambda _: read_when(interval="2024-05-02..2024-05-01"),
        2,
        "`--interval` is `2024-05-02..2024-05-01`, which ends before it begins",
        WINDOW,
    ),
    Case(
        lambda _: read_when(interval="2024-05-02..now"),
        2,
        "`--interval` has `now`, which is not a date in ISO 8601",
        WINDOW,
    ),
    Case(lambda _: read_when(partition=" "), 2, "`--partition` is blank", "--partition 2024-05-01"),
    Case(
        lambda p: dagcheck.structures(p, Answers(p, Path(sys.executable)).ask(), "flwo"),
        2,
        "no DAG `flwo` in {root}/dags (did you mean `flow`?)",
        "there is flow",
    ),
    Case(
        lambda p: child(p, "print('why')"),
        1,
        "the DAGs of {root}/dags could not be read",
        "less {root}/.gaiaflow/test/output/question.log",
    ),
    Case(
        lambda p: child(p, "import time; time.sleep(60)"),
        1,
        "the DAGs of {root}/dags were not read within 1 s",
        "check what the DAG files do at import",
    ),
    Case(
        lambda _: dagstate.find_run(API, "flwo", "latest"),
        2,
        "Airflow has no DAG `flwo` (did you mean `flow`?)",
        "there is flow, new",
    ),
    Case(lambda _: dagstate.find_run(API, "new", "latest"), 3, "DAG `new` has not run yet", "inv dag.run new"),
    Case(
        lambda _: dagstate.find_run(API, "flow", "manual_1"),
        2,
        "DAG `flow` has no run `manual_1` (did you mean `manual__1`?)",
        "the last are manual__1",
    ),
    Case(
        lambda _: dagreplay.find_instance(PARTS, "oen", None),
        2,
        "the run has no task `oen` (did you mean `one`?)",
        "it has one",
    ),
    Case(
        lambda _: dagreplay.find_instance(PARTS, "one", None),
        2,
        "task `one` is mapped and has 2 instances",
        "--map-index 0",
    ),
    Case(
        lambda _: dagreplay.find_instance(PARTS, "one", 2),
        2,
        "task `one` has no map index 2",
        "in this run it has 0 to 1",
    ),
    Case(
        without_environment,
        3,
        "no Python at `{root}/python`: the project's environment does not exist yet",
        "inv dev.start",
    ),
    Case(
        unknown_token, 1, "Airflow at http://127.0.0.1:9 refuses this user for GET dags", "inv dev.credentials"
    ),
    Case(
        run_of_a_dag,
        1,
        "the run of `flow` ended with 1 and left no result",
        "less {root}/.gaiaflow/test/output/flow.log",
    ),
    Case(
        lambda _: dagid.checked("a b"),
        2,
        "`a b` is not a valid DAG id: letters, digits, `_`, `.` and `-`",
        "inv dag.list",
    ),
    Case(
        lambda _: AirflowApi(PLACE, "admin", "no").dag_ids(),
        3,
        f"Airflow does not answer at {PLACE}: <urlopen error [Errno 111] Connection refused>",
        "inv dev.status",
    ),
    Case(lambda _: fail_with(answered(409, "there is one")), 1, "Airflow has it already: there is one", ""),
    Case(
        lambda _: fail_with(answered(422, "no such param")), 2, "Airflow refuses the request: no such param", ""
    ),
    Case(
        lambda _: fail_with(answered(500, "down")),
        1,
        "Airflow answered 500: down",
        "inv dev.logs --service airflow",
    ),
    Case(
        lambda _: dagreplay.find_instance(instances(-1), "laod", None),
        2,
        "the run has no task `laod` (did you mean `load`?)",
        "it has load",
    ),
    Case(
        lambda _: dagreplay.find_instance(instances(0, 1), "load", None),
        2,
        "task `load` is mapped and has 2 instances",
        "--map-index 0",
    ),
    Case(
        lambda _: dagreplay.find_instance(instances(0, 1), "load", 2),
        2,
        "task `load` has no map index 2",
        "in this run it has 0 to 1",
    ),
]


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(inspection, "TIMEOUT", 1)
    return project


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


def test_a_run_that_goes_on(project: Project) -> None:
    class Slow:
        url = PLACE

        def run_state(self, *_: str) -> str:
            return "running"

        def instances(self, *_: str) -> list[dict[str, Any]]:
            return []

    told = Case(
        lambda _: dagrun.follow(Slow(), "flow", "manual__1", -1, lambda *_: None),  # type: ignore[arg-type]
        4,
        "run `manual__1` of `flow` has not finished after -1 s; it continues",
        "inv dag.watch flow manual__1",
    )
    hold(told, project)
