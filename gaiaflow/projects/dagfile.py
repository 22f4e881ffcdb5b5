"""The DAG files of a project as production gets them, and the hash that stands for all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from gaiaflow.errors import MissingError, UsageError
from gaiaflow.project import Project

# The one hidden file that Airflow reads; the others are of editors, of secrets, of state.
_HIDDEN_BUT_READ = ".airflowignore"
_NOT_SOURCE = {"__pycache__", "node_modules"}


def dag_files(project: Project) -> dict[str, Path]:
    """Every file of the folder of DAGs, by its name there: code, YAML, SQL; no hidden ones, no caches.

    Raises:
        MissingError: there is no such folder.
        UsageError: a link leads out of the project.
    """
    folder = project.dags
    if not folder.is_dir():
        raise MissingError(f"no folder `{folder}`", f"mkdir {folder}")
    found = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    files = {name.as_posix(): path for name, path in found.items() if _is_source(name)}
    # The folder of the DAGs may lie beside the source.
    inside = (project.source.resolve(), folder.resolve())
    for path in files.values():
        if not any(path.resolve().is_relative_to(place) for place in inside):
            raise UsageError(
                f"`{path}` is a link that leads out of the project", "put the file itself into the project"
            )
    return files


def _is_source(name: Path) -> bool:
    hidden = any(part.startswith(".") for part in name.parts[:-1]) or (
        name.name.startswith(".") and name.name != _HIDDEN_BUT_READ
    )
    return not (hidden or set(name.parts) & _NOT_SOURCE or name.suffix == ".pyc")


def hashes(files: Mapping[str, Path]) -> dict[str, str]:
    """SHA-256 of each file."""
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def dag_hash(project: Project) -> str:
    """One hash over the names and contents of all DAG files."""
    lines = "".join(f"{name}\0{value}\n" for name, value in sorted(hashes(dag_files(project)).items()))
    return hashlib.sha256(lines.encode()).hexdigest()
