"""Measures two things side by side: alternating, in one run, as a ratio of medians."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# `make setup` made it; this Python has Airflow, which `inv` has not.
TOOLS = ROOT / ".venv" / "bin" / "python"


@dataclass(frozen=True)
class Figure:
    """One ratio and its goal.

    Attributes:
        ratio: ours over theirs; without unit.
        goal: the ratio is at most this.
        detail: what the two medians were.
    """

    name: str
    ratio: float
    goal: float
    detail: str

    @property
    def met(self) -> bool:
        return self.ratio <= self.goal

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "met": self.met}


@dataclass(frozen=True)
class Curve:
    """What grows with a count; for a plot.

    Attributes:
        seconds: the best of a few, for each count.
    """

    name: str
    counts: list[int]
    seconds: list[float]


def paired(
    name: str, goal: float, ours: Callable[[], float], theirs: Callable[[], float], rounds: int, unit: str = "s"
) -> Figure:
    """Take both in turn, so that a slow moment of the machine hits both."""
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Figure(name, mine / other, goal, f"{mine:.4g} {unit} against {other:.4g} {unit}, {rounds} rounds")


def processor_seconds(work: Callable[[], object]) -> float:
    """What the child processes of some work cost, theirs too; another program on the machine does not count."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run_tasks(file: Path) -> dict[str, float]:
    """Run a bench file as a program; its last line is JSON. What Airflow says stays out of the table."""
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        raise SystemExit(f"{file.name}: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def child(code: str, python: str | Path = sys.executable, **variables: str) -> dict[str, float]:
    """Run code in a fresh interpreter; its last line is JSON."""
    done = subprocess.run(
        [python, "-c", code],
        env={**os.environ, **variables},
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return json.loads(done.stdout.splitlines()[-1])
