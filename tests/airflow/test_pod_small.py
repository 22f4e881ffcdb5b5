"""Small results: a pod without a sidecar, and a result that no exec reads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes import client as k8s

from gaiaflow.errors import TaskFailedError, UsageError
from gaiaflow.operators.pod import small
from gaiaflow.operators.pod.start import WatchfulPodManager
from gaiaflow.tasks import create_task
from tests.pod_api import Api, launched


@pytest.fixture(autouse=True)
def _place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_NAMESPACE", "mine")


def variables(pod: Any) -> set[str]:
    return {v["name"] for c in pod["spec"]["containers"] if c["name"] == "base" for v in c["env"]}


@pytest.mark.parametrize("way", ["option", "variable"])
def test_small_results_need_no_sidecar(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    if way == "variable":
        monkeypatch.setenv("GAIAFLOW_RESULTS", "small")
    pod = launched(monkeypatch, Api(), kubernetes={"results": "small"} if way == "option" else {})
    assert [c["name"] for c in pod["spec"]["containers"]] == ["base"]
    assert not pod["spec"].get("volumes")
    assert not pod["spec"]["containers"][0].get("volumeMounts")
    assert "GAIAFLOW_MESSAGE_FILE" in variables(pod)
    assert "GAIAFLOW_RESULT_FILE" not in variables(pod)


def test_any_result_has_a_sidecar_and_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    pod = launched(monkeypatch, Api())
    assert [c["name"] for c in pod["spec"]["containers"]] == ["base", "airflow-xcom-sidecar"]
    assert {"GAIAFLOW_MESSAGE_FILE", "GAIAFLOW_RESULT_FILE"} <= variables(pod)


def test_another_word_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        small.only({"results": "smal"})
    assert caught.value.message == "`results` is 'smal', not `any` or `small` (did you mean `small`?)"
    assert caught.value.hint == 'kubernetes={"results": "small"}'


def ended(message: str, sidecar: bool = True) -> Any:
    """A pod whose function has ended with this message."""
    state = k8s.V1ContainerState(terminated=k8s.V1ContainerStateTerminated(exit_code=0, message=message))
    status = k8s.V1ContainerStatus(
        name="base", image="p/p:1", image_id="", ready=False, restart_count=0, state=state
    )
    names = ["base", *([small.SIDECAR] if sidecar else [])]
    return k8s.V1Pod(
        metadata=k8s.V1ObjectMeta(name="p", namespace="mine"),
        spec=k8s.V1PodSpec(containers=[k8s.V1Container(name=name) for name in names]),
        status=k8s.V1PodStatus(phase="Running", container_statuses=[status]),
    )


class Cluster:
    """Answers with one pod, and writes down what is deleted."""

    def __init__(self, pod: Any) -> None:
        self.pod, self.deleted = pod, []  # type: ignore[var-annotated]

    def read_namespaced_pod(self, *_: str) -> Any:
        return self.pod

    def delete_namespaced_pod(self, *_: str, **options: int) -> None:
        self.deleted.append(options)


def result_of(monkeypatch: pytest.MonkeyPatch, pod: Any) -> Any:
    task = create_task("t", "pk.f:f", image="p/p:1", mode="prod")
    monkeypatch.setattr(type(task), "client", Cluster(pod))
    value = task.extract_xcom(pod)
    return task.decode_result(None) if task._empty_handed else value


def test_a_result_in_the_message_is_read_without_exec(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, text in ((None, "null"), ({"a": [1]}, '{"a": [1]}')):
        assert result_of(monkeypatch, ended(f"gaiaflow-result {text}")) == value


def test_another_message_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow.providers.cncf.kubernetes.utils.pod_manager.PodManager.extract_xcom",
                        lambda *_: '"of the sidecar"')  # fmt: skip
    assert result_of(monkeypatch, ended('"of the function"')) == "of the sidecar"
    with pytest.raises(TaskFailedError, match="ended without a result"):
        result_of(monkeypatch, ended('"of the function"', sidecar=False))


def test_nobody_waits_for_the_sidecar_of_a_result_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[str] = []
    monkeypatch.setattr(
        "airflow.providers.cncf.kubernetes.utils.pod_manager.PodManager.await_xcom_sidecar_container_start",
        lambda *_: waited.append("waited"),
    )
    for pod in (ended("gaiaflow-result 1"), ended("", sidecar=False), ended("")):
        WatchfulPodManager(kube_client=Cluster(pod)).await_xcom_sidecar_container_start(pod)
    assert waited == ["waited"]


def test_the_sidecar_of_an_ended_function_has_no_time_left() -> None:
    pod = ended("gaiaflow-result 1")
    cluster = Cluster(pod)
    manager = WatchfulPodManager(kube_client=cluster)
    manager.delete_pod(pod)
    manager.delete_pod(SimpleNamespace(metadata=pod.metadata, status=k8s.V1PodStatus(phase="Running")))
    assert cluster.deleted == [{"grace_period_seconds": 1}, {}]
