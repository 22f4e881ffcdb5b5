"""The figures of the last committed run as a markdown table; `nox -s bench` takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).parents[1] / "benchmarks.json"
# Why a goal is missed, and what bounds the figure; a figure without an entry here must meet its goal.
REASONS: dict[str, str] = {}


def rows() -> list[dict[str, Any]]:
    return list(json.loads(FIGURES.read_text(encoding="utf-8"))["figures"])


def figure_table() -> str:
    """Ratio, goal and the two values of each figure, with the reason where a goal is missed."""
    head = "| figure | ratio | goal | | what was measured |\n|---|---:|---:|---|---|\n"
    return head + "\n".join(_row(row) for row in rows()) + "\n\n" + _missed()


def _row(row: dict[str, Any]) -> str:
    mark = "met" if row["met"] else "**missed**"
    return f"| {row['name']} | {row['ratio']:.3g} | {row['goal']:.3g} | {mark} | {row['detail']} |"


def _missed() -> str:
    missed = [row["name"] for row in rows() if not row["met"]]
    return "\n".join(f"- **{name}**: {REASONS[name]}" for name in missed)


def machines() -> str:
    """Where and when the figures were taken."""
    seen = dict.fromkeys(f"{row['taken']} on {row['machine']}" for row in rows())
    return "Taken " + "; ".join(seen) + "."
