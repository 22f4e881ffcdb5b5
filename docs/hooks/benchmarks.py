"""The figures of the last committed run as a markdown table; `nox -s bench` takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).parents[1] / "benchmarks.json"
# Why a goal is missed, and what bounds the figure; a figure without an entry here must meet its goal.
REASONS: dict[str, str] = {
    "a project's image after a one-line change, against its first build": (
        "one layer is built again. Every package of the first build came from uv's full cache; what is left of "
        "the second is the command itself and the engine's look at the layers before."
    ),
    "the Compose stack's start after a stop against its first": (
        "nothing is built or recreated. Every package of the first start came from a full cache; what the "
        "second takes is the time until Airflow's own processes call themselves healthy."
    ),
    "the dependency layer by uv against pip, full caches": (
        "ten of uv's thirteen seconds compile modules, as pip does too, here on two cores. Without that the "
        "layer takes 2.6 s, and every first start of a container more."
    ),
    "its proportional memory against standalone": (
        "standalone's 32 idle workers share the pages of the scheduler that they were forked from, and count "
        "for little here, for much in the resident figure. Ours are nine: server, scheduler, DAG processor and "
        "triggerer each load Airflow by themselves, 80 to 210 MB that nobody shares."
    ),
    "modes in one process against a process each": (
        "a process takes 4.9 s until its first task, which is paid once instead of three times. What is left "
        "are the tasks themselves, most of it the starts of containers."
    ),
    "inv --list against a tasks.py of one task": (
        "52 commands against one. No wing that does the work is loaded, and a list makes no parser of a "
        "command; what is left are the modules of the commands with their signatures and helps."
    ),
    "200 create_task against 200 raw": (
        "Airflow wraps the `__init__` of each class in an operator's line, and ours is one more than "
        "ExternalPythonOperator, which it has to be. The operator alone takes 1.2: that level, the attributes "
        "of a call, and what the raw operator has not: `doc_md`, a retry delay, no results in the log. The "
        "rest checks and copies arguments."
    ),
    "dag.check of one DAG against importing its file once": (
        "two processes read the DAG, because a version that changes by itself shows only with another hash "
        "seed. Each imports the part of Airflow that stores DAGs too, and takes half as much again as the "
        "file alone. The two run side by side."
    ),
    "dag.test of three tasks against three bare calls and importing Airflow": (
        "two thirds are Airflow's own `DAG.test`, which makes its execution API of 232 routes in the process "
        "and asks it 20 times for three tasks; a quarter imports Airflow with its database, a tenth reads "
        "the file."
    ),
}


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
