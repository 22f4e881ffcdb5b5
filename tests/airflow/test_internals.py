"""The private parts of Airflow that gaiaflow reads are there, on each minor, as we read them.

Only the standard library, so that it runs in the environment of every minor: ``python -m unittest FILE``.
"""

from __future__ import annotations

import inspect
import os
import tempfile
import unittest
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="gaiaflow-internals-"))

from gaiaflow.operators import internals
from gaiaflow.testing import minors, taskapi


def parameters(function: Any) -> set[str]:
    return set(inspect.signature(function).parameters)


class Internals(unittest.TestCase):
    """Of the Task SDK, for the operators."""

    def test_the_dag_and_the_defaults_of_the_place_are_known(self) -> None:
        from airflow.sdk import DAG, TaskGroup

        assert internals.current_dag() is None
        with DAG("flow", schedule=None, default_args={"retries": 5}) as dag:
            assert internals.current_dag() is dag
            assert internals.default_arguments(dag)["retries"] == 5
            with TaskGroup("group", default_args={"retries": 7}):
                assert internals.default_arguments(dag)["retries"] == 7

    def test_airflow_finds_the_references_of_a_resolve_mixin(self) -> None:
        from airflow.sdk import DAG

        from gaiaflow.tasks import FromTask, create_task

        with DAG("flow", schedule=None) as dag:
            create_task("a", "pk.f:f")
            create_task("b", "pk.f:f", func_args=[{"x": FromTask("a")}])
            create_task("c", "pk.f:f", func_args=[FromTask("a")], map_over={"y": [1, 2]})
        assert dag.get_task("a").downstream_task_ids == {"b", "c"}
        assert internals.is_mapped(dag.get_task("c"))
        assert not internals.is_mapped(dag.get_task("b"))

    def test_a_task_instance_pulls_and_counts_mapped_ones(self) -> None:
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        assert {"dag_id", "task_ids", "run_ids"} <= parameters(RuntimeTaskInstance.get_ti_count)
        assert {"task_ids", "map_indexes"} <= parameters(RuntimeTaskInstance.xcom_pull)
        fields = set(RuntimeTaskInstance.model_fields)
        assert {"dag_id", "task_id", "run_id", "try_number", "map_index"} <= fields

    def test_gaps_of_a_mapped_task_are_looked_up(self) -> None:
        asked = []

        def pull(**given: Any) -> list[Any]:
            asked.append(given.get("map_indexes"))
            return [1, None, 3] if "map_indexes" in given else [1, 3]

        ti = SimpleNamespace(dag_id="d", run_id="r", xcom_pull=pull, get_ti_count=lambda **_: 3)
        assert internals.pull_all(ti, "t") == [1, None, 3]
        assert asked == [None, range(3)]
        assert internals.map_index(SimpleNamespace(map_index=None)) == internals.NOT_MAPPED

    def test_a_run_tells_its_dates_and_its_events(self) -> None:
        from airflow.sdk.api.datamodels._generated import DagRun

        dates = {"logical_date", "data_interval_start", "data_interval_end", "consumed_asset_events"}
        partition = {"partition_key"} if minors.has_partitions() else set()
        assert dates | partition <= set(DagRun.model_fields)

    def test_the_events_of_outlets_take_an_extra(self) -> None:
        from airflow.sdk import Asset
        from airflow.sdk.execution_time.context import OutletEventAccessors

        from gaiaflow.operators.asset import tell_outlets

        scenes, events = Asset("scenes"), OutletEventAccessors()
        context = {"task": SimpleNamespace(outlets=[scenes]), "outlet_events": events}
        tell_outlets(context, {"path": "s3://a"})
        assert events[scenes].extra == {"path": "s3://a"}

    def test_the_assets_of_a_schedule_have_names(self) -> None:
        from airflow.sdk import DAG, Asset

        from gaiaflow.operators.asset import schedule_of

        assert schedule_of(DAG("flow", schedule=[Asset("b"), Asset("a")])) == ["a", "b"]
        assert schedule_of(DAG("flow", schedule="@daily")) is None


class Kit(unittest.TestCase):
    """Of the core, for the kit and the REST client."""

    def test_the_database_has_results_and_events(self) -> None:
        from airflow.models.asset import AssetEvent
        from airflow.models.xcom import XComModel

        for name in ("dag_id", "run_id", "task_id", "map_index", "key", "value"):
            assert hasattr(XComModel, name), name
        for name in ("source_dag_id", "source_run_id", "source_task_id", "asset", "extra"):
            assert hasattr(AssetEvent, name), name

    def test_dag_test_makes_its_run_where_it_is_replaced(self) -> None:
        from airflow.models import dagrun
        from airflow.sdk import DAG

        wanted = {
            "dag",
            "run_id",
            "logical_date",
            "data_interval",
            "run_after",
            "conf",
            "start_date",
            "session",
        }
        assert wanted <= parameters(dagrun.get_or_create_dagrun)
        assert "import DagRun, get_or_create_dagrun" in inspect.getsource(DAG.test)

    def test_dag_test_asks_a_server_of_the_newest_version_alone(self) -> None:
        import httpx
        from airflow.api_fastapi.execution_api import versions
        from airflow.sdk.api.datamodels._generated import API_VERSION
        from airflow.sdk.execution_time import supervisor

        before = supervisor.in_process_api_server
        with taskapi.newest_alone():
            api = supervisor.in_process_api_server()
            assert supervisor.in_process_api_server() is api
        assert supervisor.in_process_api_server is before
        with httpx.Client(transport=api.transport, base_url="http://in-process.invalid") as client:
            assert client.get("/health", headers={"airflow-api-version": API_VERSION}).is_success
        assert [str(version) for version in api.app.router.versioned_routers] == [API_VERSION]
        assert len(versions.bundle.versions) > 1

    def test_the_rest_api_takes_what_is_sent(self) -> None:
        from airflow.api_fastapi.core_api.datamodels.dag_run import TriggerDAGRunPostBody

        sent = {"dag_run_id", "conf", "logical_date", "data_interval_start", "data_interval_end"}
        partition = {"partition_key"} if minors.has_partitions() else set()
        assert sent | partition <= set(TriggerDAGRunPostBody.model_fields)

    def test_a_timetable_gives_the_interval_of_a_date(self) -> None:
        from airflow.sdk import DAG

        try:
            from airflow.sdk import CronDataIntervalTimetable
        except ImportError:  # 3.1
            from airflow.timetables.interval import CronDataIntervalTimetable

        day = datetime(2024, 5, 2, tzinfo=timezone.utc)
        schedule = CronDataIntervalTimetable("0 0 * * *", timezone="UTC")
        start, end = minors.interval_of(DAG("flow", schedule=schedule), day)
        assert ((day - start).days, end) == (1, day)
        assert minors.interval_of(DAG("flow", schedule=None), day) == (day, day)

    def test_a_dag_says_whether_it_has_partitions(self) -> None:
        from airflow.sdk import DAG

        plain = minors.takes_partition(DAG("flow", schedule=None))
        assert plain == (minors.version() == (3, 2))
        if minors.has_partitions():
            from airflow.sdk import CronPartitionTimetable

            schedule = CronPartitionTimetable("0 0 * * *", timezone="UTC")
            assert minors.takes_partition(DAG("flow", schedule=schedule))


if __name__ == "__main__":
    unittest.main()
