"""The figures of the last committed run as a markdown table; `nox -s bench` takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).parents[1] / "benchmarks.json"
# Why a goal is missed, and what bounds the figure; a figure without an entry here must meet its goal.
REASONS: dict[str, str] = {
    "a project's image after a one-line change, against its first build": (
        "Docker rebuilds one layer. In the first build every package came from uv's full cache. What is left "
        "of the second build is the command itself and the engine's check of the other layers."
    ),
    "the Compose stack's start after a stop against its first": (
        "Nothing is rebuilt or recreated. In the first start every package came from a full cache. The second "
        "start waits until Airflow's own processes report that they are healthy."
    ),
    "the dependency layer by uv against pip, full caches": (
        "Ten of uv's thirteen seconds compile modules, on two cores; pip does this too. Without it the layer "
        "takes 2.6 s, but every first start of a container takes longer."
    ),
    "its proportional memory against standalone": (
        "The 32 idle workers of standalone share the memory pages of the scheduler that forked them, so they "
        "count for little here and for much in the resident figure. Our nine processes each load Airflow: the "
        "server, the scheduler, the DAG processor and the triggerer use 80 to 210 MB that they do not share."
    ),
    "first start on a full package cache, S3 store and JupyterLab too, against doing it by hand": (
        "Installing takes 2 s by hand, from uv's cache and without compiling. The rest of both is the first "
        "start of Airflow's processes. Ours also makes the project's environment and starts the S3 store and "
        "JupyterLab."
    ),
    "modes in one process against a process each": (
        "A process takes 4.9 s until its first task. One process pays this once instead of three times. The "
        "rest is the tasks themselves, mostly the starts of containers."
    ),
    "inv --list against a tasks.py of one task": (
        "52 commands against one. The list loads none of the wings that do the work, and creates no parser "
        "for a command. What is left are the modules of the commands with their signatures and help texts."
    ),
    "200 create_task against 200 raw": (
        "Airflow wraps the `__init__` of each class of an operator. Our class has one more base class than "
        "ExternalPythonOperator, which it needs; that and the attributes of a call make 1.2. The rest checks "
        "and copies arguments, finds the function's docstring, and sets what the raw operator does not have: "
        "`doc_md`, a retry delay, no results in the log."
    ),
    "dag.test of three tasks against three bare calls and importing Airflow": (
        "A third is Airflow's execution API, which `DAG.test` creates in the process and calls 20 times for "
        "three tasks; it has the newest version of the API alone. A quarter imports Airflow with its "
        "database, a tenth reads the file, and a tenth are queries of the database."
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
