"""Fetches what another task of the run returned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def pull(context: Mapping[str, Any], task_id: str) -> tuple[Any, bool]:
    """The value that a task returned; of a mapped task the list of its values, in the order of its map.

    Args:
        context: Airflow's context of the running task.
        task_id: the full id of the other task.

    Returns:
        The value, and whether the other task is mapped.
    """
    from airflow.sdk.definitions.mappedoperator import MappedOperator

    upstream = context["task"].dag.get_task(task_id)
    if isinstance(upstream, MappedOperator):
        return _pull_mapped(context["ti"], task_id), True
    return upstream.output.resolve(context), False


def _pull_mapped(ti: Any, task_id: str) -> list[Any]:
    """All results of a mapped task; Airflow keeps no entry for None, so gaps are looked up one by one."""
    values = list(ti.xcom_pull(task_ids=[task_id]) or [])
    count = ti.get_ti_count(dag_id=ti.dag_id, task_ids=[task_id], run_ids=[ti.run_id])
    if len(values) >= count:
        return values
    return list(ti.xcom_pull(task_ids=[task_id], map_indexes=range(count)))
