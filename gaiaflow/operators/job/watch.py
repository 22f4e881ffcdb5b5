"""The wait for a Job: how far it is, and why its pods do not start."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from importlib import import_module
from typing import Any

from gaiaflow.errors import GaiaflowError, MissingError, final
from gaiaflow.operators.job.cluster import Jobs, has_begun, has_ended
from gaiaflow.operators.pod import room
from gaiaflow.operators.pod.start import hopeless, timeout_error, waiting_error

_REFUSED = "FailedCreate"
# Between two looks at the pods of a Job of which some have started, in seconds.
_LOOK = 30.0
KUEUE = "kueue.x-k8s.io"


class Watch:
    """Waits until a Job has ended, and says in the task's log what goes on.

    Args:
        operator: of the task; its `log`, `image`, `mode`, `poll_interval`, `startup_timeout_seconds`,
            `room_seconds` and `queue` count.
    """

    def __init__(self, operator: Any, jobs: Jobs) -> None:
        self._operator, self._jobs, self._log = operator, jobs, operator.log
        self._room = room.Wait(self._log, operator.room_seconds)
        self._told, self._looked = "", 0.0

    def until_ended(self, name: str) -> Any:
        """The Job once it has ended; None where somebody deleted it.

        Raises:
            GaiaflowError: its pods cannot start.
        """
        while True:
            job = self._jobs.read(name)
            if job is None or has_ended(job):
                return job
            self.look(job)
            time.sleep(self._operator.poll_interval)

    def look(self, job: Any) -> None:
        """Tell how far a Job is.

        Raises:
            GaiaflowError: its pods cannot start, or waited too long for room.
        """
        self._tell(job)
        begun = has_begun(job)
        if job.spec.suspend or (begun and time.monotonic() - self._looked < _LOOK):
            return
        self._looked = time.monotonic()
        pending = self._jobs.pending(job.metadata.name)
        for pod in pending:
            error = waiting_error(pod, self._operator.image, self._operator.mode) or hopeless(pod)
            if error:
                raise error
        if begun:
            return
        if pending:
            self._wait_for_node(job, pending[0])
        else:
            self._wait_for_quota(job)

    def _wait_for_node(self, job: Any, pod: Any) -> None:
        """Let the first pods of a Job wait for a node, or for their image."""
        why, lasted = room.unscheduled(pod), _lasted(job)
        full = room.is_room(why)
        if full:
            self._room.tell(why)
        if lasted > (max(self._operator.room_seconds, 0) if full else self._operator.startup_timeout_seconds):
            raise timeout_error(pod, why)

    def _wait_for_quota(self, job: Any) -> None:
        """Let a Job wait whose pods the API server refuses for a quota.

        Raises:
            GaiaflowError: it refuses them for good.
        """
        said = [e.message for e in self._jobs.events(job.metadata.name) if e.reason == _REFUSED]
        if not said:
            return
        if not room.is_full(room.FORBIDDEN, said[-1]):
            raise final(self._refused(said[-1]))
        self._room.tell(said[-1])
        if _lasted(job) > self._operator.room_seconds:
            raise self._refused(said[-1])

    def _refused(self, said: str) -> GaiaflowError:
        return GaiaflowError(
            f"the cluster refused the pods of task `{self._operator.task_id}`: {said}", "kubectl describe quota"
        )

    def _tell(self, job: Any) -> None:
        status = job.status
        if job.spec.suspend:
            text = f"the job waits in the queue `{self._operator.queue}`"
        else:
            done = f"{status.succeeded or 0} of {job.spec.completions} calls succeeded"
            text = f"{done}, {status.failed or 0} failed, {status.ready or 0} run"
        if text != self._told:
            self._log.info("%s", text)
            self._told = text


def require_queue(client: Any, queue: str) -> None:
    """Refuse a queue where there is no Kueue: the Job would wait for ever.

    Args:
        client: the client's ApiClient.

    Raises:
        MissingError: the cluster does not have it.
    """
    apis: Any = import_module("kubernetes.client").ApisApi(client)
    if KUEUE not in {group.name for group in apis.get_api_versions().groups}:
        raise final(
            MissingError(
                f"the cluster has no Kueue, and the task asks for its queue `{queue}`",
                "leave `queue` out, or install Kueue: https://kueue.sigs.k8s.io",
            )
        )


def _lasted(job: Any) -> float:
    """Seconds since a Job may make pods."""
    since = (job.status.start_time if job.status else None) or job.metadata.creation_timestamp
    return float((datetime.now(timezone.utc) - since).total_seconds())
