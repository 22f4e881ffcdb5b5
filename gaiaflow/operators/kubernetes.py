"""Modes prod_local and prod: the function in a pod of the project's image."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.utils.pod_manager import EMPTY_XCOM_RESULT
from airflow.providers.common.compat.sdk import AirflowException, AirflowSkipException
from kubernetes.client.exceptions import ApiException

from gaiaflow import datafolder, envvar, podfield, runner
from gaiaflow.errors import GaiaflowError, MissingError, TaskFailedError
from gaiaflow.modes import Mode
from gaiaflow.operators import level
from gaiaflow.operators.call import CallMixin, is_large
from gaiaflow.operators.container import (
    GRACE_SECONDS,
    PYTHON,
    RUNNER,
    checked_overrides,
    failure,
    required_image,
    run_variables,
)
from gaiaflow.operators.environment import stack_variables
from gaiaflow.operators.final import task_errors
from gaiaflow.operators.job import option
from gaiaflow.operators.level import log_line
from gaiaflow.operators.lineage import log_address, tag_variable
from gaiaflow.operators.mapping import make
from gaiaflow.operators.pod import call_secret, deferred, log as pod_log, room, small, spec as pod_spec
from gaiaflow.operators.pod.again import AgainMixin, gone, overused
from gaiaflow.operators.pod.deferred import DeferredMixin
from gaiaflow.operators.pod.launch import LaunchMixin
from gaiaflow.operators.pod.start import NOT_FOUND, WatchfulPodManager, waiting_error
from gaiaflow.operators.resources import chosen, parse
from gaiaflow.spec import TaskSpec

# What GAIAFLOW_KUBECONFIG says in a worker pod of the local cluster.
IN_CLUSTER = "in-cluster"
_RESULT = "leave it out: the function's value is the result"
RESERVED = {
    "image": 'image="my-project/my_package:0.1.0"',
    "env_vars": 'env_vars={"NAME": "value"} of create_task',
    "container_resources": 'resources={"limits": {"cpu": "2"}}',
    "cmds": 'func_path="package.module:function"',
    "arguments": 'func_path="package.module:function"',
    **dict.fromkeys(("do_xcom_push", "skip_on_exit_code", "base_container_name"), _RESULT),
}
# What `kubernetes={…}` knows beside the operator's arguments.
OWN = (room.OPTION, small.OPTION, *option.OWN)
# The provider's defaults are slow (5 s between looks), chatty (the whole pod with its environment in the error)
# or unsafe (a token of the service account in every pod).
DEFAULTS: dict[str, Any] = {
    "kubernetes_conn_id": None,
    "automount_service_account_token": False,
    "startup_check_interval_seconds": 1,
    "startup_timeout_seconds": 600,
    "get_logs": True,
    "container_name_log_prefix_enabled": False,
    "log_pod_spec_on_failure": False,
    "log_events_on_failure": True,
    "on_finish_action": "delete_pod",
    "on_kill_action": "delete_pod",
    "termination_grace_period": GRACE_SECONDS,
    "termination_message_policy": "FallbackToLogsOnError",
}


class PodOperator(AgainMixin, LaunchMixin, DeferredMixin, CallMixin, KubernetesPodOperator):  # type: ignore[misc]
    """Runs ``func_path`` in a pod that is gone afterwards.

    Args:
        func_path: ``package.module:function``.
        func_args: positional arguments, JSON, FromTask anywhere in them.
        func_kwargs: keyword arguments, likewise.
        mode: prod_local or prod.
        variables: the environment that the task asks for; as it is, not a template.
        secret_names: secrets of the namespace; their keys come into the environment, over everything else.
        task_resources: cpu, memory and gpu.
        room_seconds: how long the pod waits for room in the cluster.
        small_results: whether the result always fits into a termination message, so that there is no sidecar.
        data: names of folders that are mounted, and that the function finds in its environment.
        axes: the keyword arguments that the axes of a mapped task fill, in order.
    """

    name: str | None
    env_from: list[Any]
    template_fields: Sequence[str] = (*CallMixin.call_fields, *KubernetesPodOperator.template_fields)

    def __init__(
        self,
        *,
        func_path: str,
        func_args: Any = None,
        func_kwargs: Any = None,
        mode: str = Mode.PROD.value,
        variables: Mapping[str, str] | None = None,
        secret_names: Sequence[str] = (),
        task_resources: Mapping[str, Any] | None = None,
        room_seconds: int = 0,
        small_results: bool = False,
        data: Sequence[str] = (),
        do_xcom_push: bool = True,
        axes: Sequence[str] = (),
        axis_0: Any = None,
        axis_1: Any = None,
        axis_2: Any = None,
        axis_3: Any = None,
        **kwargs: Any,
    ) -> None:
        options = {**DEFAULTS, **_place(mode), **kwargs}
        options["security_context"] = pod_spec.pod_security_context(options.get("security_context"))
        context = pod_spec.security_context(options.get("container_security_context"))
        options["container_security_context"] = context
        super().__init__(cmds=[*PYTHON, RUNNER], do_xcom_push=do_xcom_push, **options)
        self.mode = mode
        self.room_seconds, self.small_results = room_seconds, small_results
        if not options.get("schedule_timeout_seconds"):
            self.schedule_timeout_seconds = max(room_seconds, self.startup_timeout_seconds)
        self.variables = dict(variables or {})
        self.secret_names = list(secret_names)
        self.task_resources = dict(task_resources or {})
        self.data = list(data)
        self._empty_handed = self._looked = False
        self.set_call(func_path, func_args, func_kwargs, axes, (axis_0, axis_1, axis_2, axis_3))

    @cached_property
    def pod_manager(self) -> WatchfulPodManager:
        return WatchfulPodManager(kube_client=self.client, callbacks=self.callbacks)

    def execute(self, context: Mapping[str, Any]) -> Any:
        """Run the function; its output goes to the task's log."""
        with task_errors(self):
            self._require_cluster()
            log_address(self.log, *self.mlflow())
            run = partial(super().execute, context)
            return self._handed_over(context, self.until_done(run, run))

    def mlflow(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """The variables in which the function finds its MLflow, and those with the stack's."""
        return self._stack() | self.variables, self._stack()

    def _require_cluster(self) -> None:
        if self.mode != Mode.PROD_LOCAL.value or self.in_cluster:
            return
        if not (self.config_file and Path(self.config_file).is_file()):
            named = (
                f"no kubeconfig `{self.config_file}`"
                if self.config_file
                else "`GAIAFLOW_KUBECONFIG` is not set"
            )
            raise MissingError(f"no local cluster: {named}", "inv prodlocal.start")

    def build_pod_request_obj(self, context: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """The pod. The call and the environment come in here, after Airflow has rendered and stored its fields:
        neither is a template, and neither shows in the UI."""
        context = context or {}
        if self.name is None and "ti" in context:
            self.name = pod_spec.pod_name(context["ti"].dag_id, context["ti"].task_id)
        for name in podfield.LISTS:
            setattr(self, name, [podfield.model(name, part) for part in getattr(self, name) or ()])
        sources = pod_spec.secret_sources(self.secret_names)
        self.env_from = [*(s for s in self.env_from if s not in sources), *sources]
        self.env_vars = pod_spec.environment(self._variables(context))
        resources = chosen(self.task_resources, context.get("params") or {}).grown(self.grown)
        self.container_resources = pod_spec.requirements(resources)
        pod = super().build_pod_request_obj(context, **options)
        pod_spec.mount(pod, self.base_container_name, datafolder.chosen(self.data, Mode(self.mode)))
        if self.small_results:
            small.drop_sidecar(pod)
        pod_spec.restrict(pod)
        if self.large_call:
            call_secret.mount(pod, self.base_container_name)
        pod.metadata.labels.update(pod_spec.MANAGED | pod_spec.labels())
        return pod

    def _variables(self, context: Mapping[str, Any]) -> dict[str, str]:
        call = self.handed(context) | tag_variable(context, self.mode, self.image) if context else {}
        result = small.places(pod_spec.RESULT_FILE, self.small_results) if self.do_xcom_push else {}
        data = datafolder.of_task(self.data, Mode(self.mode))
        return run_variables() | self._stack() | self.variables | data | level.ASKED | result | call

    def handed(self, context: Mapping[str, Any]) -> dict[str, str]:
        """The variable by which the pod gets its call."""
        text = self.encode_call(context)
        self.large_call = text if is_large(text) else ""
        return {runner.CALL_FILE: call_secret.PATH} if self.large_call else {runner.CALL: text}

    def _stack(self) -> dict[str, str]:
        return stack_variables(self.mode) if self.mode == Mode.PROD_LOCAL.value else {}

    def _write_logs(self, pod: Any, follow: bool = False, since_time: Any = None) -> None:
        """The lines of a deferred task's pod, each at its level; since when the triggerer saw the last one."""
        for line in pod_log.lines(self.client, pod, self.base_container_name, follow, since_time):
            log_line(self.log, line)

    def extract_xcom(self, pod: Any, **options: Any) -> Any:
        """Read the result, and remember when there was none: JSON's null is a result."""
        self._looked = True
        remote = self.pod_manager.read_pod(pod)
        if not small.has_sidecar(remote):
            self.pod_manager.await_container_completion(pod, self.base_container_name)
            remote = self.pod_manager.read_pod(pod)
        text = small.read(remote, self.base_container_name)
        if text is None and small.has_sidecar(remote):
            text = self.pod_manager.extract_xcom(pod, **options)
        text = EMPTY_XCOM_RESULT if text is None else text
        self._empty_handed = text.rstrip() == EMPTY_XCOM_RESULT
        return None if self._empty_handed else self.decode_result(text)

    def _handed_over(self, context: Mapping[str, Any], result: Any) -> Any:
        if self._empty_handed:
            return self.decode_result(None)
        return self.hand_over(context, result)

    def cleanup(self, pod: Any, remote_pod: Any, xcom_result: Any = None, context: Any = None) -> None:
        """Remove the pod; the error is the function's last line, unless something else stopped the task."""
        pending = sys.exc_info()[1]
        if isinstance(pending, ApiException):
            failed: Exception | None = self._failure_now(pod)
        else:
            ours = pending is None or isinstance(pending, AirflowException)
            failed = self._failure(remote_pod) if ours and remote_pod else None
        went_wrong = failed or isinstance(pending, (AirflowException, ApiException, GaiaflowError))
        if remote_pod and went_wrong and self.pod_manager.disrupted:
            failed = self.taken_away(pod.metadata.name, pod.metadata.namespace)
        try:
            super().cleanup(pod, remote_pod, xcom_result, context)
        except AirflowSkipException:
            raise
        except AirflowException:
            if failed is None and pending is None:
                raise
        if failed is not None:
            raise failed from None

    def _failure_now(self, pod: Any) -> Exception | None:
        """Why the pod is not there any more, or has ended, where the API server refused a question about it."""
        try:
            return self._failure(self.client.read_namespaced_pod(pod.metadata.name, pod.metadata.namespace))
        except ApiException as error:
            if error.status != NOT_FOUND:
                return None
            return self.taken_away(pod.metadata.name, pod.metadata.namespace) or gone(self.func_path)

    def _failure(self, pod: Any) -> Exception | None:
        statuses = pod.status.container_statuses or []
        status = next((s for s in statuses if s.name == self.base_container_name), None)
        ended = status.state.terminated if status and status.state else None
        if used := overused(pod):
            return TaskFailedError(
                f"`{self.func_path}` was stopped: its pod was evicted: {used}", 'resources={"limits": {...}}'
            )
        if ended is None:
            return waiting_error(pod, self.image, self.mode)
        if ended.exit_code == 0:
            return None
        lines = pod_log.last_lines(self.client, pod, self.base_container_name)
        lines = lines or (ended.message or "").splitlines()
        out_of_memory = ended.reason == "OOMKilled"
        if out_of_memory:
            self.grow(parse(self.task_resources))
        return failure(self, lines, ended.exit_code, self.image, out_of_memory)


def _place(mode: str) -> dict[str, Any]:
    """Which cluster and which namespace. In prod the namespace may come from the service account's own file."""
    namespace = {"namespace": os.environ.get(envvar.NAMESPACE) or None}
    if mode == Mode.PROD.value:
        return {"in_cluster": True, **namespace}
    # Images of the local cluster exist only on its node.
    policy = {"image_pull_policy": "IfNotPresent"}
    config = os.environ.get(envvar.KUBECONFIG) or None
    if config == IN_CLUSTER:
        return {"in_cluster": True, **policy, **namespace}
    return {"in_cluster": False, "config_file": config, **policy, **namespace}


def arguments(spec: TaskSpec) -> dict[str, Any]:
    """What the operator of a spec takes; docker is of no use here and stays out."""
    parse(spec.resources)
    overrides = checked_overrides("kubernetes", spec.kubernetes, KubernetesPodOperator, RESERVED, OWN)
    room_seconds = room.allowed(overrides)
    small_results = small.only(overrides)
    for name in OWN:
        overrides.pop(name, None)
    podfield.check(overrides)
    return {
        "image": required_image(spec),
        "mode": spec.mode.value,
        "variables": spec.env_vars,
        "secret_names": spec.secrets,
        "task_resources": spec.resources,
        "room_seconds": room_seconds,
        "small_results": small_results,
        "data": spec.data,
        **deferred.default(overrides),
        **overrides,
    }


def build(spec: TaskSpec) -> Any:
    """The task of a spec."""
    return make(PodOperator, spec, arguments(spec))
