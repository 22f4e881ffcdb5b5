"""Fetches what another task of the run returned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def pull(context: Mapping[str, Any], task_id: str) -> tuple[Any, bool]:
    """The value that a task returned; of a mapped task the list of its values, in the order of its map.

    The value of a task that makes all calls of its map is such a list already.

    Args:
        context: Airflow's context of the running task.
        task_id: the full id of the other task.

    Returns:
        The value, and whether it is such a list.
    """
    from gaiaflow.operators.internals import is_mapped, pull_all

    upstream = context["task"].dag.get_task(task_id)
    if is_mapped(upstream):
        return pull_all(context["ti"], task_id), True
    return upstream.output.resolve(context), getattr(upstream, "fans_out", False)
