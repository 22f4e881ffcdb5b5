"""The assets that start a DAG, and those that a task brings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def schedule_of(dag: Any) -> list[str] | None:
    """The names of the assets in a DAG's schedule; None where it has none, or one whose name is not known."""
    condition = getattr(dag.timetable, "asset_condition", None)
    names = list(_names(condition)) if condition is not None else [None]
    return None if None in names else sorted({str(name) for name in names})


def tell_outlets(context: Mapping[str, Any], value: Any) -> None:
    """Make the dict that a function returned the extra of the events of its task's assets.

    Args:
        context: Airflow's context of the running task.
    """
    from airflow.sdk import Asset

    if isinstance(value, dict):
        for outlet in context["task"].outlets or ():
            if isinstance(outlet, Asset):
                context["outlet_events"][outlet].extra = dict(value)


def _names(condition: Any) -> Iterator[str | None]:
    from airflow.sdk import AssetAlias

    if hasattr(condition, "objects"):
        for part in condition.objects:
            yield from _names(part)
    else:  # an alias stands for others; a reference by URI has no name
        yield None if isinstance(condition, AssetAlias) else getattr(condition, "name", None)
