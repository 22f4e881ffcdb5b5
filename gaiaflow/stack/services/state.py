"""What is remembered of a stack between two commands: its backend, its ports; read only when it makes sense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gaiaflow.endpoints import PORTS
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project
from gaiaflow.stack.services.backend import STATE

_KINDS: dict[str, type | tuple[type, ...]] = {
    "backend": str,
    "ports": dict,
    "inner": list,
    "extras": list,
    "mode": str,
    "executor": str,
    "made": str,
    "began": (int, float),
}


def place(project: Project) -> Path:
    """The file that keeps it."""
    return project.home / STATE


def read(project: Project) -> dict[str, Any]:
    """What was written last; empty before the first start, and when the file was cut or changed by hand."""
    kept = privatefile.read_json(place(project))
    sound = all(isinstance(kept[name], kind) for name, kind in _KINDS.items() if name in kept)
    return kept if sound and ("ports" not in kept or _are_ports(kept["ports"])) else {}


def write(project: Project, kept: dict[str, Any]) -> None:
    privatefile.write_json(place(project), kept)


def is_lost(project: Project) -> bool:
    """Whether there is a file that cannot be read: a stack may run that it knew of."""
    return place(project).exists() and not read(project)


def _are_ports(value: dict[str, Any]) -> bool:
    return PORTS.keys() <= value.keys() and all(map(_is_port, value.values()))


def _is_port(value: Any) -> bool:
    return type(value) is int and 0 < value < 65536
