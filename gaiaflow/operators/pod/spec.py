"""What a pod is made of: names, labels, environment, resources and the restricted security contexts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from kubernetes.client import models

from gaiaflow import envvar, podrule, runner
from gaiaflow.datafolder import Folder
from gaiaflow.operators.container import project_name
from gaiaflow.operators.resources import GPU, Resources

k8s: Any = models  # the client is generated and has no types
RESULT_FILE = "/airflow/xcom/return.json"
# Any user but root; the sidecar's image says nothing, the project's image is asked for its own.
SIDECAR_USER = podrule.USER
LONGEST_NAME = 54
MANAGED = {"app.kubernetes.io/managed-by": "gaiaflow"}


def security_context(given: Any) -> Any:
    """The context of the function's container: restricted, with what the caller's dict says over it."""
    return _with(podrule.CONTAINER, given)


def pod_security_context(given: Any) -> Any:
    """The context of the pod: restricted, with what the caller's dict says over it."""
    return _with(podrule.POD, given)


def _with(restricted: Mapping[str, Any], given: Any) -> Any:
    return {**restricted, **(given or {})} if given is None or isinstance(given, Mapping) else given


def restrict(pod: Any) -> None:
    """Give every container without a security context a restricted one: the sidecar, and the caller's own."""
    for container in [*(pod.spec.init_containers or []), *pod.spec.containers]:
        if container.security_context is None:
            container.security_context = {**podrule.CONTAINER, "runAsNonRoot": True, "runAsUser": SIDECAR_USER}


def mount(pod: Any, container: str, folders: Sequence[Folder]) -> None:
    """Give one container of a pod the claims of folders of data."""
    for folder in folders:
        name, closed = f"data-{folder.dashed}", not folder.writable
        claim = k8s.V1PersistentVolumeClaimVolumeSource(claim_name=folder.claim, read_only=closed)
        place = k8s.V1VolumeMount(name=name, mount_path=folder.target, read_only=closed)
        attach(pod, container, k8s.V1Volume(name=name, persistent_volume_claim=claim), place)


def attach(pod: Any, container: str, volume: Any, place: Any) -> None:
    """Add a volume to a pod, mounted in one of its containers."""
    main = next(c for c in pod.spec.containers if c.name == container)
    pod.spec.volumes = [*(pod.spec.volumes or []), volume]
    main.volume_mounts = [*(main.volume_mounts or []), place]


def environment(variables: Mapping[str, str]) -> list[Any]:
    """Variables as they are: Kubernetes would replace ``$(NAME)`` and halve ``$$``."""
    return [
        k8s.V1EnvVar(name=name, value=value.replace("$", "$$")) for name, value in sorted(variables.items())
    ]


def secret_sources(names: Sequence[str]) -> list[Any]:
    """The keys of secrets as variables.

    A plain variable hides a key of its name from the first source; the second tells the runner, which lets the
    secret win.
    """
    return [
        k8s.V1EnvFromSource(prefix=prefix, secret_ref=k8s.V1SecretEnvSource(name=name))
        for name in names
        for prefix in (None, runner.SECRET)
    ]


def requirements(resources: Resources) -> Any:
    """Requests and limits, or None where nothing was asked for."""
    limits = dict(resources.limits)
    if resources.gpu:
        limits[GPU] = str(resources.gpu)
    if not (limits or resources.requests):
        return None
    return k8s.V1ResourceRequirements(requests=dict(resources.requests) or None, limits=limits or None)


def pod_name(dag_id: str, task_id: str) -> str:
    """The readable part of a pod's name; Airflow adds random letters."""
    name = re.sub(r"[^a-z0-9]+", "-", f"{dag_id}-{task_id}".lower()).strip("-")
    return name[:LONGEST_NAME].strip("-") or "task"


def label_value(text: str) -> str:
    """A text as Kubernetes takes it for a label."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[:63].strip("._-")


def labels() -> dict[str, str]:
    """Whose a pod is, and what belongs to it."""
    project = label_value(project_name())
    named = {"gaiaflow/project": project} if project else {}
    if own := label_value(os.environ.get(envvar.PROJECT_ID, "")):
        named["gaiaflow/project-id"] = own
    return named
