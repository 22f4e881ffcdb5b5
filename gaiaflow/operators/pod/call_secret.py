"""A call that is too large for a variable: a pod reads it from a Secret, which is deleted with the pod."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from airflow.providers.cncf.kubernetes.kubernetes_helper_functions import generic_api_retry
from kubernetes.client import models
from kubernetes.client.exceptions import ApiException

from gaiaflow import podfield
from gaiaflow.operators.pod.spec import attach

k8s: Any = models  # the client is generated and has no types
VOLUME = podfield.CALL_VOLUME
FOLDER, FILE = "/gaiaflow", "call.json"
PATH = f"{FOLDER}/{FILE}"
ALREADY_THERE = 409


def mount(pod: Any, container: str) -> None:
    """Let a container of a pod, not made yet, read the call at PATH; it waits until the Secret is there."""
    source = k8s.V1SecretVolumeSource(secret_name=pod.metadata.name)
    place = k8s.V1VolumeMount(name=VOLUME, mount_path=FOLDER, read_only=True)
    attach(pod, container, k8s.V1Volume(name=VOLUME, secret=source), place)


def create(client: Any, pod: Any, call: str, labels: Mapping[str, str]) -> None:
    """Make the Secret of a pod that the cluster has; a pod that a lost worker left may have it already.

    Args:
        labels: of the Secret.

    Raises:
        ApiException: the cluster refuses it.
    """
    name, namespace = pod.metadata.name, pod.metadata.namespace
    uid = pod.metadata.uid or client.read_namespaced_pod(name, namespace).metadata.uid
    owner = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": name, "labels": dict(labels), "ownerReferences": [owner]},
        "data": {FILE: base64.b64encode(call.encode()).decode()},
        "immutable": True,  # the node asks for it once
    }
    _create(client, namespace, body)


@generic_api_retry  # type: ignore[untyped-decorator]
def _create(client: Any, namespace: str, body: Mapping[str, Any]) -> None:
    try:
        client.create_namespaced_secret(namespace, body)
    except ApiException as error:
        if error.status != ALREADY_THERE:
            raise
