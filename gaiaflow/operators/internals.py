"""The private parts of Airflow that the operators and the kit read, each in one place.

`tests/airflow/test_internals.py` holds them to every minor that gaiaflow supports: `nox -s dag_tests_airflow`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from airflow.sdk.definitions._internal.contextmanager import DagContext, TaskGroupContext
from airflow.sdk.definitions._internal.mixins import ResolveMixin
from airflow.sdk.definitions.mappedoperator import MappedOperator

__all__ = [
    "NOT_MAPPED",
    "ResolveMixin",
    "current_dag",
    "default_arguments",
    "is_mapped",
    "map_index",
    "pull_all",
    "returned_values",
]

NOT_MAPPED = -1


def current_dag() -> Any:
    """The DAG of the enclosing ``with DAG(...)``, or None."""
    return DagContext.get_current()


def default_arguments(dag: Any) -> Mapping[str, Any]:
    """The ``default_args`` of the DAG and of the enclosing TaskGroup."""
    if dag is None:
        return {}
    group = TaskGroupContext.get_current(dag)
    if group and group.default_args:
        return {**(dag.default_args or {}), **group.default_args}
    return dag.default_args or {}


def is_mapped(task: Any) -> bool:
    """Whether a task of a DAG makes several of itself; a task in a mapped group does not by this."""
    return isinstance(task, MappedOperator)


def map_index(ti: Any) -> int:
    """Which one of a mapped task runs; `NOT_MAPPED` in any other."""
    return NOT_MAPPED if ti.map_index is None else int(ti.map_index)


def pull_all(ti: Any, task_id: str) -> list[Any]:
    """All results of a mapped task; Airflow keeps no entry for None, so gaps are looked up one by one."""
    values = list(ti.xcom_pull(task_ids=[task_id]) or [])
    count = ti.get_ti_count(dag_id=ti.dag_id, task_ids=[task_id], run_ids=[ti.run_id])
    if len(values) >= count:
        return values
    return list(ti.xcom_pull(task_ids=[task_id], map_indexes=range(count)))


def returned_values(run: Any, session: Any) -> Mapping[tuple[str, int], Any]:
    """What the tasks of a run in the database returned, by task and map index."""
    from airflow.models.xcom import XComModel

    query = import_module("sqlalchemy").select(XComModel)
    query = query.where(
        XComModel.dag_id == run.dag_id, XComModel.run_id == run.run_id, XComModel.key == "return_value"
    )
    return {(x.task_id, x.map_index): x.value for x in session.scalars(query)}
