"""Modes prod_local and prod: all calls of a map as the pods of one Indexed Job."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from importlib import import_module
from typing import Any

from airflow.providers.common.compat.sdk import AirflowTaskTimeout
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from gaiaflow.errors import GaiaflowError, MissingError, TaskFailedError
from gaiaflow.modes import Mode
from gaiaflow.operators.final import task_errors
from gaiaflow.operators.job import body, option, outcome, trigger
from gaiaflow.operators.job.calls import FIELD, CallsMixin, failed_calls
from gaiaflow.operators.job.cluster import Jobs, has_ended
from gaiaflow.operators.job.indexedlog import IndexedLog
from gaiaflow.operators.job.kept import digest
from gaiaflow.operators.job.watch import Watch, require_queue
from gaiaflow.operators.kubernetes import PodOperator, arguments
from gaiaflow.operators.level import log_line
from gaiaflow.operators.lineage import log_address
from gaiaflow.operators.mapping import make_one
from gaiaflow.operators.pod import log as pod_log, spec as pod_spec
from gaiaflow.operators.pod.deferred import DeferredMixin
from gaiaflow.operators.pod.launch import GRANT, judged, said
from gaiaflow.spec import TaskSpec

# How long Airflow waits for the trigger beyond the task's own deadline, in seconds.
_BEYOND = 120


class JobOperator(CallsMixin, PodOperator):
    """Runs ``func_path`` once for each combination of a map; its value is the list of the values.

    A Job that failed stays for a day with the values of the calls that succeeded: the next attempt makes the
    others alone. A Job that a lost worker left is found again.

    Args:
        map_over: the lists by keyword argument, FromTask and FromRun in them.
        at_once: how many pods run at a time.
        queue: the name of a Kueue queue, or nothing.
        kwargs: those of `PodOperator`.
    """

    template_fields: Sequence[str] = (*PodOperator.template_fields, FIELD)
    _job: str = ""
    _jobs: Jobs | None = None

    def __init__(
        self, *, map_over: Any, at_once: int = option.DEFAULT_AT_ONCE, queue: str = "", **kwargs: Any
    ) -> None:
        super().__init__(**{**kwargs, "small_results": True})
        self.at_once, self.queue = at_once, queue
        self.set_map(map_over)

    def execute(self, context: Mapping[str, Any]) -> Any:
        """Make all calls; what the functions print goes to the task's log."""
        with task_errors(self):
            self._require_cluster()
            log_address(self.log, *self.mlflow())
            return self._run(context)

    def trigger_reentry(self, context: Mapping[str, Any], event: dict[str, Any]) -> Any:
        """Take up a deferred task again."""
        with task_errors(self):
            if event["status"] == trigger.ERROR:
                self.log.warning("the trigger of job `%s` failed: %s", event["name"], event["message"])
            return self._run(context, event["name"], event["status"])

    def _run(self, context: Mapping[str, Any], own: str = "", status: str = "") -> Any:
        """Make the calls, or take them up again.

        Args:
            own: the Job of this attempt, if it has one already.
            status: what its trigger said.
        """
        calls = self.encode_calls(context)
        pod = self.request(context)
        jobs = self._jobs = Jobs(self.hook.batch_v1_client, self.client, pod["metadata"]["namespace"])
        try:
            same = self._found(jobs, context, digest(calls))
            self._job = own or self._open(jobs, pod, calls, same)
            if self._job:
                self._await(jobs, context, status)
            return self._values(jobs, context, calls)
        except HTTPError as error:
            hint = "inv prodlocal.start" if self.mode == Mode.PROD_LOCAL.value else "kubectl cluster-info"
            raise MissingError(
                f"the cluster does not answer: {getattr(error, 'reason', error)}", hint
            ) from None

    def request(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """The pod of each call, as the API takes it; without its call."""
        if self.name is None and "ti" in context:
            name = pod_spec.pod_name(context["ti"].dag_id, context["ti"].task_id)
            self.name = name[: body.READABLE].rstrip("-")
        client: Any = import_module("kubernetes.client")
        pod: dict[str, Any] = client.ApiClient().sanitize_for_serialization(self.build_pod_request_obj(context))
        return pod

    def handed(self, context: Mapping[str, Any]) -> dict[str, str]:  # noqa: ARG002 - as of one pod
        """No call: each pod reads its own from the Secret of the Job."""
        self.large_call = ""
        return {}

    def request_job(
        self, pod: Mapping[str, Any], calls: Sequence[str], indexes: Sequence[int]
    ) -> dict[str, Any]:
        """The Job that makes some of the calls."""
        return body.job(pod, self.base_container_name, indexes, digest(calls), self.at_once, self.queue)

    def _found(self, jobs: Jobs, context: Mapping[str, Any], of: str) -> list[Any]:
        """The Jobs that earlier attempts left for these calls; those of other calls go."""
        labels = self._get_ti_pod_labels(context, include_try_number=False)
        found = jobs.find(labels | pod_spec.labels())
        for job in found:
            if outcome.digest_of(job) != of:
                jobs.delete(job.metadata.name)
        return [job for job in found if outcome.digest_of(job) == of]

    def _open(self, jobs: Jobs, pod: Mapping[str, Any], calls: Sequence[str], same: Sequence[Any]) -> str:
        """The name of a Job that runs, or of a new one for the calls without a value; empty if all have one."""
        for job in same:
            if not has_ended(job):
                self.log.info("job `%s` of an earlier attempt still runs", job.metadata.name)
                places = outcome.indexes_of(job)
                self._hand_calls(jobs, job, [calls[place] for place in places])
                return str(job.metadata.name)
        done = self._results(jobs, same)
        todo = [place for place in range(len(calls)) if place not in done]
        if done:
            self.log.info("%d of %d calls succeeded in an earlier attempt", len(done), len(calls))
        return self._create(jobs, pod, calls, todo) if todo else ""

    def _create(self, jobs: Jobs, pod: Mapping[str, Any], calls: Sequence[str], todo: Sequence[int]) -> str:
        if self.queue:
            require_queue(self.hook.api_client, self.queue)
        try:
            job = jobs.create(self.request_job(pod, calls, todo))
        except ApiException as error:
            refused = GaiaflowError(
                f"the cluster refused the job of task `{self.task_id}`: {said(error)}", GRANT[self.mode]
            )
            raise judged(refused, error) from None
        self._job = str(job.metadata.name)
        self.log.info("job `%s` makes %d calls, %d at a time", self._job, len(todo), job.spec.parallelism)
        self._hand_calls(jobs, job, [calls[place] for place in todo])
        return self._job

    def _hand_calls(self, jobs: Jobs, job: Any, calls: Sequence[str]) -> None:
        named = {"metadata": {"name": job.metadata.name}}
        try:
            jobs.create_secret(body.secret(named, job.metadata.uid, calls, pod_spec.labels()))
        except ApiException as error:
            jobs.delete(job.metadata.name)
            refused = GaiaflowError(
                f"the cluster refused the secret with the calls of task `{self.task_id}`: {said(error)}",
                GRANT[self.mode],
            )
            raise judged(refused, error) from None

    def _await(self, jobs: Jobs, context: Mapping[str, Any], status: str) -> None:
        """Wait until the Job has ended, here or in the triggerer.

        Raises:
            TaskDeferred: the triggerer waits.
            GaiaflowError: its pods cannot start; the Job goes.
        """
        watch, job = Watch(self, jobs), jobs.read(self._job)
        if job is None:
            raise self._deleted()
        if has_ended(job):
            return
        if status == trigger.TIMEOUT:
            self.on_kill()
            raise AirflowTaskTimeout("out of time")
        try:
            watch.look(job)
            if self.deferrable:
                self._defer(context, jobs.namespace)
            if watch.until_ended(self._job) is None:
                raise self._deleted()
        except GaiaflowError:
            jobs.delete(self._job)
            raise

    def _deleted(self) -> GaiaflowError:
        return TaskFailedError(f"`{self.func_path}` was stopped: its job was deleted", "kubectl get events")

    def _defer(self, context: Mapping[str, Any], namespace: str) -> None:
        self.convert_config_file_to_dict()
        more, timeout = {}, None
        if self.execution_timeout is not None:
            end = context["ti"].start_date.timestamp() + self.execution_timeout.total_seconds()
            more = {trigger.DEADLINE: int(end)}
            timeout = timedelta(seconds=max(end - time.time(), 0) + _BEYOND)
        waiting = trigger.JobTrigger(
            pod_name=self._job,
            pod_namespace=namespace,
            trigger_start_time=context["ti"].start_date,
            base_container_name=self.base_container_name,
            kubernetes_conn_id=self.kubernetes_conn_id,
            cluster_context=self.cluster_context,
            config_dict=self._config_dict,
            in_cluster=self.in_cluster,
            poll_interval=self.poll_interval,
            trigger_kwargs=more,
        )
        # Past the defer of a pod, which would put its own trigger in the place of this one.
        super(DeferredMixin, self).defer(trigger=waiting, method_name="trigger_reentry", timeout=timeout)

    def _values(self, jobs: Jobs, context: Mapping[str, Any], calls: Sequence[str]) -> Any:
        """The values of all calls, in order.

        Raises:
            GaiaflowError: some have none; their Jobs stay for the next attempt.
        """
        same = self._found(jobs, context, digest(calls))
        texts, pods = (
            self._results(jobs, same),
            self._pods(jobs, [j for j in same if j.metadata.name == self._job]),
        )
        self._write_pods(pods)
        missing = [place for place in range(len(calls)) if place not in texts]
        if missing:
            errors = outcome.failures(pods, missing, self._failure, self.func_path)
            if not texts:
                self._delete(jobs, same)
            raise failed_calls(errors, len(calls))
        values = (
            [self.decode_result(texts[place]) for place in range(len(calls))] if self.do_xcom_push else None
        )
        self._delete(jobs, same)
        return self.hand_over(context, values)

    def _delete(self, jobs: Jobs, which: Sequence[Any]) -> None:
        for job in which:
            jobs.delete(job.metadata.name)

    def _pods(self, jobs: Jobs, which: Sequence[Any]) -> dict[int, list[Any]]:
        found: dict[int, list[Any]] = {}
        for job in which:
            for place, pod in outcome.by_place(job, jobs.pods(job.metadata.name)):
                found.setdefault(place, []).append(pod)
        return found

    def _results(self, jobs: Jobs, which: Sequence[Any]) -> dict[int, str]:
        return outcome.results(self._pods(jobs, which), self.base_container_name)

    def _write_pods(self, pods: Mapping[int, list[Any]]) -> None:
        """What the functions of this attempt wrote, in the order of the calls."""
        if not self.get_logs:
            return
        for place in sorted(pods):
            log = IndexedLog(self.log, place)
            for pod in pods[place]:
                with contextlib.suppress(ApiException):
                    for line in pod_log.lines(self.client, pod, self.base_container_name, follow=False):
                        log_line(log, line)

    def on_kill(self) -> None:
        """Delete the Job, and with it its pods."""
        self._killed = True
        if self._job and self._jobs is not None:
            self._jobs.delete(self._job)


def build(spec: TaskSpec) -> Any:
    """The task of a spec."""
    found = option.read(spec) or option.FanOut()
    own = {**arguments(spec), "at_once": found.at_once, "queue": found.queue}
    return make_one(JobOperator, spec, own)
