"""What the kit finds in another place, or must add, in each minor of Airflow that it supports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from gaiaflow.dags.when import When


def dag_bag() -> Any:
    """The class that reads DAG files."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # 3.1
        from airflow.models.dagbag import DagBag
    return DagBag


def dag_serializer() -> Any:
    """The class that makes of a DAG what the database keeps."""
    from airflow.serialization import serialized_objects

    return getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG


def hands_over_errors() -> bool:
    """Whether ``dag.test`` gives callbacks the ``exception``, as a scheduled run does: from 3.3 on."""
    return version() >= (3, 3)


def asset_events(run: Any) -> list[list[Any]]:
    """The asset events that a run brought, each as ``[task, asset, extra]``, in this order."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    with create_session() as session:
        events = session.query(AssetEvent).filter_by(source_dag_id=run.dag_id, source_run_id=run.run_id)
        found = [[event.source_task_id, event.asset.name, dict(event.extra or {})] for event in events]
    return sorted(found, key=str)


def has_partitions() -> bool:
    """Whether a run may have a partition key: from 3.2 on."""
    return version() >= (3, 2)


def interval_of(dag: Any, date: datetime) -> tuple[datetime, datetime]:
    """The data interval of a run started by hand for a logical date, as the DAG's timetable says it."""
    from airflow.sdk import timezone

    start, end = timetable_of(dag).infer_manual_data_interval(run_after=timezone.coerce_datetime(date))
    return start, end


def takes_partition(dag: Any) -> bool:
    """Whether a run of a DAG may have a partition key; 3.2 asks no DAG."""
    if version() < (3, 3):
        return has_partitions()
    timetable = timetable_of(dag)
    return bool(timetable.partitioned or timetable.partitioned_at_runtime)


def is_timed(dag: Any) -> bool:
    """Whether a DAG's schedule gives dates: no asset, not `@once`, not `@continuous`."""
    return bool(timetable_of(dag).periodic)


def timetable_of(dag: Any) -> Any:
    """The scheduler's timetable of a DAG; the DAG's own says less, from 3.2 on."""
    timetable = dag.timetable
    if hasattr(timetable, "infer_manual_data_interval"):
        return timetable
    from airflow.serialization.encoders import coerce_to_core_timetable

    return coerce_to_core_timetable(timetable)


def partition_date(dag: Any, key: str | None) -> datetime | None:
    """What a DAG's timetable reads from a partition key; 3.2 does not ask it.

    Raises:
        ValueError: it is no key of this DAG.
    """
    if key is None or version() < (3, 3):
        return None
    from airflow.serialization.encoders import coerce_to_core_timetable

    found: datetime | None = coerce_to_core_timetable(dag.timetable).resolve_partition_date(key)
    return found


def version() -> tuple[int, int]:
    """This Airflow's major and minor."""
    from airflow import __version__

    major, minor = __version__.split(".")[:2]
    return int(major), int(minor)


@contextmanager
def run_of(when: When) -> Iterator[None]:
    """Have ``dag.test`` make a run with a date, an interval and a partition, or with none of them.

    By itself it knows a date alone, and takes the present time where it gets none.
    """
    from airflow.models import dagrun
    from airflow.utils.types import DagRunType

    original = dagrun.get_or_create_dagrun

    def create(*, dag: Any, session: Any, logical_date: Any, data_interval: Any, **more: Any) -> Any:
        if when.date is not None:  # a DAG has one run of a date
            for run in session.query(dagrun.DagRun).filter_by(dag_id=dag.dag_id, logical_date=logical_date):
                session.delete(run)
            session.commit()
        known = {"logical_date": logical_date, "data_interval": when.interval or data_interval}
        dated = known if when.date is not None else {}
        partition: dict[str, Any] = {"partition_key": when.partition} if when.partition else {}
        if moment := partition_date(dag, when.partition):
            partition["partition_date"] = moment
        more["start_date"] = more["run_after"]  # it takes the logical date, and the run would last for years
        kind = {"run_type": DagRunType.MANUAL, "state": "running"}
        return dag.create_dagrun(session=session, **{**more, **kind, **dated, **partition})

    dagrun.get_or_create_dagrun = create
    try:
        yield
    finally:
        dagrun.get_or_create_dagrun = original


@contextmanager
def errors_in_context() -> Iterator[None]:
    """Give callbacks of ``dag.test`` the ``exception`` where Airflow leaves it out."""
    if hands_over_errors():
        yield
        return
    from airflow.sdk.execution_time import task_runner

    original = task_runner.finalize

    def finalize(ti: Any, state: Any, context: Any, log: Any, error: BaseException | None = None) -> None:
        context["exception"] = error
        original(ti, state, context, log, error)

    task_runner.finalize = finalize
    try:
        yield
    finally:
        task_runner.finalize = original
