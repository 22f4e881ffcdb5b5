"""Functions whose annotations say how the dates of a run arrive."""

from __future__ import annotations

import datetime as dt
from datetime import date
from typing import Any, Optional


def window(start: dt.datetime, end: dt.datetime, day: date) -> list[Any]:
    """Three moments as they are wanted."""
    return [type(start).__name__, start.isoformat(), end.isoformat(), type(day).__name__, day.isoformat()]


def text(day: str, moment: str | None, either: str | date) -> list[str | None]:
    """Text stays text where text is allowed."""
    return [day, moment, str(either)]


def maybe(day: Optional[date] = None, partition: date | None = None, *more: date) -> list[str]:  # noqa: UP045
    """What may be missing, and positional arguments without a name."""
    return [repr(day), repr(partition), *map(repr, more)]


def needs_day(day: date) -> str:
    """A day that must be there."""
    return day.isoformat()


def tile(number: int, day: date) -> list[Any]:
    """One of a mapped task."""
    return [number, day.isoformat()]


def unknown_type(day: NowhereDefined) -> str:  # type: ignore[name-defined]  # noqa: F821
    """An annotation that cannot be evaluated does no harm."""
    return type(day).__name__


def named_tile(number: int) -> dict[str, Any]:
    """What becomes the extra of an asset's event."""
    return {"tile": f"T{number}", "count": number}
