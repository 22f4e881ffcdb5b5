"""A pod that the cluster took away is started again, without using an attempt of the task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kubernetes.client.exceptions import ApiException

from gaiaflow.errors import GaiaflowError, TaskFailedError
from gaiaflow.operators.resources import AGAIN, MOST_GROWN, Resources, told

MOST = 3
STARTS = "_gaiaflow_starts"
GROWN = "_gaiaflow_grown"
# What the triggerer saw of a pod that may be gone by now.
DISRUPTED = "_gaiaflow_disrupted"
# Of a kubelet that did not admit a pod, or that went down; `OutOfcpu`, `OutOfmemory`, ... come on top.
_REASONS = frozenset({"Evicted", "Preempting", "NodeShutdown", "Shutdown", "Terminated"})
# Of events, where the pod itself is not there any more.
_EVENTS = frozenset({"Preempted", "Evicted", "TaintManagerEviction"})
_HINT = "kubectl get events, kubectl get nodes"


def gone(func_path: str) -> TaskFailedError:
    """The error of a pod that somebody deleted."""
    return TaskFailedError(f"`{func_path}` was stopped: its pod was deleted", _HINT)


def disruption(pod: Any) -> str:
    """Why the cluster took a pod away; empty where it did not, or where the pod used more than it may."""
    status = pod.status
    for condition in status.conditions or []:
        if condition.type == "DisruptionTarget" and condition.status == "True":
            return _told(condition.reason, condition.message)
    reason = status.reason or ""
    if (reason in _REASONS or reason.startswith("OutOf")) and not overused(pod):
        return _told(reason, status.message)
    return ""


def overused(pod: Any) -> str:
    """What an evicted pod used too much of, in the kubelet's words; empty where it did not."""
    message = str(pod.status.message or "")
    return message if pod.status.reason == "Evicted" and "exceed" in message else ""


def disruption_event(client: Any, name: str, namespace: str) -> str:
    """The same of a pod that is gone, by its events."""
    try:
        found = client.list_namespaced_event(namespace, field_selector=f"involvedObject.name={name}").items
    except ApiException:
        return ""
    return next((_told(e.reason, e.message) for e in found if e.reason in _EVENTS), "")


def _told(reason: Any, message: Any) -> str:
    return ": ".join(str(part).strip() for part in (reason, message) if part)


class AgainMixin:
    """Starts over with a new pod; mixed in before the provider's operator.

    Attributes:
        starts: how many pods the cluster took away.
        grown: how many pods ran out of memory and got more.
        lost: why the last pod is to be replaced; empty where its failure counts.
    """

    starts = 0
    grown = 0
    lost = ""
    func_path: str
    task_id: str
    log: Any
    client: Any
    pod: Any
    pod_manager: Any
    pod_request_obj: Any
    remote_pod: Any
    trigger_kwargs: dict[str, Any] | None

    def until_done(self, run: Callable[[], Any], again: Callable[[], Any]) -> Any:
        """The first start that does not end with the loss of its pod.

        Args:
            run: the first start.
            again: each one after it.
        """
        while True:
            self.lost = ""
            try:
                return run()
            except GaiaflowError:
                if not self.lost:
                    raise
                self._renew()
                run = again

    def _renew(self) -> None:
        """Forget the pod, so that the provider makes a new one."""
        self.log.warning(AGAIN, self.task_id, self.lost)
        self.pod = self.pod_request_obj = self.remote_pod = None
        self.pod_manager.disrupted = ""
        # The triggerer sends these back.
        kept = {STARTS: self.starts, GROWN: self.grown}
        self.trigger_kwargs = {**(self.trigger_kwargs or {}), **kept}

    def resumed(self, event: Mapping[str, Any]) -> None:
        """Go on counting where the worker that deferred the task stopped."""
        self.starts, self.grown = int(event.get(STARTS, 0)), int(event.get(GROWN, 0))
        self.trigger_kwargs = {STARTS: self.starts, GROWN: self.grown}
        if why := event.get(DISRUPTED):
            self.pod_manager.disrupted = str(why)

    def taken_away(self, name: str, namespace: str) -> GaiaflowError | None:
        """The error of a pod that the cluster took away; it is started again while that happens seldom."""
        why = self.pod_manager.disrupted or disruption_event(self.client, name, namespace)
        if not why:
            return None
        error = TaskFailedError(f"`{self.func_path}` was stopped: its pod was taken away: {why}", _HINT)
        if self.starts < MOST:
            self.starts += 1
            self.lost = f"{why} ({self.starts} of at most {MOST} times)"
        return error

    def grow(self, resources: Resources) -> None:
        """Start a pod again that ran out of memory, with more of it, where the task asks for that."""
        if resources.memory_on_oom and self.grown < MOST_GROWN:
            self.grown += 1
            self.lost = told(resources.grown(self.grown).limits["memory"], self.grown)
