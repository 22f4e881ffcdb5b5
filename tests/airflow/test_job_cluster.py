"""A task that makes all calls of its map as one Job, in a fake cluster."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout, TaskDeferred
from kubernetes import client as k8s

from gaiaflow.errors import GaiaflowError, MissingError, TaskFailedError
from gaiaflow.operators.job import trigger, watch
from tests.job_api import Cluster, pending, task_of


@pytest.fixture(autouse=True)
def _place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_NAMESPACE", "mine")


def doubles(call: dict[str, Any]) -> tuple[bool, str]:
    return True, str(2 * call["kwargs"]["x"])


def fails_at(*bad: int) -> Any:
    def function(call: dict[str, Any]) -> tuple[bool, str]:
        x = call["kwargs"]["x"]
        return (False, f"pk.f:f raised ValueError: no {x}") if x in bad else doubles(call)

    return function


def test_the_values_come_in_order_and_the_job_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(doubles)
    task, context = task_of(monkeypatch, cluster)
    assert task.execute(context) == [2, 4, 6]
    assert len(cluster.made) == 1
    assert cluster.jobs == {}


def test_an_attempt_makes_only_the_calls_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(fails_at(1, 3))
    task, context = task_of(monkeypatch, cluster)
    with pytest.raises(TaskFailedError) as failed:
        task.execute(context)
    assert failed.value.message == (
        "2 of 3 calls failed: [0] pk.f:f raised ValueError: no 1; [2] pk.f:f raised ValueError: no 3"
    )
    for attempt, bad, made in ((2, (3,), [1, 3]), (3, (), [3])):
        cluster.function = fails_at(*bad)
        task, context = task_of(monkeypatch, cluster, attempt)
        if bad:
            with pytest.raises(TaskFailedError, match=r"1 of 3 calls failed: \[2\]"):
                task.execute(context)
        else:
            assert task.execute(context) == [2, 4, 6]
        assert [call["kwargs"]["x"] for call in cluster.calls] == made
    assert cluster.jobs == {}


def test_other_calls_start_again_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(fails_at(1))
    task, context = task_of(monkeypatch, cluster)
    with pytest.raises(TaskFailedError):
        task.execute(context)
    cluster.function = doubles
    task, context = task_of(monkeypatch, cluster, 2, map_over={"x": [5, 2, 3]})
    assert task.execute(context) == [10, 4, 6]
    assert len(cluster.calls) == 3
    assert cluster.jobs == {}


def test_where_no_call_succeeded_no_job_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(fails_at(1, 2, 3))
    task, context = task_of(monkeypatch, cluster)
    with pytest.raises(TaskFailedError, match="3 of 3 calls failed"):
        task.execute(context)
    assert cluster.jobs == {}


def test_a_job_of_a_lost_worker_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(doubles, begins=False)
    task, context = task_of(monkeypatch, cluster)
    monkeypatch.setattr(watch.time, "sleep", lost)
    with pytest.raises(Lost):
        task.execute(context)
    (name,) = cluster.jobs
    monkeypatch.setattr(watch.time, "sleep", lambda _: cluster.run(name))
    task, context = task_of(monkeypatch, cluster, 2)
    assert task.execute(context) == [2, 4, 6]
    assert len(cluster.made) == 1


class Lost(BaseException):
    """The end of a worker."""


def lost(_seconds: float) -> None:
    raise Lost


def test_the_end_of_the_task_deletes_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(doubles, begins=False)
    task, context = task_of(monkeypatch, cluster)
    monkeypatch.setattr(watch.time, "sleep", lost)
    with pytest.raises(Lost):
        task.execute(context)
    task.on_kill()
    assert cluster.jobs == {}


def test_a_job_that_somebody_deleted_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(doubles, begins=False)
    task, context = task_of(monkeypatch, cluster)
    monkeypatch.setattr(watch.time, "sleep", lambda _: cluster.jobs.clear())
    with pytest.raises(TaskFailedError, match=r"`pk\.f:f` was stopped: its job was deleted"):
        task.execute(context)


def test_an_image_that_is_not_there_ends_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(doubles, begins=False)
    task, context = task_of(monkeypatch, cluster)

    def wait(_seconds: float) -> None:
        (name,) = cluster.jobs
        cluster.pods[name] = [pending(name, reason="ErrImagePull", message="not found")]

    monkeypatch.setattr(watch.time, "sleep", wait)
    with pytest.raises(MissingError, match="image `p/p:1` is not where the cluster looks for it"):
        task.execute(context)
    assert cluster.jobs == {}


@pytest.mark.parametrize(
    ("said", "final"),
    [
        ('pods "x" is forbidden: violates PodSecurity "restricted"', True),
        ('pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5', False),
    ],
)
def test_pods_that_the_cluster_refuses(monkeypatch: pytest.MonkeyPatch, said: str, final: bool) -> None:
    cluster = Cluster(doubles, begins=False)
    cluster.events = [k8s.CoreV1Event(metadata={}, involved_object={}, reason="FailedCreate", message=said)]
    task, context = task_of(monkeypatch, cluster, kubernetes={"wait_for_room": "0"})
    with pytest.raises(GaiaflowError) as refused:
        task.execute(context)
    assert refused.value.message == f"the cluster refused the pods of task `t`: {said}"
    assert refused.value.is_final is final
    assert cluster.jobs == {}


@pytest.mark.parametrize(
    ("of_secrets", "message"),
    [
        (False, "the cluster refused the job of task `t`: it is forbidden"),
        (True, "the cluster refused the secret with the calls of task `t`: it is forbidden"),
    ],
)
def test_an_account_without_the_right_is_said(
    monkeypatch: pytest.MonkeyPatch, of_secrets: bool, message: str
) -> None:
    cluster = Cluster()
    cluster.refused, cluster.refuses_secrets = (403, "it is forbidden"), of_secrets
    task, context = task_of(monkeypatch, cluster)
    with pytest.raises(GaiaflowError) as refused:
        task.execute(context)
    assert [refused.value.message, refused.value.hint] == [message, "inv prod.manifests | kubectl apply -f -"]
    assert cluster.jobs == {}


@pytest.mark.parametrize("groups", [["batch"], ["batch", "kueue.x-k8s.io"]])
def test_a_queue_needs_kueue(monkeypatch: pytest.MonkeyPatch, groups: list[str]) -> None:
    named = [k8s.V1APIGroup(name=name, versions=[]) for name in groups]
    monkeypatch.setattr(k8s.ApisApi, "get_api_versions", lambda _: k8s.V1APIGroupList(groups=named))
    cluster = Cluster(doubles)
    task, context = task_of(monkeypatch, cluster, kubernetes={"queue": "research"})
    task.hook.__dict__["api_client"] = k8s.ApiClient()
    if len(groups) == 2:
        assert task.execute(context) == [2, 4, 6]
        return
    with pytest.raises(
        MissingError, match="the cluster has no Kueue, and the task asks for its queue `research`"
    ):
        task.execute(context)
    assert cluster.made == []


def test_the_triggerer_waits_and_the_task_takes_up_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(doubles, begins=False)
    task, context = task_of(monkeypatch, cluster, kubernetes={"deferrable": True})
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)
    (name,) = cluster.jobs
    path, arguments = deferred.value.trigger.serialize()
    assert path == "gaiaflow.operators.job.trigger.JobTrigger"
    assert (arguments["pod_name"], arguments["pod_namespace"]) == (name, "mine")
    again, context = task_of(monkeypatch, cluster, kubernetes={"deferrable": True})
    with pytest.raises(TaskDeferred):  # a look changed nothing
        again.trigger_reentry(context, {"status": trigger.LOOK, "name": name, "message": ""})
    cluster.run(name)
    assert again.trigger_reentry(context, {"status": trigger.ENDED, "name": name, "message": ""}) == [2, 4, 6]
    assert len(cluster.made) == 1


def test_a_deferred_task_out_of_time_deletes_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(doubles, begins=False)
    given = {"kubernetes": {"deferrable": True}, "execution_timeout": timedelta(seconds=5)}
    task, context = task_of(monkeypatch, cluster, **given)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)
    assert trigger.DEADLINE in deferred.value.trigger.serialize()[1]["trigger_kwargs"]
    (name,) = cluster.jobs
    with pytest.raises(AirflowTaskTimeout, match="did not end within 5 s, its `execution_timeout`"):
        task.trigger_reentry(context, {"status": trigger.TIMEOUT, "name": name, "message": ""})
    assert cluster.jobs == {}
