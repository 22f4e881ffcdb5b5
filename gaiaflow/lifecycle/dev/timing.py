"""`inv dev.timings`: the last starts and builds, phase by phase; and what writes them down."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from invoke.context import Context

from gaiaflow.errors import UsageError
from gaiaflow.lifecycle.terminal import emit_json, emit_table, lifecycle_task, say
from gaiaflow.lifecycle.terminal.phases import Phases
from gaiaflow.project import Project

if TYPE_CHECKING:
    from gaiaflow.stack.services.timings import Timing

LAST = 5


@contextmanager
def timed(project: Project, command: str, backend: str, cold: bool, shown: list[Phases]) -> Iterator[None]:
    """Write down how long a start or a build took, also one that failed.

    Args:
        shown: whose phases it has, in order; more may join while it runs.
    """
    from gaiaflow.stack.services import timings

    at, begun, ok = datetime.now(timezone.utc), time.monotonic(), False
    try:
        yield
        ok = True
    finally:
        phases = [
            {"name": phase.name, "seconds": round(phase.seconds, 2)} for one in shown for phase in one.seen
        ]
        seconds = round(time.monotonic() - begun, 2)
        start = timings.COLD if cold else timings.WARM
        timing = timings.Timing(command, backend, start, at.isoformat(timespec="seconds"), seconds, ok, phases)
        with contextlib.suppress(OSError):  # a full disk has better places to be told of
            timings.add(project, timing)


@lifecycle_task(
    name="timings",
    reads=True,
    help={"last": "how many to show; the newest is last", "json": "print one JSON object"},
)
def show_timings(_c: Context, last: int = LAST, json: bool = False) -> None:
    """Show how long the last starts and builds took, phase by phase."""
    from gaiaflow.stack.services import timings

    if last < 1:
        raise UsageError(f"`--last` is {last}: one or more", f"inv dev.timings --last {LAST}")
    found = timings.read(Project.find())[-last:]
    if json:
        emit_json({"timings": [timing.as_dict() for timing in found]})
    elif found:
        emit_table(
            ["when", "command", "on", "", "phase", "seconds"], [row for one in found for row in _rows(one)]
        )
    else:
        say("nothing was started or built here yet")


def _rows(timing: Timing) -> list[list[str]]:
    """One row for all of it, then one a phase."""
    when = datetime.fromisoformat(timing.at).astimezone().strftime("%Y-%m-%d %H:%M")
    whole = "all" if timing.ok else "failed after"
    head = [when, timing.command, timing.backend, timing.start, whole, f"{timing.seconds:.1f}"]
    return [head, *(["", "", "", "", phase["name"], f"{phase['seconds']:.1f}"] for phase in timing.phases)]
