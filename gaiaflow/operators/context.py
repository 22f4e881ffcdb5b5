"""What Airflow knows while a DAG file is read."""

from __future__ import annotations

from typing import Any


def current_dag() -> Any:
    """The DAG of the enclosing ``with DAG(...)``, or None."""
    from airflow.sdk.definitions._internal.contextmanager import DagContext

    return DagContext.get_current()


def default_argument(dag: Any, name: str) -> Any:
    """An entry of ``default_args`` of the DAG or of the enclosing TaskGroup, or None."""
    from airflow.sdk.definitions._internal.contextmanager import TaskGroupContext

    if dag is None:
        return None
    group = TaskGroupContext.get_current(dag)
    found = {**(dag.default_args or {}), **((group.default_args if group else None) or {})}
    return found.get(name)
