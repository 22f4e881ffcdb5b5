"""What Airflow's context says of a run, as JSON: the value of a FromRun."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from gaiaflow.operators.internals import map_index


def value_of_run(context: Mapping[str, Any], reference: Any) -> Any:
    """The value of a reference without its key; None where the run has none.

    Args:
        context: Airflow's context of the running task.
        reference: the FromRun.
    """
    if reference.param is not None:
        return (context.get("params") or {}).get(reference.param)
    if reference.asset is not None:
        return _extra(context["dag_run"], reference.asset)
    return _VALUES[reference.name](context)


def _extra(run: Any, asset: str) -> Any:
    """What came with the last of the events of an asset that started a run."""
    events = [event for event in getattr(run, "consumed_asset_events", None) or () if event.asset.name == asset]
    last = max(events, key=lambda event: event.timestamp, default=None)
    return None if last is None else dict(last.extra or {})


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(timezone.utc).isoformat()


def _day(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(timezone.utc):%Y-%m-%d}"


_VALUES: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "logical_date": lambda context: _text(context["dag_run"].logical_date),
    "data_interval_start": lambda context: _text(context["dag_run"].data_interval_start),
    "data_interval_end": lambda context: _text(context["dag_run"].data_interval_end),
    "ds": lambda context: _day(context["dag_run"].logical_date),
    "run_id": lambda context: str(context["run_id"]),
    # Airflow 3.1 knows no partitions.
    "partition_key": lambda context: getattr(context["dag_run"], "partition_key", None),
    "dag_id": lambda context: str(context["ti"].dag_id),
    "task_id": lambda context: str(context["ti"].task_id),
    "try_number": lambda context: int(context["ti"].try_number),
    "map_index": lambda context: map_index(context["ti"]),
}
