"""What the owner of production's cluster applies for a project: the objects of minikube/, nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from gaiaflow.errors import UsageError
from gaiaflow.infra.cluster import room
from gaiaflow.infra.cluster.api import shared_labels
from gaiaflow.infra.cluster.manifests import claims_of, manifests as objects
from gaiaflow.project import Project


def manifests(project: Project, namespace: str = "", account: str = "") -> list[dict[str, Any]]:
    """The objects in the order of their creation.

    Args:
        namespace: where the pods run.
        account: ``namespace/name`` of the service account of production's Airflow, which gets the role, too.

    Raises:
        UsageError: the account is not named with its namespace.
    """
    known = project.settings.prod
    place = namespace or known.namespace or f"gaiaflow-{project.name}"
    things = objects(shared_labels(project), place, claims=claims_of(project))
    things = room.fitted(things, project.settings.cluster)
    if named := account or known.account:
        home, slash, name = named.partition("/")
        if not (home and slash and name):
            raise UsageError(
                f"`{named}` is not a service account: namespace/name", "--account airflow/airflow-worker"
            )
        binding = next(thing for thing in things if thing["kind"] == "RoleBinding")
        binding["subjects"].append({"kind": "ServiceAccount", "name": name, "namespace": home})
    return things


def as_yaml(things: list[dict[str, Any]]) -> str:
    """All of them as one file for kubectl."""
    return "---\n".join(map(_document, things))


def write(things: list[dict[str, Any]], folder: Path) -> list[Path]:
    """One file each, numbered so that `kubectl apply -f` takes them in order."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, thing in enumerate(things):
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", thing["kind"]).lower()
        file = folder / f"{number}0-{name}.yaml"
        file.write_text(_document(thing), encoding="utf-8")
        files.append(file)
    return files


def _document(thing: dict[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(thing, sort_keys=False))
