"""A task whose pod Airflow's triggerer watches, so that it takes no slot of a worker meanwhile."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowTaskTimeout
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from gaiaflow import envvar
from gaiaflow.errors import UsageError
from gaiaflow.operators.final import task_errors
from gaiaflow.operators.pod.again import disruption, gone
from gaiaflow.operators.pod.start import NOT_FOUND, timeout_error
from gaiaflow.operators.pod.trigger import PodTrigger

_WORDS = {"": False, "0": False, "false": False, "1": True, "true": True}


def default(given: Mapping[str, Any]) -> dict[str, bool]:
    """What the variable asks for, where ``kubernetes={…}`` of the task does not say it.

    Raises:
        UsageError: the variable has another word.
    """
    word = os.environ.get(envvar.DEFERRABLE, "")
    if word.lower() not in _WORDS:
        raise UsageError(f"the variable `GAIAFLOW_DEFERRABLE` is `{word}`, not 1 or 0", "GAIAFLOW_DEFERRABLE=1")
    return {"deferrable": True} if _WORDS[word.lower()] and "deferrable" not in given else {}


class DeferredMixin:
    """The way to the triggerer and back; mixed in before the provider's operator."""

    do_xcom_push: bool
    func_path: str
    client: Any
    execute_async: Callable[[Any], Any]
    pod: Any
    pod_manager: Any
    process_pod_deletion: Callable[..., bool]
    remote_pod: Any
    resumed: Callable[[Mapping[str, Any]], None]
    taken_away: Callable[[str, str], Exception | None]
    until_done: Callable[..., Any]
    _failure: Callable[[Any], Exception | None]
    _handed_over: Callable[..., Any]
    _looked: bool
    _write_logs: Callable[..., None]

    def defer(self, *, trigger: Any, **options: Any) -> None:
        """Hand the pod to the triggerer, which has one watch for all of them."""
        super().defer(trigger=PodTrigger.of(trigger), **options)  # type: ignore[misc]

    def trigger_reentry(self, context: Mapping[str, Any], event: dict[str, Any]) -> Any:
        """Take up a deferred task again."""
        with task_errors(self):
            self.resumed(event)
            taken_up = partial(self._take_up, context, event)
            return self._handed_over(context, self.until_done(taken_up, partial(self.execute_async, context)))

    def _take_up(self, context: Mapping[str, Any], event: dict[str, Any]) -> Any:
        if event["status"] == "timeout":
            raise self._in_vain(event) from None
        try:
            result = super().trigger_reentry(context, event)  # type: ignore[misc]
        except AirflowException:
            if self.pod is not None:
                raise
        else:
            # Without its pod the provider takes the task as done, and there is no result.
            if self._looked or not self.do_xcom_push:
                return result
        raise self.taken_away(event["name"], event["namespace"]) or gone(self.func_path) from None

    def _in_vain(self, event: Mapping[str, Any]) -> BaseException:
        """The error of a pod that waits for its start, or whose function runs too long; the pod goes.

        The provider would wait for its end.
        """
        try:
            pod = self.client.read_namespaced_pod(event["name"], event["namespace"])
        except ApiException as error:
            if error.status != NOT_FOUND:
                raise
            return self.taken_away(event["name"], event["namespace"]) or gone(self.func_path)
        self.pod = self.remote_pod = pod
        failed = self._why_in_vain(pod, event)
        with contextlib.suppress(ApiException, HTTPError):
            self._write_logs(pod, since_time=event.get("last_log_time"))
        self.process_pod_deletion(pod, reraise=False)
        return failed

    def _why_in_vain(self, pod: Any, event: Mapping[str, Any]) -> BaseException:
        if time.time() >= event.get("_execution_deadline", float("inf")):
            return AirflowTaskTimeout()  # type: ignore[no-any-return]
        if why := disruption(pod):
            self.pod_manager.disrupted = why
            return self.taken_away(event["name"], event["namespace"]) or gone(self.func_path)
        return self._failure(pod) or timeout_error(pod, event["message"])
