"""Our client against the application of Airflow's REST API, in this process: dates, partitions, assets."""

from __future__ import annotations

import io
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.dags import api as airflow_api, assets, replay
from gaiaflow.dags.api import AirflowApi
from gaiaflow.dags.when import of_run, read_when
from gaiaflow.errors import UsageError
from gaiaflow.project import Project
from gaiaflow.testing import run_dag

FLOW = """
from airflow.sdk import DAG, Asset, CronPartitionTimetable
from gaiaflow.tasks import FromRun, create_task

SCENES = Asset("rest_scenes")
with DAG("rest_fetch", schedule=None):
    create_task("fetch", "pk.f:fetch", func_args=[FromRun("ds")], outlets=[SCENES])
with DAG("rest_mosaic", schedule=[SCENES]):
    create_task("mosaic", "pk.f:fetch", func_args=[FromRun('asset("rest_scenes")')])
with DAG("rest_both", schedule=[SCENES, Asset("rest_other")]):
    create_task("both", "pk.f:fetch", func_args=[1])
with DAG("rest_days", schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC")):
    create_task("day", "pk.f:fetch", func_args=[FromRun("partition_key")])
"""
FUNCTIONS = "def fetch(day):\n    return {'day': day}\n"


@pytest.fixture
def ran(project: Callable[..., Path], airflow_home: Path) -> str:
    """A run of `rest_fetch` in the database, which its other DAGs are in, too; the run's id."""
    found = Project.find(project(FLOW, FUNCTIONS))
    assert run_dag("rest_fetch", "dev", project=found, home=airflow_home, date="2024-05-05").succeeded
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        return str(session.query(DagRun).filter_by(dag_id="rest_fetch").one().run_id)


@pytest.fixture
def api(ran: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[AirflowApi]:
    assert ran
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True")
    from airflow.api_fastapi.app import create_app
    from starlette.testclient import TestClient

    with TestClient(create_app(apps="core"), base_url="http://airflow") as client:

        class InProcess(AirflowApi):
            def sign_in(self) -> str:
                return str(client.get("/auth/token").json()["access_token"])

            def _send(self, method: str, url: str, body: Any, token: str) -> Any:
                headers = {"Authorization": f"Bearer {token}"}
                answer = client.request(method, url.removeprefix(self.url), json=body, headers=headers)
                if answer.is_error:
                    text = io.BytesIO(answer.content)
                    error = urllib.error.HTTPError(url, answer.status_code, "", None, text)  # type: ignore[arg-type]
                    raise airflow_api._explained(error, True)
                return answer.json() if answer.content else None

        yield InProcess("http://airflow", "", "")


def run_of(api: AirflowApi, dag: str, run: str) -> Any:
    return of_run(next(one for one in api.runs(dag) if one["dag_run_id"] == run))


def test_a_run_has_the_date_the_interval_and_the_partition_that_it_was_given(api: AirflowApi, ran: str) -> None:
    undated = api.trigger("rest_fetch", {})
    assert not run_of(api, "rest_fetch", undated)
    when = read_when(interval="2024-06-01..2024-06-08")
    assert run_of(api, "rest_fetch", api.trigger("rest_fetch", {}, when.as_dict())) == when
    day = read_when(partition="2024-05-01T00:00:00")
    assert run_of(api, "rest_days", api.trigger("rest_days", {}, day.as_dict())).partition == day.partition

    with pytest.raises(UsageError, match=f"DAG `rest_fetch` already has a run for 2024-05-05.*: `{ran[:10]}"):
        api.trigger("rest_fetch", {}, read_when("2024-05-05").as_dict())
    with pytest.raises(UsageError, match="is not a partitioned Dag"):
        api.trigger("rest_fetch", {}, read_when(partition="north").as_dict())

    (event,) = api.brought_events("rest_fetch", ran)
    assert (event["name"], event["extra"]) == ("rest_scenes", {"day": "2024-05-05"})
    assert api.dags_of_asset(event["asset_id"]) == ["rest_both", "rest_mosaic"]
    assert [assets._needs_others(api, dag) for dag in ("rest_mosaic", "rest_both")] == [False, True]
    assert api.asset_events("rest_fetch", ran) == []
    assert replay.facts(api, "rest_fetch", api.runs("rest_fetch")[-1])["run_id"] == ran
