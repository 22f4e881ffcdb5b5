"""What the triggerer does with the pod of a deferrable task: it waits, without a request of its own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from functools import cached_property
from typing import Any

from airflow.providers.cncf.kubernetes.hooks.kubernetes import AsyncKubernetesHook
from airflow.providers.cncf.kubernetes.kubernetes_helper_functions import PodLaunchFailedException
from airflow.providers.cncf.kubernetes.triggers.pod import ContainerState, KubernetesPodTrigger
from airflow.providers.cncf.kubernetes.utils.pod_manager import AsyncPodManager, PodLaunchTimeoutException
from airflow.triggers.base import TriggerEvent
from kubernetes_asyncio.client.exceptions import ApiException

from gaiaflow.errors import GaiaflowError
from gaiaflow.operators.pod import watch
from gaiaflow.operators.pod.again import DISRUPTED, disruption
from gaiaflow.operators.pod.room import Wait
from gaiaflow.operators.pod.start import NOT_FOUND, look

# Between two looks at a pod that does not change.
LOOK = 30.0
# After the deferral: Airflow fails a task that goes on before its scheduler has seen the worker's process end
# (apache/airflow#66374, #67287, #72716).
SOONEST = 5.0
_OVER = (ContainerState.TERMINATED, ContainerState.FAILED)


class WatchedHook(AsyncKubernetesHook):  # type: ignore[misc]
    """Knows the pods that the watch sees, and asks for the others."""

    pods: watch.PodWatch | None = None

    async def get_pod(self, name: str, namespace: str) -> Any:
        seen = await self.pods.find(name) if self.pods else None
        return seen or await super().get_pod(name, namespace)


class WatchfulAsyncPodManager(AsyncPodManager):  # type: ignore[misc]
    """Ends the wait for a pod that can never start, and tells why one waits.

    Args:
        room: the wait for room.
        patience: how long a pod may be without a node for another reason, in seconds.
    """

    def __init__(self, async_hook: Any, room: Wait, patience: float) -> None:
        super().__init__(async_hook=async_hook)
        self._room, self._patience = room, patience

    async def read_pod(self, pod: Any) -> Any:
        remote = await super().read_pod(pod)
        look(remote, self._room, self._patience)
        return remote


class OwnTrigger(KubernetesPodTrigger):  # type: ignore[misc]
    """Airflow's own trigger with a client of ours.

    Attributes:
        client_class: of the client, a hook of Airflow's.
    """

    client_class: type[AsyncKubernetesHook] = AsyncKubernetesHook

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The path of its class, and what makes it again in another triggerer."""
        return f"{type(self).__module__}.{type(self).__name__}", super().serialize()[1]

    @cached_property
    def hook(self) -> Any:
        """The client, by the kubeconfig that the task has."""
        return self.client_class(
            conn_id=self.kubernetes_conn_id,
            in_cluster=self.in_cluster,
            config_dict=self.config_dict,
            cluster_context=self.cluster_context,
            connection_extras=self.connection_extras,
        )


class PodTrigger(OwnTrigger):
    """Airflow's own trigger, above one watch for all pods."""

    client_class = WatchedHook

    @classmethod
    def of(cls, trigger: KubernetesPodTrigger) -> PodTrigger:
        """One that waits for the same pod."""
        return cls(**trigger.serialize()[1])

    @cached_property
    def pod_manager(self) -> WatchfulAsyncPodManager:
        room = Wait(self.log, self.schedule_timeout)
        return WatchfulAsyncPodManager(self.hook, room, self.startup_timeout)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Report once how the pod ended."""
        place = (self._cluster(), self.pod_namespace, self.pod_name)
        async with watch.joined(*place, self.hook.get_conn) as self.hook.pods:
            async for event in super().run():
                await asyncio.sleep(SOONEST - self._age())
                yield event

    def _age(self) -> float:
        """Seconds since the deferral."""
        return float((datetime.now(timezone.utc) - self.trigger_start_time).total_seconds())

    def _cluster(self) -> str:
        account = (self.kubernetes_conn_id, self.connection_extras, self.cluster_context, self.config_dict)
        text = json.dumps([*account, self.in_cluster], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    async def _wait_for_pod_start(self) -> ContainerState:
        """Wait until the function runs; the pod's status says why it does not, so its events are not read."""
        pod = await self._get_pod()
        try:
            await self.pod_manager.await_pod_start(
                pod=pod,
                schedule_timeout=self.schedule_timeout,
                startup_timeout=self.startup_timeout,
                check_interval=self.startup_check_interval,
            )
        except (PodLaunchFailedException, GaiaflowError) as error:
            # The event of a time-out has the operator end the pod, and tell the reason.
            raise PodLaunchTimeoutException(str(error)) from error
        except ApiException as error:
            if error.status != NOT_FOUND:
                raise
        return self.define_pod_container_state(await self._get_pod())

    async def _wait_for_container_completion(self) -> TriggerEvent:
        if self.logging_interval is None:
            await self._until_over()
        return await super()._wait_for_container_completion()

    async def _until_over(self) -> None:
        """Wait while the watch sees the function run."""
        deadline = self.trigger_kwargs.get("_execution_deadline", float("inf"))
        pods = self.hook.pods
        while pods and pods.fresh and (left := deadline - time.time()) > 0:
            change = pods.change(self.pod_name)
            if self.define_pod_container_state(await self._get_pod()) in _OVER:
                return
            try:
                await asyncio.wait_for(change.wait(), min(left, LOOK))
            except asyncio.TimeoutError:
                continue

    async def _get_pod(self) -> Any:
        """The pod as it is; whether the cluster takes it away goes into the event."""
        try:
            pod = await self.hook.get_pod(self.pod_name, self.pod_namespace)
        except ApiException as error:
            last = self.hook.pods.last(self.pod_name) if self.hook.pods else None
            if error.status == NOT_FOUND and last:
                self._note(last)
            raise
        self._note(pod)
        return pod

    def _note(self, pod: Any) -> None:
        if why := disruption(pod):
            self.trigger_kwargs[DISRUPTED] = why
