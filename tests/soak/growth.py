"""Whether a series of a soak grows: a robust slope against its first third, as a ratio."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import Any

Point = tuple[float, float]
# A series may grow by so much of its first third over the whole run.
LIMIT = 0.25
# What counts as the first third at least: 3 files more than none are no leak. Memory is in MiB.
FLOORS = {"memory": 40.0, "files": 20.0, "sockets": 10.0, "processes": 4.0, "locks": 10.0, "refused": 4.0}
# What a program fills once and keeps. SeaweedFS has the last 32 buffers of its metadata log, of 8 MiB each, and
# fills one a minute; MLflow's client of the store has a pool of ten connections.
BOUNDED = {("s3", "memory"): 32 * 8.0, ("mlflow", "sockets"): 10.0, ("mlflow", "files"): 10.0}
# Processes of the stack whose program has ended.
LEFT_BEHIND = "left behind"
# The slope of fewer points says nothing.
ENOUGH = 9


@dataclass(frozen=True)
class Growth:
    """One series of a run.

    Attributes:
        what: `memory`, `files`, `sockets`, `processes`, `locks` or `refused`.
        program: whose; empty for the whole stack's.
        first, last: the medians of the first and of the last third.
        ratio: the growth over the run by the slope, beyond what is bounded, against the first third; None for
            too few points.
    """

    program: str
    what: str
    first: float
    last: float
    ratio: float | None

    @property
    def grows(self) -> bool:
        """Whether it does; processes that are left behind are one leak in any case."""
        if self.program == LEFT_BEHIND:
            return True
        return self.ratio is not None and self.ratio > LIMIT


def slope(points: Iterable[Point]) -> float:
    """The median of the slopes between every two points (Theil and Sen): a restart here and there is no trend.

    Raises:
        ValueError: there are not two points at different times.
    """
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x2 != x1]
    if not slopes:
        raise ValueError("a slope takes two points at different times")
    return median(slopes)


def growth(program: str, what: str, points: Sequence[Point]) -> Growth:
    """Judge one series, in the order of time.

    Args:
        points: minute and value, at least one.
    """
    third = max(1, len(points) // 3)
    first, last = (median(y for _, y in part) for part in (points[:third], points[-third:]))
    if len(points) < ENOUGH:
        return Growth(program, what, first, last, None)
    length = points[-1][0] - points[0][0]
    grown = slope(points) * length
    if grown > 0:
        grown = max(0.0, grown - BOUNDED.get((program, what), 0))
    return Growth(program, what, first, last, grown / max(first, FLOORS[what]))


def series(samples: Iterable[dict[str, Any]]) -> dict[tuple[str, str], list[Point]]:
    """The points of each program and of the whole stack; a program that was not there has no point."""
    found: dict[tuple[str, str], list[Point]] = {}
    for sample in samples:
        for program, values in {**sample["programs"], "": sample["stack"]}.items():
            for what, value in values.items():
                found.setdefault((program, what), []).append((sample["minute"], value))
    return found


def judged(samples: Iterable[dict[str, Any]]) -> list[Growth]:
    """Every series of a run, by program."""
    return [growth(program, what, points) for (program, what), points in sorted(series(samples).items())]


def said(error: str) -> str:
    """The line of an error that says what happened: a command's `error:`, else the last one."""
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("error:")), lines[-1] if lines else "")
