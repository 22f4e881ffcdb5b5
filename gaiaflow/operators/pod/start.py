"""Why a pod does not start, told at once and in terms of what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airflow.providers.cncf.kubernetes.kubernetes_helper_functions import generic_api_retry
from airflow.providers.cncf.kubernetes.utils.pod_manager import PodLaunchTimeoutException, PodManager
from kubernetes.client.exceptions import ApiException

from gaiaflow.errors import GaiaflowError, MissingError, final
from gaiaflow.operators.level import read_level
from gaiaflow.operators.pod import small
from gaiaflow.operators.pod.again import disruption
from gaiaflow.operators.pod.room import Wait, asks_too_much, is_room, unscheduled
from gaiaflow.podrule import NO_CONFIG, NO_IMAGE

_BUILD = {"prod_local": "inv prodlocal.dockerize", "prod": "docker push {image}"}
# What the registry or the node says of an image that another pull does not find either.
_NO_SUCH_IMAGE = re.compile(
    r"\bnot found\b|manifest unknown|does not exist|unauthorized|denied|forbidden|"
    r"InvalidImageName|ErrImageNeverPull",
    re.IGNORECASE,
)
# A wrong key, a right that is missing, a pod that is malformed or against the namespace's policy.
_FINAL_STATUS = (400, 401, 403, 413, 422)
NOT_FOUND = 404
# The provider's name of the function's container; a task cannot choose another one.
BASE = "base"
_CANNOT_PULL = "Image cannot be pulled"
# What the scheduler says of a pod whose claim nobody made.
_NO_CLAIM = re.compile(r'persistentvolumeclaim "([^"]+)" not found')
_PUSH_DATA = "inv prodlocal.push-data NAME; in production: kubectl get pvc"
_CREATE_SECRET = "inv secret.create"  # noqa: S105 - a command


class WatchfulPodManager(PodManager):  # type: ignore[misc]
    """Ends the wait for a pod that can never start; the provider knows only of images."""

    starting = False
    # Why the cluster takes the pod away, once it has said so.
    disrupted = ""
    # The wait for room, and how many seconds a pod may be without a node for another reason.
    room: Wait | None = None
    patience: float = 0

    def read_pod(self, pod: Any) -> Any:
        remote = super().read_pod(pod)
        self.disrupted = disruption(remote) or self.disrupted
        if self.starting:
            look(remote, self.room, self.patience)
        return remote

    def await_xcom_sidecar_container_start(self, pod: Any, *timing: int) -> None:
        """Wait for the sidecar only where there is one that has the result."""
        remote = self.read_pod(pod)
        if small.has_sidecar(remote) and small.read(remote, BASE) is None:
            super().await_xcom_sidecar_container_start(pod, *timing)

    def delete_pod(self, pod: Any) -> None:
        """Delete the pod; the sidecar of one whose function has ended would wait for its whole grace period."""
        statuses = (pod.status.container_statuses if pod.status else None) or []
        over = any(s.name == BASE and s.state and s.state.terminated for s in statuses)
        name, namespace = pod.metadata.name, pod.metadata.namespace
        _delete(self._client, name, namespace, {"grace_period_seconds": 1} if over else {})

    def run_pod_async(self, pod: Any, **options: Any) -> Any:
        """Make the pod. What the provider logs of a refusal holds the whole pod with its environment."""
        body = self._client.api_client.sanitize_for_serialization(pod)
        return self._client.create_namespaced_pod(body=body, namespace=pod.metadata.namespace, **options)

    def _log_message(self, message: str, *container: Any) -> None:
        """Log a line of the pod at the level that the runner marked, and not at one guessed from its words."""
        marked, text = read_level(message)
        if container[1:] == (False, None) and not message.startswith("::"):
            self.log.log(marked, "%s", text)
        else:  # a group of lines, or a format of the author's
            super()._log_message(text, *container)


@generic_api_retry  # type: ignore[untyped-decorator]
def _delete(client: Any, name: str, namespace: str, options: dict[str, int]) -> None:
    try:
        client.delete_namespaced_pod(name, namespace, **options)
    except ApiException as error:
        if error.status != NOT_FOUND:
            raise


def look(pod: Any, wait: Wait | None, patience: float) -> None:
    """Tell why a pod does not start yet.

    Args:
        wait: for room.
        patience: how long it may be without a node for another reason, in seconds.

    Raises:
        GaiaflowError: it never will.
        PodLaunchTimeoutException: the patience is over.
    """
    if error := hopeless(pod):
        raise error
    why = unscheduled(pod)
    if wait is None or not why:
        return
    if is_room(why):
        wait.tell(why)
    elif wait.lasted >= patience:
        raise PodLaunchTimeoutException(why)


def hopeless(pod: Any) -> GaiaflowError | None:
    """The error of a container that cannot be made from what the pod asks for, or None."""
    for reason, message in _waiting(pod):
        if reason == NO_CONFIG:
            return final(_config_error(message))
    for condition in pod.status.conditions or []:
        if found := _NO_CLAIM.search(condition.message or ""):
            return final(MissingError(f"claim `{found[1]}` is not in the cluster", _PUSH_DATA))
    return None


def waiting_error(pod: Any, image: str, mode: str) -> GaiaflowError | None:
    """The error of a pod that ended while a container still waited for its start, or None."""
    for reason, message in _waiting(pod):
        if reason in NO_IMAGE:
            return image_error(image, mode, f"{_CANNOT_PULL}: {reason}\n{message}")
    return hopeless(pod)


def _config_error(message: str) -> GaiaflowError:
    if message.startswith("secret ") and "not found" in message:
        name = message.split('"')[1] if '"' in message else "NAME"
        return MissingError(f"secret `{name}` is not in the cluster", f"{_CREATE_SECRET} {name}")
    if "run as root" in message or "runAsNonRoot" in message or "non-root" in message:
        return GaiaflowError(
            f"the cluster does not allow containers to run as root: {message}",
            'USER 10001 in the Dockerfile, or kubernetes={"security_context": {"runAsUser": 10001}}',
        )
    return GaiaflowError(f"the container cannot be created: {message}", "kubectl describe pod")


def image_error(image: str, mode: str, said: str) -> GaiaflowError:
    """The error of a pod whose launch failed."""
    if _CANNOT_PULL not in said:
        return GaiaflowError(f"the pod ended before its function started: {said}", "kubectl get events")
    reason = " ".join(said.partition(":")[2].split())
    where = "in the local cluster" if mode == "prod_local" else "where the cluster looks for it"
    missing = MissingError(f"image `{image}` is not {where}: {reason}", _BUILD[mode].format(image=image))
    # The local cluster's images come from this machine: no registry would have them a moment later.
    return final(missing) if mode == "prod_local" or _NO_SUCH_IMAGE.search(reason) else missing


def refused_for_good(status: int, said: str) -> bool:
    """Whether the API server refuses the same pod again; a quota may have room a moment later."""
    return status in _FINAL_STATUS and ("exceeded quota" not in said or asks_too_much(said))


def timeout_error(pod: Any, said: str) -> GaiaflowError:
    """The error of a pod that waited in vain, with the scheduler's reason."""
    conditions = pod.status.conditions or []
    why = [c.message for c in conditions if c.status != "True" and c.message]
    why += [f"{reason}: {message}" for reason, message in _waiting(pod)]
    return GaiaflowError(f"the pod did not start: {why[0] if why else said}", "kubectl describe pod")


def _waiting(pod: Any) -> Iterator[tuple[str, str]]:
    for status in pod.status.container_statuses or []:
        waiting = status.state.waiting if status.state else None
        if waiting:
            yield waiting.reason or "", waiting.message or ""
