"""The DAGs that a project's files name, read without running them: in milliseconds, and not always all."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gaiaflow.project import Project

# A file that imports from elsewhere may bring a DAG from there.
_KNOWN = {*sys.stdlib_module_names, "airflow", "pendulum", "gaiaflow"}
_BRINGS_DAGS = {"load_yaml_dags", "globals"}


@dataclass(frozen=True)
class Declared:
    """What was read.

    Attributes:
        ids: the ids that the files have.
        complete: there can be no others: every id is written out, and no file brings DAGs from elsewhere.
    """

    ids: frozenset[str]
    complete: bool


def declared(project: Project) -> Declared:
    """The ids of the DAGs in the files of the project's dags/."""
    read = by_file(project).values()
    ids = {name for each in read for name in each.ids}
    archived = any(project.dags.rglob("*.zip"))
    return Declared(frozenset(ids), all(each.complete for each in read) and not archived)


def by_file(project: Project) -> dict[str, Declared]:
    """What each Python file of dags/ names, by its path there."""
    files = sorted(project.dags.rglob("*.py"))
    return {str(file.relative_to(project.dags)): _of(file) for file in files}


def _of(file: Path) -> Declared:
    try:
        text = file.read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError):
        return Declared(frozenset(), False)
    if "airflow" not in text.lower():  # Airflow passes such a file over
        return Declared(frozenset(), True)
    named = list(_named(tree))
    ids = frozenset(name for name in named if name)
    return Declared(ids, bool(named) and all(named) and not _brings_others(tree))


def _named(tree: ast.AST) -> Iterator[str]:
    """The id of each DAG of a file; empty where it is not written out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) == "DAG":
            yield _literal(node)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from (_decorated(node.name, each) for each in node.decorator_list if _is_dag(each))


def _is_dag(decorator: ast.expr) -> bool:
    return _name(decorator.func if isinstance(decorator, ast.Call) else decorator) == "dag"


def _decorated(function: str, decorator: ast.expr) -> str:
    if not isinstance(decorator, ast.Call):
        return function
    given = decorator.args or any(keyword.arg in (None, "dag_id") for keyword in decorator.keywords)
    return _literal(decorator) if given else function


def _literal(call: ast.Call) -> str:
    values = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "dag_id")]
    found = values[0] if values else None
    return found.value if isinstance(found, ast.Constant) and isinstance(found.value, str) else ""


def _brings_others(tree: ast.AST) -> bool:
    return any(_is_foreign(node) for node in ast.walk(tree))


def _is_foreign(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] not in _KNOWN for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return bool(node.level) or (node.module or "").partition(".")[0] not in _KNOWN
    return isinstance(node, ast.Call) and _name(node.func) in _BRINGS_DAGS


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
