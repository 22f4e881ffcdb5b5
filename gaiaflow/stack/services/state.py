"""What is remembered of a stack between two commands: its backend, its ports; read only when it makes sense."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from gaiaflow.endpoints import PORTS
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project

# In the project's home: the backend, its ports, what runs.
STATE = "state.json"


@dataclass(frozen=True)
class Remembered:
    """What the last start wrote down; all of it empty before the first one.

    Attributes:
        ports: the host's port of each entry of endpoints.PORTS.
        inner: ports that only the S3 store of the embedded stack uses.
        extras: what ran beside the services.
        mode, executor: of Airflow, as it was last started.
        made: what the containers were made of, as a digest.
        began: when Airflow was last started, in seconds since the epoch.
    """

    backend: str = ""
    ports: dict[str, int] = field(default_factory=dict)
    inner: list[int] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)
    mode: str = ""
    executor: str = ""
    made: str = ""
    began: float = 0.0


NOTHING = Remembered()


def place(project: Project) -> Path:
    """The file that keeps it."""
    return project.home / STATE


def read(project: Project) -> Remembered:
    """What was written last; nothing before the first start, and when the file was cut or changed by hand."""
    kept = privatefile.read_json(place(project))
    known = {entry.name: kept[entry.name] for entry in fields(Remembered) if entry.name in kept}
    return Remembered(**known) if all(_is_sound(name, value) for name, value in known.items()) else NOTHING


def write(project: Project, remembered: Remembered) -> None:
    privatefile.write_json(place(project), asdict(remembered))


def is_lost(project: Project) -> bool:
    """Whether there is a file that cannot be read: a stack may run that it knew of."""
    return place(project).exists() and read(project) == NOTHING


def _is_sound(name: str, value: Any) -> bool:
    if name == "ports":
        return isinstance(value, dict) and (not value or _are_ports(value))
    if name == "began":
        return isinstance(value, (int, float))
    return type(value) is type(getattr(NOTHING, name))


def _are_ports(value: dict[str, Any]) -> bool:
    return PORTS.keys() <= value.keys() and all(map(_is_port, value.values()))


def _is_port(value: Any) -> bool:
    return type(value) is int and 0 < value < 65536
