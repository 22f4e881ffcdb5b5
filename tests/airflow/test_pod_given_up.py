"""A deferred task whose pod waits or runs in vain, or was taken away: with a fake API."""

from __future__ import annotations

import datetime
import time
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.triggers.pod import KubernetesPodTrigger
from airflow.providers.common.compat.sdk import AirflowException, AirflowTaskTimeout
from airflow.sdk.exceptions import TaskDeferred
from kubernetes import client as k8s
from kubernetes.client.exceptions import ApiException

from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.operators.pod.trigger import PodTrigger
from gaiaflow.tasks import create_task

TIMED_OUT = {"name": "p", "namespace": "mine", "status": "timeout", "message": "the provider's own text"}


class Api:
    """A namespace with one pod at most."""

    def __init__(self, **status: Any) -> None:
        self.status, self.deleted = status, []  # type: ignore[var-annotated]
        self.api_client = k8s.ApiClient()

    def read_namespaced_pod(self, name: str, _namespace: str) -> Any:
        if not self.status:
            raise ApiException(status=404)
        metadata = k8s.V1ObjectMeta(name=name, namespace="mine")
        spec = k8s.V1PodSpec(containers=[])
        return k8s.V1Pod(metadata=metadata, spec=spec, status=k8s.V1PodStatus(**self.status))

    def delete_namespaced_pod(self, name: str, *_: Any, **__: Any) -> None:
        self.deleted.append(name)

    def list_namespaced_event(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(items=[])

    def read_namespaced_pod_log(self, *_: Any, **options: Any) -> Any:
        assert not options.get("follow"), "it would wait for the end of the pod"
        raise ApiException(status=400)


def taken_up(monkeypatch: pytest.MonkeyPatch, api: Api, event: dict[str, Any], **given: Any) -> Any:
    """What a task raises that is taken up with an event."""
    monkeypatch.setenv("GAIAFLOW_NAMESPACE", "mine")
    task = create_task("t", "pk.f:f", image="p/p:1", mode="prod", kubernetes={"deferrable": True}, **given)
    monkeypatch.setattr(type(task), "client", api)
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - each test looks at it
        task.trigger_reentry({}, event)
    return caught.value


def container(**waiting: Any) -> Any:
    state = k8s.V1ContainerState(waiting=k8s.V1ContainerStateWaiting(**waiting))
    return k8s.V1ContainerStatus(
        name="base", image="p/p:1", image_id="", ready=False, restart_count=0, state=state
    )


def test_a_function_that_ran_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api(phase="Running")
    allowed = datetime.timedelta(seconds=20)
    event = {**TIMED_OUT, "_execution_deadline": time.time() - 1}
    error = taken_up(monkeypatch, api, event, execution_timeout=allowed)
    assert isinstance(error, AirflowTaskTimeout)
    assert str(error) == "`pk.f:f` did not end within 20 s, its `execution_timeout`"
    assert api.deleted == ["p"]


def test_a_secret_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    status = container(reason="CreateContainerConfigError", message='secret "s" not found')
    api = Api(phase="Pending", container_statuses=[status])
    error = taken_up(monkeypatch, api, TIMED_OUT)
    assert isinstance(error, MissingError)
    assert (error.message, error.is_final) == ("secret `s` is not in the cluster", True)
    assert api.deleted == ["p"]


def test_a_node_that_never_came(monkeypatch: pytest.MonkeyPatch) -> None:
    why = k8s.V1PodCondition(type="PodScheduled", status="False", message="0/1 nodes are available")
    error = taken_up(monkeypatch, Api(phase="Pending", conditions=[why]), TIMED_OUT)
    assert isinstance(error, GaiaflowError)
    assert error.message == "the pod did not start: 0/1 nodes are available"


def test_a_pod_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "its pod was deleted" in str(taken_up(monkeypatch, Api(), TIMED_OUT))


@pytest.mark.parametrize("status", ["timeout", "error", "success"])
def test_a_pod_that_the_triggerer_saw_evicted_starts_again(
    monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    """Nothing is left of it, not even an event."""
    again: list[Any] = []

    def gone(task: Any, *_: Any) -> None:
        task.pod = None
        if status == "error":
            raise AirflowException("Pod mine/p not found after resuming from deferral")

    def start(task: Any, _context: Any) -> None:
        again.append((task.starts, task.pod_manager.disrupted))
        raise TaskDeferred(trigger=SimpleNamespace(), method_name="trigger_reentry")

    monkeypatch.setattr(KubernetesPodOperator, "trigger_reentry", gone)
    monkeypatch.setattr(KubernetesPodOperator, "execute_async", start)
    event = {**TIMED_OUT, "status": status, "_gaiaflow_disrupted": "EvictionByEvictionAPI: drain"}
    assert isinstance(taken_up(monkeypatch, Api(), event), TaskDeferred)
    assert again == [(1, "")]
    error = taken_up(monkeypatch, Api(), event | {"_gaiaflow_starts": 3})
    assert "its pod was taken away: EvictionByEvictionAPI: drain" in str(error)


def test_the_trigger_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    task = create_task("t", "pk.f:f", image="p/p:1", mode="prod", kubernetes={"deferrable": True})
    now = datetime.datetime.now(datetime.timezone.utc)
    theirs = KubernetesPodTrigger("p", "mine", now, "base", poll_interval=7)
    with pytest.raises(TaskDeferred) as caught:
        task.defer(trigger=theirs, method_name="trigger_reentry", timeout=None)
    ours = caught.value.trigger
    assert (type(ours), ours.poll_interval, ours.pod_name) == (PodTrigger, 7, "p")
    assert ours.serialize() == (
        "gaiaflow.operators.pod.trigger.PodTrigger",
        theirs.serialize()[1],
    )
