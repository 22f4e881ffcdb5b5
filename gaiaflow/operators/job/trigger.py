"""Waits for a Job in Airflow's triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

from airflow.providers.cncf.kubernetes.hooks.kubernetes import AsyncKubernetesHook
from airflow.triggers.base import TriggerEvent

from gaiaflow.operators.job.cluster import NOT_FOUND, has_begun, has_ended
from gaiaflow.operators.pod.trigger import OwnTrigger
from gaiaflow.podrule import HOPELESS

ENDED, LOOK, TIMEOUT, ERROR = "ended", "look", "timeout", "error"
DEADLINE = "_execution_deadline"
# Between two looks at the pods of a Job of which none has started.
LOOK_SECONDS = 60


class JobHook(AsyncKubernetesHook):  # type: ignore[misc]
    """What the trigger asks the cluster."""

    async def read(self, name: str, namespace: str) -> Any:
        """A Job; None where there is none of that name."""
        batch, error = _client().BatchV1Api, _client().ApiException
        async with self.get_conn() as connection:
            try:
                return await batch(connection).read_namespaced_job(name, namespace)
            except error as answer:
                if answer.status != NOT_FOUND:
                    raise
                return None

    async def waits_in_vain(self, name: str, namespace: str) -> bool:
        """Whether a pod of a Job cannot start, as far as its container says."""
        chosen = {"label_selector": f"batch.kubernetes.io/job-name={name}", "limit": 20}
        async with self.get_conn() as connection:
            core = _client().CoreV1Api(connection)
            found = await core.list_namespaced_pod(namespace, field_selector="status.phase=Pending", **chosen)
        states = [s.state for pod in found.items for s in pod.status.container_statuses or ()]
        return any(state and state.waiting and state.waiting.reason in HOPELESS for state in states)

    async def delete_pod(self, name: str, namespace: str, grace_period_seconds: int | None = None) -> None:  # noqa: ARG002
        """Delete the Job; the provider's trigger calls this where a person ends the task."""
        error = _client().ApiException
        async with self.get_conn() as connection:
            try:
                batch = _client().BatchV1Api(connection)
                await batch.delete_namespaced_job(name, namespace, propagation_policy="Background")
            except error as answer:
                if answer.status != NOT_FOUND:
                    raise


class JobTrigger(OwnTrigger):
    """Fires when a Job has ended, or when a worker has to look at it.

    Args are those of the provider's trigger, with the Job in place of the pod.
    """

    client_class = JobHook

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait."""
        try:
            status, said = await self._wait(), ""
        except Exception as error:  # noqa: BLE001 - whatever it is, the task has to hear of it
            status, said = ERROR, f"{type(error).__name__}: {error}"
        self._fired_event = True
        yield TriggerEvent({"status": status, "name": self.pod_name, "message": said})

    async def _wait(self) -> str:
        deadline = self.trigger_kwargs.get(DEADLINE)
        looked = time.monotonic()
        while True:
            job = await self.hook.read(self.pod_name, self.pod_namespace)
            if job is None or has_ended(job):
                return ENDED
            if deadline is not None and time.time() >= deadline:
                return TIMEOUT
            if not job.spec.suspend and time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                if not has_begun(job) or await self.hook.waits_in_vain(self.pod_name, self.pod_namespace):
                    return LOOK
            await asyncio.sleep(self.poll_interval)


def _client() -> Any:
    return import_module("kubernetes_asyncio.client")
