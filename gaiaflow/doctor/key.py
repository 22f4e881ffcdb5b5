"""One JWT secret, one API key and one Fernet key in every process of Airflow; compared by hash, never shown."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gaiaflow import envvar
from gaiaflow.doctor.check import Check, failed, ok, unknown
from gaiaflow.doctor.place import Place
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.host import living, privatefile
from gaiaflow.infra.images.engine import PROJECT_LABEL, connect, list_containers
from gaiaflow.project import Project
from gaiaflow.stack.services import keys

# The variable that Airflow reads, the name in keys.json, and what a person calls it.
NAMES = {
    "AIRFLOW__API_AUTH__JWT_SECRET": ("airflow_jwt", "JWT secret"),
    "AIRFLOW__API__SECRET_KEY": ("airflow_api", "API key"),
    "AIRFLOW__CORE__FERNET_KEY": ("airflow_fernet", "Fernet key"),
}
_SERVICE = "com.docker.compose.service"


@dataclass(frozen=True)
class Facts:
    """
    Attributes:
        kept: the hashes of what the project keeps, by variable.
        used: by process or container: the hashes of what it was started with.
    """

    kept: Mapping[str, str]
    used: Mapping[str, Mapping[str, str]]


def read(place: Place) -> Facts:
    salt = secrets.token_bytes(16)  # a hash says nothing beyond this one comparison
    file = privatefile.read_json(keys.place(place.project))
    kept = {variable: str(file[name]) for variable, (name, _) in NAMES.items() if name in file}
    found = _containers(place.project) if place.backend == "docker" else _processes(place.project)
    return Facts(_hashed(kept, salt), {holder: _hashed(values, salt) for holder, values in found.items()})


def _hashed(values: Mapping[str, str], salt: bytes) -> dict[str, str]:
    return {name: hashlib.sha256(salt + values[name].encode()).hexdigest() for name in NAMES if name in values}


def _processes(project: Project) -> dict[str, dict[str, str]]:
    found = {}
    for pid in living.marked(envvar.STACK, f"{project.id}/airflow"):
        with contextlib.suppress(OSError):
            pairs = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
            found[f"pid {pid}"] = _pairs(pairs)
    return found


def _containers(project: Project) -> dict[str, dict[str, str]]:
    try:
        with contextlib.closing(connect()) as engine:
            running = list_containers(engine, filters={"label": [f"{PROJECT_LABEL}={project.id}", _SERVICE]})
            parts = {c.labels[_SERVICE]: c.attrs["Config"].get("Env") or [] for c in running}
    except GaiaflowError:
        return {}
    return {part: _pairs(pairs) for part, pairs in parts.items() if part.startswith("airflow-")}


def _pairs(lines: list[str]) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def same(facts: Facts) -> Check:
    if not any(facts.used.values()):
        return unknown("Airflow is not running: no key to compare", "inv dev.start")
    for variable, (_, name) in NAMES.items():
        held = {holder: values[variable] for holder, values in facts.used.items() if variable in values}
        expected = facts.kept.get(variable)
        odd = sorted(holder for holder, value in held.items() if value != expected)
        if odd:
            return failed(f"the {name} of {', '.join(odd)} is not the one in keys.json",
                          "inv dev.restart --service airflow")  # fmt: skip
    return ok(f"one JWT secret, API key and Fernet key in all {len(facts.used)} processes of Airflow")
