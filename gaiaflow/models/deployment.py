"""A served model in the cluster: Deployment, Service and who may connect; made, waited for, removed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gaiaflow import podrule
from gaiaflow.errors import GaiaflowError, MissingError, StillStartingError, UsageError, near_miss
from gaiaflow.infra.cluster.api import Cluster, labels
from gaiaflow.infra.cluster.manifests import refuse_foreign
from gaiaflow.infra.host.progress import Tell, silent
from gaiaflow.infra.host.shipped import shipped
from gaiaflow.project import Project, unique_slug

PORT = 5001
MODEL, VERSION, RUN = "gaiaflow/model", "gaiaflow/model-version", "gaiaflow/model-run"
# What comes first must be there for the next; removal goes from the end.
ORDER = ("model-network-policy", "model-service", "model-deployment")
# Why a container waits in vain; the rest of the reasons pass.
_HOPELESS = podrule.HOPELESS | {"CrashLoopBackOff"}


@dataclass(frozen=True)
class Deployed:
    """A model as it is to be, or is, in the cluster.

    Attributes:
        image: by its content tag, so that another content makes new pods.
    """

    model: str
    version: int
    run_id: str
    image: str
    replicas: int

    @property
    def name(self) -> str:
        return object_name(self.model)


def object_name(model: str) -> str:
    """The name of a model's objects, and of its Service in the namespace."""
    return f"model-{unique_slug(model)}"


def address(model: str, namespace: str) -> str:
    """Where pods of the cluster find the model."""
    return f"http://{object_name(model)}.{namespace}:{PORT}"


def selector(model: str) -> dict[str, str]:
    """The labels that find a model's pods."""
    return {"app.kubernetes.io/name": "model", "app.kubernetes.io/instance": object_name(model)}


