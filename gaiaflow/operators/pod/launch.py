"""How a pod comes to be: made, given its large call, awaited until its function runs."""

from __future__ import annotations

import json
from typing import Any

from airflow.providers.cncf.kubernetes.kubernetes_helper_functions import PodLaunchFailedException
from airflow.providers.cncf.kubernetes.utils.pod_manager import PodLaunchTimeoutException
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from gaiaflow.errors import GaiaflowError, MissingError, final
from gaiaflow.modes import Mode
from gaiaflow.operators.pod import call_secret, room, spec
from gaiaflow.operators.pod.note import Note
from gaiaflow.operators.pod.start import image_error, refused_for_good, timeout_error

# What gives the account of an earlier gaiaflow the rights that this one needs.
GRANT = {"prod_local": "inv prodlocal.start", "prod": "inv prod.manifests | kubectl apply -f -"}


class LaunchMixin:
    """The start of a pod; mixed in before the provider's operator."""

    # What goes by a Secret, once the pod is built.
    large_call: str = ""
    # How long a pod waits for room, in seconds.
    room_seconds: int = 0
    # Where it says why it waits.
    _note: Note = Note({})
    startup_timeout_seconds: int
    log: Any
    mode: str
    image: str
    task_id: str
    client: Any
    pod_manager: Any

    def get_or_create_pod(self, pod_request_obj: Any, context: Any) -> Any:
        """The pod of this task: a running one that a lost worker left, or a new one."""
        self._note = Note(context)
        wait = room.Wait(self.log, self.room_seconds, self._note.write)
        try:
            while True:
                try:
                    pod = super().get_or_create_pod(pod_request_obj, context)  # type: ignore[misc]
                    break
                except ApiException as error:
                    if not (room.is_full(error.status, said(error)) and wait.goes_on(said(error))):
                        raise self._refused(error) from None
            self._note.clear()
            self._hand_call(pod)
            return pod
        except HTTPError as error:
            hint = "inv prodlocal.start" if self.mode == Mode.PROD_LOCAL.value else "kubectl cluster-info"
            raise MissingError(
                f"the cluster does not answer: {getattr(error, 'reason', error)}", hint
            ) from None

    def _refused(self, error: ApiException) -> GaiaflowError:
        refused = GaiaflowError(
            f"the cluster refused the pod of task `{self.task_id}`: {said(error)}",
            "kubectl auth can-i create pods, kubectl describe quota",
        )
        return judged(refused, error)

    def _hand_call(self, pod: Any) -> None:
        """Give a pod the call that does not fit into a variable; where that is refused, the pod goes."""
        if not self.large_call:
            return
        try:
            # Without the label of `secret.create`: it is in no list of secrets.
            call_secret.create(self.client, pod, self.large_call, spec.labels())
        except ApiException as error:
            self.pod_manager.delete_pod(pod)
            refused = GaiaflowError(
                f"the cluster refused the secret with the arguments of task `{self.task_id}`: {said(error)}",
                GRANT[self.mode],
            )
            raise judged(refused, error) from None

    def await_pod_start(self, pod: Any) -> None:
        """Wait until the function runs; a pod that never will is given up at once."""
        self.pod_manager.starting = True
        self.pod_manager.room = room.Wait(self.log, self.room_seconds, self._note.write)
        self.pod_manager.patience = self.startup_timeout_seconds
        try:
            super().await_pod_start(pod)  # type: ignore[misc]
        except PodLaunchFailedException as error:
            raise image_error(self.image, self.mode, str(error)) from None
        except PodLaunchTimeoutException as error:
            raise timeout_error(self.pod_manager.read_pod(pod), str(error)) from None
        finally:
            self._note.clear()
            self.pod_manager.starting = False


def judged(refused: GaiaflowError, error: ApiException) -> GaiaflowError:
    """Final where the API server would refuse the same again."""
    return final(refused) if refused_for_good(error.status, said(error)) else refused


def said(error: ApiException) -> str:
    """The API server's words."""
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return f"{error.status} {error.reason}"
