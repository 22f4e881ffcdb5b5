"""The versions that gaiaflow is tested with, and what `nox -s compatibility` measured, as markdown tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gaiaflow import tested

RESULTS = Path(__file__).parents[1] / "compatibility.json"
COLUMNS = ("Docker engine", "Kubernetes", "Airflow", "Python", "tests", "passed", "failed", "skipped", "date")


def ranges() -> str:
    """The oldest and the newest version of each part."""
    lines = [
        f"| {part.name} | {tested.dotted(part.oldest)} | {tested.dotted(part.newest)} |"
        for part in tested.PARTS
    ]
    return "\n".join(["| part | oldest | newest |", "| --- | --- | --- |", *lines])


def rows() -> str:
    """What was measured, newest versions first, and each pair at the ends of the ranges that was not."""
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    ends = [
        (tested.dotted(engine), tested.dotted(kubernetes))
        for engine in (tested.ENGINE.newest, tested.ENGINE.oldest)
        for kubernetes in (tested.KUBERNETES.newest, tested.KUBERNETES.oldest)
    ]
    lines = [line for pair in ends for line in _of_pair(pair, found)]
    others = [row for row in found if _pair(row) not in ends]
    head = ["| " + " | ".join(COLUMNS) + " |", "| " + " | ".join(["---"] * len(COLUMNS)) + " |"]
    return "\n".join([*head, *lines, *map(_line, others)])


def _of_pair(pair: tuple[str, str], found: list[dict[str, Any]]) -> list[str]:
    measured = [_line(row) for row in found if _pair(row) == pair]
    return measured or [f"| {pair[0]} | {pair[1]} | | | not run | | | | |"]


def _pair(row: dict[str, Any]) -> tuple[str, str]:
    versions = (tested.minor(str(row["engine"])), tested.minor(str(row["kubernetes"])))
    return tested.dotted(versions[0] or ()), tested.dotted(versions[1] or ())


def _line(row: dict[str, Any]) -> str:
    names = ("engine", "kubernetes", "airflow", "python", "tests", "passed", "failed", "skipped", "date")
    return f"| {' | '.join(str(row[name]) for name in names)} |"
