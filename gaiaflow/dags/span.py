"""The dates from one to another, as a person types them: days or moments, of the DAG's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gaiaflow.errors import UsageError

UTC = "UTC"


@dataclass(frozen=True)
class Span:
    """Two moments with their time zone; both belong to it."""

    first: datetime
    last: datetime

    def __str__(self) -> str:
        return f"{label(self.first)} to {label(self.last)}"

    def options(self) -> str:
        """The options that give this span again."""
        first = _option(self.first, time.min)
        return f"--from {first} --to {_option(self.last, time.max)}"

    def holds(self, moment: datetime) -> bool:
        return self.first <= moment <= self.last

    def on_the_clock(self) -> Span:
        """The same readings of the clock as UTC: so Airflow wants the dates of a DAG of partitions."""
        return Span(self.first.replace(tzinfo=timezone.utc), self.last.replace(tzinfo=timezone.utc))


def span(first: str, last: str, zone: str | None = None) -> Span:
    """The span of two texts in ISO 8601; a day as its end is the whole day.

    Args:
        zone: the DAG's time zone, for texts that name none; by default UTC.

    Raises:
        UsageError: a text is not a date, or the end is before the start.
    """
    found = Span(_moment("--from", first, time.min, zone), _moment("--to", last, time.max, zone))
    if found.first > found.last:
        raise UsageError(f"`--from` is {first}, which is after `--to`, {last}", f"--from {last} --to {first}")
    return found


def _moment(option: str, text: str, of_a_day: time, zone: str | None) -> datetime:
    try:
        day: date | None = date.fromisoformat(text)
    except ValueError:
        day = None
    moment = datetime.combine(day, of_a_day) if day else _parsed(option, text)
    place = _zone(zone)
    if moment.tzinfo:
        return moment.astimezone(place) if place else moment
    if place is None:
        raise UsageError(
            f"this machine does not know `{zone}`, the time zone of the DAG",
            f"give the date with its zone: {option} 2024-05-01T00:00+00:00",
        )
    return moment.replace(tzinfo=place)


def _parsed(option: str, text: str) -> datetime:
    try:
        return parse(text)
    except ValueError:
        raise UsageError(
            f"`{option}` is `{text}`, not a date", f"{option} 2024-05-01 or {option} 2024-05-01T06:00+02:00"
        ) from None


def parse(text: str) -> datetime:
    """A moment in ISO 8601, as Airflow writes it too."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _zone(name: str | None) -> tzinfo | None:
    """A time zone by its name; None where this machine does not know it."""
    if name in (None, "", UTC):
        return timezone.utc
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError):
        return None


def label(moment: datetime) -> str:
    """A moment as it is shown: the day alone where it is midnight or the last moment of the day."""
    if moment.time() in (time.min, time.max):
        return moment.date().isoformat()
    return moment.isoformat(timespec="auto" if moment.second or moment.microsecond else "minutes")


def _option(moment: datetime, of_a_day: time) -> str:
    return moment.date().isoformat() if moment.time() == of_a_day else moment.isoformat()
