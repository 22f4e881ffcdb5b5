"""The links that Airflow's UI shows with a task: its MLflow run, and the docs of its error."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from gaiaflow.errors import TaskFailedError
from gaiaflow.explained import FAILURES, of_task
from gaiaflow.operators.final import task_errors
from gaiaflow.operators.link import ErrorDocsLink, MlflowRunLink
from gaiaflow.project import Project
from gaiaflow.tasks import create_task
from gaiaflow.testing import run_dag
from tests.failures import ways
from tests.failures.ways import MODES

TI = SimpleNamespace(dag_id="flow", task_id="t", run_id="manual__it's", try_number=2, map_index=-1)


class Mlflow:
    """A server with two runs of a task, the inner one started last; it keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], str]] = []
        self.runs = [run("inner", parent="outer"), run("outer")]
        mlflow = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                mlflow.asked.append((self.path, body, self.headers.get("Authorization", "")))
                found = {"experiments": [{"experiment_id": "7"}]}
                self.send_response(200)
                self.end_headers()
                self.wfile.write(
                    json.dumps(found if "experiments" in self.path else {"runs": mlflow.runs}).encode()
                )

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"


def run(name: str, parent: str = "") -> dict[str, Any]:
    tags = [{"key": "mlflow.parentRunId", "value": parent}] if parent else []
    return {"info": {"run_id": name, "experiment_id": "7"}, "data": {"tags": tags}}


@pytest.fixture
def mlflow() -> Iterator[Mlflow]:
    found = Mlflow()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.05,))
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def made(mode: str, **arguments: Any) -> Any:
    with DAG("flow", schedule=None, start_date=datetime(2026, 1, 1)):
        return create_task("t", "package.module:function", image="p/p:1", mode=mode, **arguments)


@pytest.mark.parametrize("mode", MODES)
def test_airflow_stores_both_links_with_each_task_a_mapped_one_too(mode: str) -> None:
    for arguments in ({}, {"map_over": {"a": [1, 2]}}):
        stored = json.dumps(DagSerialization.serialize_dag(made(mode, **arguments).dag))
        links = {"MLflow run": "_link_MlflowRunLink", "Docs of the error": "_link_ErrorDocsLink"}
        assert json.dumps(links)[1:-1] in stored


@pytest.mark.parametrize("mode", ["dev_docker", "prod_local", "prod"])
def test_the_run_is_found_by_the_attempts_tags(mode: str, mlflow: Mlflow) -> None:
    task = made(mode, env_vars={"MLFLOW_TRACKING_URI": f"http://me:key@{mlflow.address}/"})
    assert MlflowRunLink().get_link(task, ti_key=TI) == f"http://{mlflow.address}/#/experiments/7/runs/outer"
    (_, _, login), (path, query, _) = mlflow.asked
    assert login == "Basic bWU6a2V5"
    assert (path, query["experiment_ids"]) == ("/api/2.0/mlflow/runs/search", ["7"])
    assert query["filter"] == (
        "tags.`gaiaflow.dag` = 'flow' and tags.`gaiaflow.task` = 't' and "
        "tags.`gaiaflow.run` = \"manual__it's\" and tags.`gaiaflow.try` = '2'"
    )


def test_the_stacks_mlflow_is_asked_where_this_process_finds_it_and_shown_where_a_person_does(
    mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{mlflow.address}")
    monkeypatch.setenv("GAIAFLOW_MLFLOW_URL", "http://127.0.0.1:5000")
    assert (
        MlflowRunLink().get_link(made("dev"), ti_key=TI) == "http://127.0.0.1:5000/#/experiments/7/runs/outer"
    )


def test_without_a_run_or_a_server_there_is_no_link(mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{mlflow.address}")
    mlflow.runs = []
    assert MlflowRunLink().get_link(made("dev"), ti_key=TI) == ""
    for address in ("http://127.0.0.1:9", "sqlite:////nowhere.db"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        assert MlflowRunLink().get_link(made("dev"), ti_key=TI) == ""
    assert MlflowRunLink().get_link(made("prod"), ti_key=TI) == ""


@pytest.mark.parametrize("mode", MODES)
def test_each_error_of_the_table_leads_to_a_section_that_tells_of_it(mode: str) -> None:
    page = ways.PAGE.read_text(encoding="utf-8")
    for way, cell in ways.seen(mode):
        error = cell.error.removeprefix("AirflowTaskTimeout: ").replace(ways.HOLE, "x")
        anchor = of_task(error).removeprefix(f"{FAILURES}#")
        (section,) = [other for other in ways.WAYS if other.anchor == anchor]
        assert cell.error in {getattr(found, "error", "") for found in section.cells.values()} or (
            section.name in {"An exception", "Killed"}
        ), way.name
        assert f"### {section.name}\n" in page


def test_an_error_that_ends_well_the_next_time_has_no_link() -> None:
    task, link = made("dev"), ErrorDocsLink()
    with pytest.raises(TaskFailedError), task_errors(task):
        raise TaskFailedError("pk.f:f raised ValueError: no rows")
    assert link.get_link(task, ti_key=TI) == f"{FAILURES}#an-exception"
    with task_errors(task):
        pass
    assert link.get_link(task, ti_key=TI) == ""
    assert of_task("something else") == ""


DAGS = """
from airflow.sdk import DAG
from gaiaflow.tasks import create_task

with DAG("linked", schedule=None):
    create_task("fails", "pk.f:fails")
"""


def test_airflow_keeps_the_links_of_a_run(project: Any, airflow_home: Any) -> None:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    folder = project(DAGS, "def fails():\n    raise ValueError('no rows')\n")
    run_dag("linked", "dev", project=Project.find(folder), home=airflow_home)
    with create_session() as session:
        rows = session.query(XComModel).filter(XComModel.dag_id == "linked").all()
        kept = {row.key: row.value for row in rows}
    assert kept == {"_link_ErrorDocsLink": f"{FAILURES}#an-exception", "_link_MlflowRunLink": ""}
