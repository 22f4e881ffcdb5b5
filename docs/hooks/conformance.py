"""Airflow's example DAGs on each stack, as markdown; `nox -s conformance` keeps the states."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
STATES = ROOT / "docs" / "conformance.json"
sys.path.insert(0, str(ROOT / "tests" / "conformance"))

from examples import DAG_IDS, NEEDS  # noqa: E402

TITLES = {"embedded": "embedded", "docker": "docker", "kubernetes": "`--executor kubernetes`"}


def kept() -> dict[str, Any]:
    """What the last run of each backend left."""
    return dict(json.loads(STATES.read_text(encoding="utf-8")))


def _cell(column: dict[str, Any], dag_id: str) -> str:
    found = column["dags"].get(dag_id, {"state": "not run", "failed": []})
    failed = ", ".join(f"`{task}`" for task in found["failed"])
    return f"**{found['state']}**: {failed}" if failed else str(found["state"])


def _line(name: str, column: dict[str, Any]) -> str:
    good = sum(found["state"] == "success" for found in column["dags"].values())
    airflow, standard = column["apache-airflow"], column["apache-airflow-providers-standard"]
    return (
        f"- {TITLES[name]}: {good} of {len(DAG_IDS)} succeeded in {column['seconds']} s, the start too. "
        f"Airflow {airflow}, standard provider {standard}; {column['taken']}, {column['machine']}."
    )


def conformance() -> str:
    """A line for each backend that was tried, and a row for each DAG."""
    columns = kept()
    names = [name for name in TITLES if name in columns]
    lines = [_line(name, columns[name]) for name in names]
    head = ["DAG", *(TITLES[name] for name in names), "needs"]
    table = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for dag_id in DAG_IDS:
        cells = [f"`{dag_id}`", *(_cell(columns[name], dag_id) for name in names), NEEDS.get(dag_id, "")]
        table.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *table])
