"""What one run is about: its date, data interval and partition, by `--date`, `--interval`, `--partition`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from gaiaflow.errors import UsageError

_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{3}(\d{3})?)?)?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII)
_EXAMPLE = {"date": "--date 2024-05-01", "interval": "--interval 2024-05-01..2024-05-02"}


@dataclass(frozen=True)
class When:
    """What a run is about, in UTC; nothing of it by default.

    Attributes:
        date: the logical date.
        interval: the data interval, its end excluded; without one the DAG's timetable says it.
        partition: the partition's key.
    """

    date: datetime | None = None
    interval: tuple[datetime, datetime] | None = None
    partition: str | None = None

    def __bool__(self) -> bool:
        return self != UNDATED

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON, by the names of Airflow's API; only what is given."""
        start, end = self.interval or (None, None)
        found = {"logical_date": self.date, "data_interval_start": start, "data_interval_end": end}
        dates = {name: moment.isoformat() for name, moment in found.items() if moment is not None}
        return dates | ({"partition_key": self.partition} if self.partition is not None else {})


UNDATED = When()


def read_when(date: str = "", interval: str = "", partition: str = "") -> When:
    """What the options say; an interval alone gives its start as the logical date, as Airflow does.

    Raises:
        UsageError: it is not a date in ISO 8601, or no interval.
    """
    both = _interval(interval) if interval else None
    day = _moment(date, "date") if date else both[0] if both else None
    if partition and not partition.strip():
        raise UsageError("`--partition` is blank", "--partition 2024-05-01")
    return When(day, both, partition or None)


def refuse_outside(dag: str, when: When, start: datetime | None, end: datetime | None) -> None:
    """Refuse a date before a DAG begins or after it ends: Airflow takes the run, and starts none of its tasks.

    Raises:
        UsageError: its message names the limit.
    """
    if when.date and start and when.date < start:
        raise _outside(dag, when.date, f"begins at {start.isoformat()}")
    if when.date and end and when.date > end:
        raise _outside(dag, when.date, f"ends at {end.isoformat()}")


def _outside(dag: str, date: datetime, limit: str) -> UsageError:
    return UsageError(
        f"`--date` is {date.isoformat()}, but DAG `{dag}` {limit}",
        "another --date, or another start_date or end_date of the DAG",
    )


def of_run(run: dict[str, Any]) -> When:
    """What a run of the past was about, as Airflow's API tells it."""
    names = ("logical_date", "data_interval_start", "data_interval_end")
    date, start, end = (moment(run.get(name)) for name in names)
    return When(date, (start, end) if start and end else None, run.get("partition_key"))


def _interval(text: str) -> tuple[datetime, datetime]:
    start, dots, end = text.partition("..")
    if not (start and dots and end):
        raise UsageError(f"`--interval` is `{text}`, not two dates with `..` between", _EXAMPLE["interval"])
    found = _moment(start, "interval"), _moment(end, "interval")
    if found[1] < found[0]:
        raise UsageError(f"`--interval` is `{text}`, which ends before it begins", _EXAMPLE["interval"])
    return found


def _moment(text: str, option: str) -> datetime:
    """A date or a time in ISO 8601, in UTC unless it names a zone."""
    if not _ISO.fullmatch(text):
        raise UsageError(f"`--{option}` has `{text}`, which is not a date in ISO 8601", _EXAMPLE[option])
    try:
        return _parsed(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"`--{option}` has `{text}`, which is not a date: {error}", _EXAMPLE[option]) from None


def moment(text: str | None) -> datetime | None:
    """A moment as Airflow's API writes it, in UTC; None for none."""
    return _parsed(text) if text else None


def _parsed(text: str) -> datetime:
    found = datetime.fromisoformat(re.sub("[Zz]$", "+00:00", text))
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
