"""What is sent to the cluster: an Indexed Job around the pod of one call, and the Secret with all calls."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from gaiaflow import podfield, runner

LONGEST_NAME = 63
# The rest of a pod's name: the index, and what Kubernetes adds. The provider adds 9 characters to the name.
READABLE = 44
COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"
# Of the Job: which calls it makes, and of which list.
INDEXES, DIGEST = "gaiaflow/indexes", "gaiaflow/calls"
QUEUE = "kueue.x-k8s.io/queue-name"
# How long a Job that nobody deletes stays once it has ended: an attempt after it needs its values.
LEFT_SECONDS = 24 * 3600
FOLDER = "/gaiaflow"
# Kubernetes sets it last, where no variable before it could be used; it leaves one that is there already.
INDEX = "JOB_COMPLETION_INDEX"
# A pod that the cluster takes away is replaced, and the call does not count as failed.
_REPLACED = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}


def job(
    pod: Mapping[str, Any], container: str, indexes: Sequence[int], of: str, at_once: int, queue: str
) -> dict[str, Any]:
    """The Job that makes some calls of a list.

    Args:
        pod: of one call, as the API takes it; its container has no call yet.
        container: the name of the function's container.
        indexes: the places of the calls in the list.
        of: the digest of the list.
        at_once: how many pods run at a time.
        queue: the name of a Kueue queue, or nothing.
    """
    meta = pod["metadata"]
    name = meta["name"][: LONGEST_NAME - 1 - len(str(len(indexes)))].rstrip("-.")
    labels = {**meta.get("labels", {}), **({QUEUE: queue} if queue else {})}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": meta["namespace"],
            "labels": {key: value for key, value in labels.items() if key != "try_number"},
            "annotations": {INDEXES: json.dumps(list(indexes), separators=(",", ":")), DIGEST: of},
        },
        "spec": {
            "completionMode": "Indexed",
            "completions": len(indexes),
            "parallelism": min(len(indexes), at_once),
            "backoffLimitPerIndex": 0,
            "podFailurePolicy": {"rules": [_REPLACED]},
            "ttlSecondsAfterFinished": LEFT_SECONDS,
            **({"suspend": True} if queue else {}),
            "template": _template(pod, name, container),
        },
    }


def secret(job: Mapping[str, Any], uid: str, calls: Sequence[str], labels: Mapping[str, str]) -> dict[str, Any]:
    """The Secret with the calls of a Job that the cluster has, each in a file by the index of its pod."""
    name = job["metadata"]["name"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid}
    encoded = (base64.b64encode(call.encode()).decode() for call in calls)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": name, "labels": dict(labels), "ownerReferences": [owner]},
        "data": {f"{index}.json": text for index, text in enumerate(encoded)},
        "immutable": True,  # the node asks for it once
    }


def _template(pod: Mapping[str, Any], name: str, container: str) -> dict[str, Any]:
    meta = {key: value for key, value in pod["metadata"].items() if key in ("labels", "annotations")}
    spec = dict(pod["spec"])
    volume = {"name": podfield.CALL_VOLUME, "secret": {"secretName": name}}
    spec["volumes"] = [*spec.get("volumes", ()), volume]
    spec["containers"] = [_with_call(c) if c["name"] == container else c for c in spec["containers"]]
    spec["restartPolicy"] = "Never"
    return {"metadata": meta, "spec": spec}


def _with_call(container: Mapping[str, Any]) -> dict[str, Any]:
    """The function's container with the file of its call: Kubernetes puts the index into the path."""
    place = {"fieldRef": {"fieldPath": f"metadata.annotations['{COMPLETION_INDEX}']"}}
    env = [
        {"name": INDEX, "valueFrom": place},
        *container.get("env", ()),
        {"name": runner.CALL_FILE, "value": f"{FOLDER}/$({INDEX}).json"},
    ]
    mount = {"name": podfield.CALL_VOLUME, "mountPath": FOLDER, "readOnly": True}
    return {**container, "env": env, "volumeMounts": [*container.get("volumeMounts", ()), mount]}
