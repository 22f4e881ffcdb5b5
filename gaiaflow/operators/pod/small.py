"""A small result in its container's termination message: no exec reads it, and the pod needs no sidecar."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gaiaflow import envvar, runner
from gaiaflow.errors import UsageError, near_miss

OPTION = "results"
SMALL, ANY = "small", "any"
CHOICES = (ANY, SMALL)
# Where Kubernetes reads the message, unless a container says otherwise.
FILE = "/dev/termination-log"
SIDECAR, VOLUME = "airflow-xcom-sidecar", "xcom"


def only(given: Mapping[str, Any]) -> bool:
    """Whether all results of a task are small, by ``kubernetes={…}`` or by the variable.

    Raises:
        UsageError: another word.
    """
    results = given.get(OPTION, os.environ.get(envvar.RESULTS) or ANY)
    if results not in CHOICES:
        raise UsageError(
            f"`results` is {results!r}, not `any` or `small`{near_miss(str(results), CHOICES)}",
            'kubernetes={"results": "small"}',
        )
    return bool(results == SMALL)


def places(file: str, is_small: bool) -> dict[str, str]:
    """The variables by which the runner knows where its result goes.

    Args:
        file: of the sidecar, for any result.
        is_small: there is no sidecar.
    """
    return {runner.MESSAGE_FILE: FILE} | ({} if is_small else {runner.RESULT_FILE: file})


def drop_sidecar(pod: Any) -> None:
    """Take the sidecar, its volume and its mounts out of a pod."""
    spec = pod.spec
    spec.containers = [c for c in spec.containers if c.name != SIDECAR]
    spec.volumes = [v for v in spec.volumes or [] if v.name != VOLUME]
    for container in spec.containers:
        container.volume_mounts = [m for m in container.volume_mounts or [] if m.name != VOLUME]


def has_sidecar(pod: Any) -> bool:
    """Whether a result may be in the sidecar."""
    return any(c.name == SIDECAR for c in pod.spec.containers)


def read(pod: Any, container: str) -> str | None:
    """The result in a container's termination message, as JSON text; None where there is none."""
    for status in pod.status.container_statuses or []:
        ended = status.state.terminated if status.name == container and status.state else None
        message = str(ended.message or "") if ended else ""
        if message.startswith(runner.MESSAGE):
            return message[len(runner.MESSAGE) :]
    return None
