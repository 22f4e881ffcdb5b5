"""The DAGs of others on each stack, as markdown; `nox -s conformance` keeps the states."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
STATES = ROOT / "docs" / "conformance.json"
sys.path.insert(0, str(ROOT / "tests" / "conformance"))

from examples import DAG_IDS, NEEDS  # noqa: E402
from providers import PROVIDERS  # noqa: E402

TITLES = {"embedded": "embedded", "docker": "docker", "kubernetes": "`--executor kubernetes`"}


def kept() -> dict[str, Any]:
    """What the last run of each kind left."""
    return dict(json.loads(STATES.read_text(encoding="utf-8")))


def _cell(column: dict[str, Any], dag_id: str) -> str:
    found = column["dags"].get(dag_id, {"state": "not run", "failed": []})
    failed = ", ".join(f"`{task}`" for task in found["failed"])
    return f"**{found['state']}**: {failed}" if failed else str(found["state"])


def _line(title: str, column: dict[str, Any], source: str, package: str) -> str:
    good = sum(found["state"] == "success" for found in column["dags"].values())
    return (
        f"- {title}: {good} of {len(column['dags'])} succeeded in {column['seconds']} s, the start too. "
        f"Airflow {column['apache-airflow']}, {source} {column[package]}; "
        f"{column['taken']}, {column['machine']}."
    )


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def conformance() -> str:
    """A line for each backend that was tried, and a row for each of Airflow's example DAGs."""
    columns = {name: column for name, column in kept().items() if name in TITLES}
    names = [name for name in TITLES if name in columns]
    package = "apache-airflow-providers-standard"
    lines = [_line(TITLES[name], columns[name], "standard provider", package) for name in names]
    head = ["DAG", *(TITLES[name] for name in names), "needs"]
    table = [_row(*head), "| --- " * len(head) + "|"]
    for dag_id in DAG_IDS:
        cells = [f"`{dag_id}`", *(_cell(columns[name], dag_id) for name in names), NEEDS.get(dag_id, "")]
        table.append(_row(*cells))
    return "\n".join([*lines, "", *table])


def providers() -> str:
    """A line for each provider whose system DAGs were tried, and a row for each of them."""
    columns = kept()
    lines, table = [], [_row("DAG", "state", "needs"), "| --- " * 3 + "|"]
    for name, provider in PROVIDERS.items():
        column = columns.get(name, {"dags": {}})
        if column["dags"]:
            lines.append(_line(f"`{provider.package}`", column, "provider", provider.package))
        for dag_id, need in provider.needs.items():
            table.append(_row(f"`{dag_id}`", _cell(column, dag_id), need))
    return "\n".join([*lines, "", *table]).lstrip()
