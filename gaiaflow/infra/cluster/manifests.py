"""The objects of a project's namespace: read from minikube/, fitted to it, applied in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster import room
from gaiaflow.infra.cluster.api import MANAGED_BY, PROJECT, PROJECT_ID, Cluster, labels
from gaiaflow.infra.host.shipped import shipped
from gaiaflow.project import Project

ACCOUNT = "gaiaflow"
# What comes first must be there for the next; removal goes from the end.
ORDER = (
    "namespace",
    "service-account",
    "role",
    "role-binding",
    "network-policy",
    "resource-quota",
    "limit-range",
)
# Only while Airflow runs on the KubernetesExecutor.
EXECUTOR = ("executor-role", "executor-role-binding")


def manifests(
    marks: Mapping[str, str], namespace: str, names: tuple[str, ...] = ORDER, claims: int = 0
) -> list[dict[str, Any]]:
    """The objects in the order of their creation, with the project's namespace and labels.

    Args:
        claims: how many persistent volume claims the namespace may have.
    """
    import yaml  # late: `inv --list` has no use for it

    folder = shipped("minikube")
    things = [yaml.safe_load((folder / f"{name}.yaml").read_text()) for name in names]
    for thing in things:
        if thing["kind"] == "ResourceQuota":
            thing["spec"]["hard"]["persistentvolumeclaims"] = str(claims)
    return [_fit(thing, marks, namespace) for thing in things]


def claims_of(project: Project) -> int:
    """How many claims the folders of data of a project need."""
    return len({folder.claim for folder in project.data.values() if folder.claim})


def apply(cluster: Cluster, project: Project, namespace: str, executor: bool = False) -> dict[str, str]:
    """Make all of them so; what became of each, by ``kind/name``.

    Args:
        executor: with the role of the KubernetesExecutor, which is taken away otherwise.

    Raises:
        GaiaflowError: the namespace is there and not this project's, or the cluster refused.
    """
    refuse_foreign(cluster, project, namespace)
    names = (*ORDER, *EXECUTOR) if executor else ORDER
    things = manifests(labels(project), namespace, names, claims_of(project))
    things = room.fitted(things, project.settings.cluster)
    made = {_label(thing): cluster.apply(thing) for thing in things}
    if not any(thing["kind"] == room.LIMITS for thing in things):
        cluster.delete(room.LIMITS, namespace, ACCOUNT)
    if not executor:
        for thing in reversed(manifests(labels(project), namespace, EXECUTOR)):
            cluster.delete(thing["kind"], namespace, thing["metadata"]["name"])
    return made


def delete(cluster: Cluster, project: Project, namespace: str) -> Iterator[str]:
    """Remove them in the reversed order; the ``kind/name`` of each that was there."""
    refuse_foreign(cluster, project, namespace)
    for thing in reversed(manifests(labels(project), namespace, (*ORDER, *EXECUTOR))):
        metadata = thing["metadata"]
        if cluster.delete(thing["kind"], metadata.get("namespace", ""), metadata["name"]):
            yield _label(thing)


def refuse_foreign(cluster: Cluster, project: Project, namespace: str) -> None:
    """Stop before anything of another project's namespace is touched.

    Raises:
        GaiaflowError: it carries another project's id, or no label of gaiaflow's.
    """
    there = cluster.find("Namespace", "", namespace)
    if there is None:
        return
    marks = there["metadata"].get("labels", {})
    if marks.get(MANAGED_BY) != "gaiaflow" or marks.get(PROJECT_ID) != project.id:
        owner = marks.get(PROJECT_ID) or marks.get(PROJECT, "another one")
        raise GaiaflowError(
            f"the namespace `{namespace}` of the cluster `{cluster.name}` is not this project's: "
            f"it belongs to {owner}",
            "choose another one: GAIAFLOW_NAMESPACE=<name> in .env",
        )


def _fit(thing: dict[str, Any], marks: Mapping[str, str], namespace: str) -> dict[str, Any]:
    metadata = thing["metadata"]
    metadata["labels"] = {**metadata.get("labels", {}), **marks}
    if thing["kind"] == "Namespace":
        metadata["name"] = namespace
    else:
        metadata["namespace"] = namespace
    for subject in thing.get("subjects", []):
        subject["namespace"] = namespace
    return thing


def _label(thing: dict[str, Any]) -> str:
    return f"{thing['kind'].lower()}/{thing['metadata']['name']}"