def objects(wanted: Deployed, project: Project, namespace: str) -> list[dict[str, Any]]:
    """The objects of a model in the order of their creation."""
    import yaml  # late: `inv --list` has no use for it

    folder = shipped("minikube")
    read = [yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8")) for name in ORDER]
    marks = {**labels(project), **selector(wanted.model), VERSION: str(wanted.version)}
    for thing in read:
        thing["metadata"] |= {"name": wanted.name, "namespace": namespace, "labels": marks}
        thing["metadata"]["annotations"] = {MODEL: wanted.model, RUN: wanted.run_id}
    policy, service, deployment = (thing["spec"] for thing in read)
    policy["podSelector"]["matchLabels"] = service["selector"] = selector(wanted.model)
    deployment["replicas"], deployment["selector"]["matchLabels"] = wanted.replicas, selector(wanted.model)
    deployment["template"]["metadata"]["labels"] = marks
    deployment["template"]["spec"]["containers"][0]["image"] = wanted.image
    return read


def require_namespace(cluster: Cluster, project: Project, namespace: str) -> None:
    """Raise unless the namespace is there and the project's."""
    refuse_foreign(cluster, project, namespace)
    if cluster.find("Namespace", "", namespace) is None:
        raise MissingError(f"no namespace `{namespace}` in the cluster `{cluster.name}`", "inv prodlocal.start")


def apply(cluster: Cluster, wanted: Deployed, project: Project, namespace: str) -> None:
    """Make the objects so.

    Raises:
        GaiaflowError: the Deployment of that name serves another model.
    """
    there = cluster.find("Deployment", namespace, wanted.name)
    if there and (other := _annotations(there).get(MODEL, "something else")) != wanted.model:
        raise GaiaflowError(
            f"`deployment/{wanted.name}` in `{namespace}` serves `{other}`, not `{wanted.model}`",
            f"kubectl describe deployment -n {namespace} {wanted.name}",
        )
    for thing in objects(wanted, project, namespace):
        cluster.apply(thing)


def wait(cluster: Cluster, wanted: Deployed, namespace: str, seconds: float, tell: Tell = silent) -> None:
    """Wait until all replicas answer, and those of before are gone.

    Raises:
        GaiaflowError: a pod can never start, or its server ends again and again.
        StillStartingError: not in time; they go on starting.
    """
    until = time.monotonic() + seconds
    while not _is_rolled_out(found := _deployment(cluster, wanted.name, namespace), wanted.replicas):
        pods = [p for p in cluster.find_all("Pod", namespace, _query(wanted.model)) if _runs(p, wanted.image)]
        _raise_if_hopeless(wanted, pods)
        ready = found.get("status", {}).get("readyReplicas", 0)
        tell(f"{ready} of {wanted.replicas} ready")
        if time.monotonic() > until:
            why = _why(pods) or "its server starts"
            raise StillStartingError(
                f"model `{wanted.model}` is not ready after {seconds:.0f} s: {why}",
                f"kubectl describe pods -n {namespace} -l {_query(wanted.model)}",
            )
        time.sleep(0.5)


def delete(cluster: Cluster, model: str, namespace: str) -> list[str]:
    """Remove a model; the ``kind/name`` of what was there. Its pods end by themselves.

    Raises:
        UsageError: no such model is deployed.
    """
    find(cluster, model, namespace)
    kinds = ("Deployment", "Service", "NetworkPolicy")
    name = object_name(model)
    return [f"{kind.lower()}/{name}" for kind in kinds if cluster.delete(kind, namespace, name)]


def find(cluster: Cluster, model: str, namespace: str) -> Deployed:
    """
    Raises:
        UsageError: no such model is deployed; with the near miss and what there is.
    """
    known = {row.model: row for row in deployed(cluster, namespace)}
    if model not in known:
        there = f"there is {', '.join(known)}" if known else f"inv model.deploy {model}"
        raise UsageError(f"no model `{model}` in `{namespace}`{near_miss(model, list(known))}", there)
    return known[model]


def deployed(cluster: Cluster, namespace: str) -> list[Deployed]:
    """The models of a namespace; what gaiaflow did not deploy is left out."""
    found = cluster.find_all("Deployment", namespace, "app.kubernetes.io/name=model")
    return [_read(thing) for thing in found if MODEL in _annotations(thing)]


def _annotations(thing: Mapping[str, Any]) -> Mapping[str, str]:
    return thing["metadata"].get("annotations") or {}


def _read(thing: Mapping[str, Any]) -> Deployed:
    marks, spec = thing["metadata"], thing["spec"]
    return Deployed(
        marks["annotations"][MODEL],
        int(marks["labels"][VERSION]),
        marks["annotations"].get(RUN, ""),
        spec["template"]["spec"]["containers"][0]["image"],
        int(spec["replicas"]),
    )


def _query(model: str) -> str:
    return ",".join(f"{name}={value}" for name, value in selector(model).items())


def _deployment(cluster: Cluster, name: str, namespace: str) -> dict[str, Any]:
    found = cluster.find("Deployment", namespace, name)
    if found is None:
        raise GaiaflowError(f"`deployment/{name}` was removed while it started", "inv model.deploy MODEL")
    return found


def _is_rolled_out(found: Mapping[str, Any], replicas: int) -> bool:
    status = found.get("status", {})
    seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
    counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")}
    return bool(seen) and counts == {replicas}


def _runs(pod: Mapping[str, Any], image: str) -> bool:
    return bool(pod["spec"]["containers"][0]["image"] == image)


def _statuses(pods: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for pod in pods:
        yield from pod["status"].get("containerStatuses", [])


def _raise_if_hopeless(wanted: Deployed, pods: list[dict[str, Any]]) -> None:
    for status in _statuses(pods):
        waiting = status["state"].get("waiting", {})
        if waiting.get("reason") not in _HOPELESS:
            continue
        said = status.get("lastState", {}).get("terminated", {}).get("message") or waiting.get("message", "")
        last = "\n".join(said.strip().splitlines()[-20:])
        raise GaiaflowError(
            f"model `{wanted.model}` does not start: {waiting['reason']}\n{last}",
            f"inv model.undeploy {wanted.model}",
        )


def _why(pods: list[dict[str, Any]]) -> str:
    """The scheduler's reason for a pod that has no node."""
    conditions = [c for pod in pods for c in pod["status"].get("conditions", [])]
    said = [c["message"] for c in conditions if c.get("reason") == "Unschedulable"]
    return re.sub(r"\s+", " ", said[0]) if said else ""
