"""Requests from a pod of the project's namespace: restricted, short, and removed afterwards."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from typing import Any

from gaiaflow import podrule
from gaiaflow.doctor import address, container
from gaiaflow.doctor.address import Facts
from gaiaflow.doctor.place import Place
from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.infra.cluster import image as nodeimage, target
from gaiaflow.infra.cluster.api import Cluster, labels
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.host import wait
from gaiaflow.infra.host.envfile import read_variables
from gaiaflow.infra.images.image import image_name
from gaiaflow.project import Project

VANTAGE = "a pod"
LABEL = "gaiaflow/doctor"
# Where a container leaves its last words, which its pod's status then shows.
LAST_WORDS = "/dev/termination-log"
_SECONDS = 60
_HOPELESS = podrule.HOPELESS | {"CreateContainerError"}


def read(place: Place) -> Facts:
    """Asks with the rights that Airflow has, so that they are proven too."""
    try:
        chosen = Target.choose(place.project)
        _require_running(chosen)
        variables = _variables(chosen)
        image = _image(chosen)
    except MissingError as error:
        return Facts(VANTAGE, unasked=(error.message, error.hint))
    except GaiaflowError as error:
        return Facts(VANTAGE, trouble=(error.message, error.hint))
    if not place.starts:
        return Facts(VANTAGE, unasked=("nothing was started to check from", "inv doctor"))
    try:
        return _from_pod(chosen, image, address.urls(variables))
    except GaiaflowError as error:
        return Facts(VANTAGE, trouble=(error.message, error.hint))


def _require_running(chosen: Target) -> None:
    """
    Raises:
        MissingError: no cluster to start a pod in.
    """
    if not (chosen.project.home / target.FOLDER / "config").is_file():
        raise MissingError("the project has no cluster yet: not checked", "inv prodlocal.start")
    chosen.connect()


def _variables(chosen: Target) -> dict[str, str]:
    if not chosen.task_environment.is_file():
        raise MissingError("no stack that pods can reach was started yet: not checked", "inv prodlocal.start")
    return read_variables(chosen.task_environment)


def _image(chosen: Target) -> str:
    """The project's own, which has Python and is what its tasks run in."""
    name = image_name(chosen.project)
    if nodeimage.find(chosen, name) is None:
        raise MissingError(f"the cluster has no image `{name}` to check from", "inv prodlocal.dockerize")
    return name


def spec(project: Project, namespace: str, name: str, image: str, pairs: list[str]) -> dict[str, Any]:
    """The pod: what a restricted namespace admits, and no token of the cluster in it."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {**labels(project), LABEL: "address"}},
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": _SECONDS,
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {**podrule.POD, "runAsUser": podrule.USER},
            "containers": [
                {
                    "name": "doctor",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["python", "-IS", "-c", container.text(), "--to", LAST_WORDS, *pairs],
                    "terminationMessagePath": LAST_WORDS,
                    "resources": {
                        "requests": {"cpu": "50m", "memory": "32Mi"},
                        "limits": {"cpu": "500m", "memory": "128Mi"},
                    },
                    "securityContext": {**podrule.CONTAINER, "readOnlyRootFilesystem": True},
                }
            ],
        },
    }


def _from_pod(chosen: Target, image: str, asked: dict[str, str]) -> Facts:
    cluster = Cluster.connect(chosen.config, None)
    name = f"gaiaflow-doctor-{secrets.token_hex(3)}"
    pairs = [f"{service}={url}" for service, url in asked.items()]
    cluster.delete_pods(chosen.namespace, f"{LABEL}=address")  # of a doctor that was killed
    begun = time.time()
    path = f"/api/v1/namespaces/{chosen.namespace}/pods"
    try:
        cluster.request("POST", path, spec(chosen.project, chosen.namespace, name, image, pairs))
        words = _last_words(cluster, chosen.namespace, name)
    finally:
        with contextlib.suppress(GaiaflowError):
            cluster.delete("Pod", chosen.namespace, name, grace=0)
    try:
        return address.heard(VANTAGE, asked, json.loads(words), begun)
    except (ValueError, KeyError, TypeError):
        raise GaiaflowError("the pod ended without an answer", "inv prodlocal.status") from None


def _last_words(cluster: Cluster, namespace: str, name: str) -> str:
    """What its container left when it ended.

    Raises:
        GaiaflowError: it does not start, or does not end in time.
    """
    ended = wait.until(lambda: _ended(cluster.find("Pod", namespace, name) or {}), _SECONDS, 0.3)
    if ended is None:
        raise GaiaflowError(f"the pod did not answer within {_SECONDS} s", "inv prodlocal.status")
    return str(ended.get("message", ""))


def _ended(pod: dict[str, Any]) -> dict[str, Any] | None:
    """How the pod's container ended; None while it has not.

    Raises:
        GaiaflowError: it will never start.
    """
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    state = statuses[0].get("state", {})
    if (reason := state.get("waiting", {}).get("reason")) in _HOPELESS:
        raise GaiaflowError(f"the pod does not start: {reason}", "inv prodlocal.dockerize")
    return dict(state["terminated"]) if "terminated" in state else None
