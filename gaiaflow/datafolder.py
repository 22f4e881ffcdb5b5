"""Folders of data that a project declares by name: ``[tool.gaiaflow.data]`` and what tasks see of them.

Airflow and the Docker socket proxy get the table as JSON in ``GAIAFLOW_DATA``; a function finds each folder of
its task in ``GAIAFLOW_DATA_NAME``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from gaiaflow import envvar
from gaiaflow.errors import MissingError, UsageError, final, near_miss
from gaiaflow.modes import Mode

# Where containers and pods have the folders; compose/scripts/docker_proxy/mount.py has it too.
TARGET = "/opt/gaiaflow/data"
CLUSTERS = (Mode.PROD_LOCAL, Mode.PROD)
# Good for a variable and for a volume of a pod, and no two names give the same one.
_NAME = re.compile(r"[a-z](_?[a-z0-9])*")
_CLAIM = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_LONGEST = 50
_EXAMPLE = 'tiles = {path = "data/tiles", claim = "tiles"}'


class Entry(Protocol):
    """An entry as the settings have it."""

    path: str
    claim: str | None
    writable: bool


class Folder(NamedTuple):
    """One entry of the table.

    Attributes:
        path: absolute, on this machine; empty where only claims are known, as in production.
        claim: the persistent volume claim of the pods; empty where there is none.
        writable: whether containers and pods may write to it.
    """

    name: str
    path: str = ""
    claim: str = ""
    writable: bool = False

    @property
    def variable(self) -> str:
        """The variable in which the function finds the folder."""
        return envvar.DATA_FOLDER + self.name.upper()

    @property
    def dashed(self) -> str:
        """The name as Kubernetes takes it for an object or a volume."""
        return self.name.replace("_", "-")

    @property
    def target(self) -> str:
        """Where a container or a pod has it."""
        return f"{TARGET}/{self.name}"


def folders(root: Path, table: Mapping[str, Entry]) -> dict[str, Folder]:
    """The checked table of a project; whether the folders are there is asked when a task needs one.

    Raises:
        UsageError: a name, a path or a claim that cannot be used.
    """
    found = {}
    for name, entry in table.items():
        if not _NAME.fullmatch(name) or len(name) > _LONGEST:
            raise UsageError(
                f"`{name}` in [tool.gaiaflow.data] cannot be part of a variable's name",
                f"lower case letters, digits and single _, at most {_LONGEST}: {_EXAMPLE}",
            )
        if entry.claim is not None and not _CLAIM.fullmatch(entry.claim):
            raise UsageError(
                f"`{entry.claim}` in [tool.gaiaflow.data.{name}] is not the name of a claim",
                f"lower case letters, digits, dashes, dots: {_EXAMPLE}",
            )
        path = _inside(root, name, entry.path)
        found[name] = Folder(name, str(path), entry.claim or "", entry.writable)
    _refuse_nested(found.values())
    return found


def _inside(root: Path, name: str, path: str) -> Path:
    """The folder itself, links followed: a container that gets it must not get more."""
    try:
        found = (root / path).resolve()
    except (OSError, ValueError, RuntimeError):
        found = root
    if root not in found.parents:
        raise UsageError(
            f"`{path}` in [tool.gaiaflow.data.{name}] is not a folder inside the project",
            f"a folder below {root}, relative to pyproject.toml: {_EXAMPLE}",
        )
    if root / ".gaiaflow" in (found, *found.parents):
        raise UsageError(
            f"`{path}` in [tool.gaiaflow.data.{name}] holds the state and the keys of the project", _EXAMPLE
        )
    return found


def _refuse_nested(found: Iterable[Folder]) -> None:
    """A task that writes to a folder could put a link in the place of one inside it."""
    every = list(found)
    for outer in every:
        for inner in every:
            if outer.writable and inner is not outer and Path(inner.path).is_relative_to(outer.path):
                raise UsageError(
                    f"`{inner.name}` in [tool.gaiaflow.data] is inside `{outer.name}`, which is writable",
                    "give them folders side by side, or leave `writable` out",
                )


def with_claims(found: Mapping[str, Folder], name: str = "") -> list[Folder]:
    """The folders that can be copied into the local cluster: the one of that name, else each with a claim.

    Raises:
        UsageError: there is none.
    """
    if name and name not in found:
        known = ", ".join(sorted(found)) or "none at all"
        raise UsageError(
            f"data `{name}` is not declared{near_miss(name, sorted(found))}",
            f"there is {known}; declare it: [tool.gaiaflow.data] {_EXAMPLE}",
        )
    chosen = [found[name]] if name else [folder for folder in found.values() if folder.claim]
    if not chosen:
        raise UsageError("no folder of [tool.gaiaflow.data] names a claim", _EXAMPLE)
    return chosen


def encoded(found: Mapping[str, Folder], with_paths: bool = True) -> str:
    """What ``GAIAFLOW_DATA`` holds; empty where nothing is declared.

    Args:
        with_paths: False for an Airflow on another machine.
    """
    table = {
        folder.name: {
            **({"path": folder.path} if with_paths else {}),
            **({"claim": folder.claim} if folder.claim else {}),
            **({"writable": True} if folder.writable else {}),
        }
        for folder in found.values()
    }
    return json.dumps(table, sort_keys=True) if table else ""


def variables(found: Mapping[str, Folder], with_paths: bool = True) -> dict[str, str]:
    """``GAIAFLOW_DATA`` for Airflow; empty where nothing is declared."""
    text = encoded(found, with_paths)
    return {envvar.DATA: text} if text else {}


def declared() -> dict[str, Folder]:
    """What ``GAIAFLOW_DATA`` of this process says.

    Raises:
        UsageError: it is not such a table.
    """
    text = os.environ.get(envvar.DATA) or "{}"
    try:
        return {name: _entry(name, value) for name, value in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        raise UsageError(
            "the variable `GAIAFLOW_DATA` is not a table of folders", '{"tiles": {"claim": "tiles"}}'
        ) from None


def _entry(name: str, value: Mapping[str, Any]) -> Folder:
    folder = Folder(name, **value)
    texts = (folder.path, folder.claim)
    if not _NAME.fullmatch(name) or not all(isinstance(text, str) for text in texts):
        raise ValueError(name)
    return folder._replace(writable=folder.writable is True)


def chosen(names: Sequence[str], mode: Mode, parsing: bool = False) -> list[Folder]:
    """The folders that a task names.

    Args:
        parsing: a DAG file is read. In a worker pod, which has no folder of this machine, a task of another
            mode may be in the same file.

    Raises:
        UsageError: one is not declared, or has no claim in a mode of pods.
        MissingError: its folder is not there.
    """
    if not names:
        return []
    table = declared()
    found = [_find(name, table, mode) for name in names]
    for folder in found:
        if mode in CLUSTERS and not folder.claim:
            raise UsageError(
                f"data `{folder.name}` has no `claim`, which mode `{mode}` needs",
                f'claim = "{folder.dashed}" in [tool.gaiaflow.data.{folder.name}]',
            )
        if mode not in CLUSTERS and not (parsing and os.environ.get(envvar.WORKER)):
            _require_folder(folder)
    return found


def _find(name: str, table: Mapping[str, Folder], mode: Mode) -> Folder:
    if name in table:
        return table[name]
    known = ", ".join(sorted(table)) or "none at all"
    hint = f"there is {known}; declare it: [tool.gaiaflow.data] {_EXAMPLE}, then inv dev.restart"
    if mode is Mode.PROD:
        hint = f"there is {known}; set `GAIAFLOW_DATA` of production's Airflow as inv prod.check says"
    raise UsageError(f"data `{name}` is not declared{near_miss(name, sorted(table))}", hint)


def _require_folder(folder: Folder) -> None:
    if not folder.path or not Path(folder.path).is_dir():
        place = f"no folder `{folder.path}`" if folder.path else "its folder is on another machine"
        raise final(MissingError(f"data `{folder.name}`: {place}", f"mkdir -p {folder.path or 'PATH'}"))


def of_task(names: Sequence[str], mode: Mode) -> dict[str, str]:
    """The variables of a task's function: each folder where the function finds it."""
    return {
        folder.variable: folder.path if mode is Mode.DEV else folder.target for folder in chosen(names, mode)
    }


def told(names: Sequence[str], mode: Mode) -> dict[str, str]:
    """Each folder in words, for a person who asks where a task has it."""
    return {folder.name: _words(folder, mode) for folder in chosen(names, mode)}


def _words(folder: Folder, mode: Mode) -> str:
    if mode is Mode.DEV:
        return folder.path
    place = f"claim {folder.claim}" if mode in CLUSTERS else folder.path
    return f"{place} at {folder.target}, {'writable' if folder.writable else 'read-only'}"
