"""When a DAG file was changed and when Airflow read it: what there is, and what may still come."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from gaiaflow.dags import name as dagid
from gaiaflow.dags.api import AirflowApi
from gaiaflow.dags.declared import declared
from gaiaflow.errors import UsageError, near_miss
from gaiaflow.project import Project
from gaiaflow.stack.services import mode as stackmode


def refuse_undeclared(project: Project, name: str) -> None:
    """Look at the files alone, before Airflow is asked.

    Raises:
        UsageError: no file makes this DAG; the near miss and the list are named.
    """
    dagid.checked(name)
    found = declared(project)
    if found.complete and name not in found.ids:
        names = sorted(found.ids)
        raise UsageError(
            f"no file in {project.dags} defines a DAG `{name}`{near_miss(name, names)}",
            f"there is {', '.join(names) or 'none at all'}",
        )


def may_come(api: AirflowApi, project: Project) -> bool:
    """Whether Airflow may still read a DAG that it does not know: a file is newer than what it read."""
    read = {str(dag.get("relative_fileloc")): read_at(dag) for dag in api.dags()}
    began = max([stackmode.kept_began(project), *map(changed, project.dags.rglob("*.y*ml"))])
    return any(
        read.get(str(file.relative_to(project.dags)), 0) < max(began, changed(file))
        for file in _dag_files(project)
    )


def _dag_files(project: Project) -> Iterator[Path]:
    """The files that Airflow takes for DAG files."""
    for file in project.dags.rglob("*.py"):
        text = file.read_bytes().lower() if file.is_file() else b""
        if b"airflow" in text and b"dag" in text:
            yield file


def read_at(dag: Mapping[str, Any]) -> float:
    """When Airflow opened the file for what it knows now; 0 where it does not say."""
    if not dag.get("last_parsed_time"):
        return 0
    written = datetime.fromisoformat(str(dag["last_parsed_time"]).replace("Z", "+00:00"))
    return written.timestamp() - float(dag.get("last_parse_duration") or 0)


def changed(file: Path) -> float:
    """When the file was changed; 0 where it is not there, and for a time ahead of the clock."""
    at = file.stat().st_mtime if file.is_file() else 0
    return at if at <= time.time() else 0
