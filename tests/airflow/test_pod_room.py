"""A pod without room in the cluster waits, and one that is taken away is started again: with a fake API."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.utils.pod_manager import PodLaunchTimeoutException
from airflow.providers.common.compat.sdk import AirflowException
from kubernetes import client as k8s

from gaiaflow.errors import GaiaflowError, TaskFailedError, UsageError
from gaiaflow.operators.pod import again, note, room
from gaiaflow.operators.pod.start import WatchfulPodManager, refused_for_good
from gaiaflow.operators.resources import parse
from gaiaflow.tasks import create_task
from tests.pod_api import Api, launched, refusal

QUOTA = 'pods "t" is forbidden: exceeded quota: few, requested: {}, used: pods=5, limited: {}'
FULL = QUOTA.format("pods=1", "pods=5")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Time that passes by sleeping only."""
    now = SimpleNamespace(seconds=1000.0)

    def sleep(seconds: float) -> None:
        now.seconds += seconds

    monkeypatch.setenv("GAIAFLOW_NAMESPACE", "mine")
    monkeypatch.setattr(room, "time", SimpleNamespace(monotonic=lambda: now.seconds, sleep=sleep))
    return now


class Log:
    def __init__(self) -> None:
        self.said: list[str] = []

    def warning(self, text: str, *values: object) -> None:
        self.said.append(text % values)


class Crowded(Api):
    """A namespace whose quota is used up for the first pods."""

    def __init__(self, refusals: float, said: str = FULL) -> None:
        super().__init__()
        self.left, self.said, self.asked = refusals, said, 0

    def create_namespaced_pod(self, body: dict[str, Any], **more: Any) -> Any:
        self.asked += 1
        if self.asked <= self.left:
            raise refusal(403, self.said)
        return super().create_namespaced_pod(body, **more)


def test_a_pod_that_a_quota_refuses_waits(monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace) -> None:
    api, began = Crowded(8), clock.seconds
    launched(monkeypatch, api)
    assert len(api.pods) == 1
    assert clock.seconds - began == 1 + 2 + 4 + 8 + 15 * 4


def test_a_wait_ends_with_the_refusal(monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace) -> None:
    api, began = Crowded(float("inf")), clock.seconds
    with pytest.raises(GaiaflowError, match="exceeded quota") as caught:
        launched(monkeypatch, api, kubernetes={"wait_for_room": "10m"})
    assert clock.seconds - began == 600
    assert not caught.value.is_final


@pytest.mark.parametrize("way", ["option", "variable"])
def test_a_wait_can_be_turned_off(monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace, way: str) -> None:
    if way == "variable":
        monkeypatch.setenv("GAIAFLOW_WAIT_FOR_ROOM", "0")
    began = clock.seconds
    with pytest.raises(GaiaflowError, match="exceeded quota"):
        launched(monkeypatch, Crowded(9), kubernetes={"wait_for_room": "0"} if way == "option" else {})
    assert clock.seconds == began


def test_what_no_quota_will_ever_have_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said = QUOTA.format("limits.memory=64Gi,pods=1", "limits.memory=16Gi,pods=5")
    api = Crowded(9, said)
    with pytest.raises(GaiaflowError, match="exceeded quota") as caught:
        launched(monkeypatch, api)
    assert (api.asked, caught.value.is_final) == (1, True)
    assert not room.asks_too_much(FULL)
    assert refused_for_good(403, "failed quota: few: must specify limits.cpu for: base")


@pytest.mark.parametrize("text", ["an hour", "1.5h", 60, None])
def test_what_is_no_length_of_time(text: object) -> None:
    with pytest.raises(UsageError) as caught:
        room.allowed({"wait_for_room": text})
    assert caught.value.message == f"`wait_for_room` is {text!r}, not a length of time"
    assert caught.value.hint == 'kubernetes={"wait_for_room": "30m"}, or "0"'


def test_the_provider_waits_as_long_for_a_node() -> None:
    def of(**given: Any) -> tuple[int, int]:
        task = create_task("t", "a.b:c", image="p/p:1", mode="prod", kubernetes=given)
        return task.schedule_timeout_seconds, task.startup_timeout_seconds

    assert of() == (3600, 600)
    assert of(wait_for_room="0") == (600, 600)
    assert of(schedule_timeout_seconds=60) == (60, 600)


def test_the_log_tells_a_reason_once_in_a_while(clock: SimpleNamespace) -> None:
    log = Log()
    wait = room.Wait(log, 3600)
    for used in range(700):
        wait.tell(f"used: pods={used}")
        clock.seconds += 1
    wait.tell("another reason")
    assert log.said == [
        "waiting for room in the cluster, 0 s of at most 1 h: used: pods=0",
        "waiting for room in the cluster, 5 min of at most 1 h: used: pods=300",
        "waiting for room in the cluster, 10 min of at most 1 h: used: pods=600",
        "waiting for room in the cluster, 700 s of at most 1 h: another reason",
    ]


def manager_of(pod: Any, log: Log) -> WatchfulPodManager:
    """One that waits for this pod to start, with a patience of 600 s."""
    manager = WatchfulPodManager(kube_client=SimpleNamespace(read_namespaced_pod=lambda *_: pod))
    manager.starting, manager.room, manager.patience = True, room.Wait(log, 3600), 600
    return manager


def pending(message: str) -> Any:
    waits = k8s.V1PodCondition(type="PodScheduled", status="False", reason="Unschedulable", message=message)
    return of_status(phase="Pending", conditions=[waits])


def of_status(**status: Any) -> Any:
    return k8s.V1Pod(metadata=k8s.V1ObjectMeta(name="p", namespace="mine"), status=k8s.V1PodStatus(**status))


@pytest.mark.parametrize(
    "said", ["0/1 nodes are available: 1 Insufficient memory.", "0/3 nodes are available: 3 Too many pods."]
)
def test_a_pod_without_a_node_waits_for_room(clock: SimpleNamespace, said: str) -> None:
    log, pod = Log(), pending(said)
    manager = manager_of(pod, log)
    clock.seconds += 3000
    assert manager.read_pod(pod) is pod
    assert log.said == [f"waiting for room in the cluster, 50 min of at most 1 h: {said}"]


def test_a_pod_that_no_node_will_take_waits_no_longer_than_before(clock: SimpleNamespace) -> None:
    pod = pending("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.")
    manager = manager_of(pod, Log())
    clock.seconds += 599
    assert manager.read_pod(pod) is pod
    clock.seconds += 1
    with pytest.raises(PodLaunchTimeoutException, match="node affinity/selector"):
        manager.read_pod(pod)


TAKEN = k8s.V1PodCondition(
    type="DisruptionTarget", status="True", reason="PreemptionByScheduler", message="for another pod"
)


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({"phase": "Running", "conditions": [TAKEN]}, "PreemptionByScheduler: for another pod"),
        (
            {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."},
            "Evicted: The node was low on resource: memory.",
        ),
        ({"phase": "Failed", "reason": "OutOfcpu", "message": "no cpu"}, "OutOfcpu: no cpu"),
        (
            {"phase": "Failed", "reason": "Evicted", "message": "Usage of EmptyDir exceeds the limit 1Gi."},
            "",
        ),
        ({"phase": "Failed", "reason": "DeadlineExceeded"}, ""),
        ({"phase": "Failed"}, ""),
    ],
)
def test_what_the_cluster_takes_away(status: dict[str, Any], why: str) -> None:
    assert again.disruption(of_status(**status)) == why


class Starts:
    """The provider's execute, played: how each start of a pod ends.

    Attributes:
        limits: the limit of memory of each pod.
    """

    def __init__(self, *statuses: Any) -> None:
        self.statuses, self.limits = list(statuses), []  # type: ignore[var-annotated]

    def play(self) -> Callable[..., Any]:
        """A method of the operator."""

        def execute(task: Any, context: Any) -> Any:
            return self.start(task, context)

        return execute

    def start(self, task: Any, context: Any) -> Any:
        assert (task.pod, task.pod_request_obj, task.remote_pod) == (None, None, None)
        status = self.statuses[len(self.limits)]
        made = task.build_pod_request_obj(context, dry_run=True)
        limits = made.spec.containers[0].resources
        self.limits.append(limits.limits["memory"] if limits else None)
        task.pod = task.pod_request_obj = made
        task.remote_pod = task.pod_manager.read_pod(of_status(**status) if status else made)
        if status is None:
            return "result"
        try:
            raise AirflowException("the provider's own error")
        finally:
            task.cleanup(task.pod, task.remote_pod, context=context)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs a task whose pods end as given; its starts, the result or the error, its log."""

    def start(*statuses: Any, **given: Any) -> tuple[Starts, Any, list[str]]:
        starts, log = Starts(*statuses), Log()
        task = create_task("t", "pk.f:f", image="p/p:1", mode="prod", **given)
        api = SimpleNamespace(
            read_namespaced_pod=None,
            list_namespaced_event=lambda *_, **__: SimpleNamespace(items=[]),
            read_namespaced_pod_log=lambda *_, **__: SimpleNamespace(data=b"Killed"),
        )
        monkeypatch.setattr(type(task), "client", api)
        monkeypatch.setattr(KubernetesPodOperator, "execute", starts.play())
        monkeypatch.setattr(KubernetesPodOperator, "cleanup", lambda *_: None)
        monkeypatch.setattr(WatchfulPodManager, "read_pod", look)
        log_of = SimpleNamespace(warning=log.warning, info=lambda *_: None, debug=lambda *_: None)
        monkeypatch.setattr(type(task), "log", log_of)
        task.func_args, task.func_kwargs = [], {}
        ti = SimpleNamespace(dag_id="flow", task_id="t", run_id="run", map_index=-1, try_number=1)
        context = {"ti": ti, "run_id": "run", "dag": SimpleNamespace(), "params": {}}
        try:
            result: Any = task.execute(context)
        except GaiaflowError as error:
            result = error
        return starts, result, [line for line in log.said if "Task Runner" not in line]

    return start


def look(manager: WatchfulPodManager, pod: Any) -> Any:
    """`read_pod` of a pod that is at hand."""
    manager.disrupted = (again.disruption(pod) if pod.status else "") or manager.disrupted
    return pod


GONE = {"phase": "Running", "conditions": [TAKEN]}


def test_a_deferred_pod_that_is_gone_is_deferred_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The triggerer reports a pod that nobody finds; its events say that it was preempted."""
    task = create_task("t", "pk.f:f", image="p/p:1", mode="prod", kubernetes={"deferrable": True})
    event = SimpleNamespace(reason="Preempted", message="by another pod")
    events = SimpleNamespace(items=[event])
    api = SimpleNamespace(list_namespaced_event=lambda *_, **__: events)
    deferred: list[Any] = []

    def not_found(task: Any, *_: Any) -> None:
        task.pod = None
        raise AirflowException("Pod mine/p not found after resuming from deferral")

    monkeypatch.setattr(type(task), "client", api)
    monkeypatch.setattr(KubernetesPodOperator, "trigger_reentry", not_found)
    monkeypatch.setattr(
        KubernetesPodOperator, "execute_async", lambda task, _: deferred.append(task.trigger_kwargs)
    )
    known = {"name": "p", "namespace": "mine", "status": "error"}
    task.trigger_reentry({}, known)
    task.trigger_reentry({}, known | deferred[0])
    assert deferred == [
        {"_gaiaflow_starts": 1, "_gaiaflow_grown": 0},
        {"_gaiaflow_starts": 2, "_gaiaflow_grown": 0},
    ]
    with pytest.raises(TaskFailedError, match="its pod was taken away: Preempted: by another pod"):
        task.trigger_reentry({}, known | {"_gaiaflow_starts": 3})
    events.items = []
    with pytest.raises(TaskFailedError, match="its pod was deleted"):
        task.trigger_reentry({}, known)
    # What the provider answers where the triggerer saw the function succeed, and the pod is gone since.
    monkeypatch.setattr(KubernetesPodOperator, "trigger_reentry", lambda *_: None)
    with pytest.raises(TaskFailedError, match="its pod was deleted"):
        task.trigger_reentry({}, known)


def test_a_pod_that_was_preempted_is_started_again(run: Callable[..., Any]) -> None:
    starts, result, said = run(GONE, GONE, None)
    assert result == "result"
    assert len(starts.limits) == 3
    assert said == [
        "task `t` starts again, in the same attempt: PreemptionByScheduler: for another pod "
        f"({number} of at most 3 times)"
        for number in (1, 2)
    ]


def test_the_fourth_loss_is_the_end_of_the_attempt(run: Callable[..., Any]) -> None:
    starts, error, _ = run(GONE, GONE, GONE, GONE, None)
    assert len(starts.limits) == 4
    assert isinstance(error, TaskFailedError)
    assert not error.is_final
    assert error.message == (
        "`pk.f:f` was stopped: its pod was taken away: PreemptionByScheduler: for another pod"
    )
    assert error.hint == "kubectl get events, kubectl get nodes"


def killed(reason: str = "OOMKilled") -> dict[str, Any]:
    ended = k8s.V1ContainerStateTerminated(exit_code=137, reason=reason)
    state = k8s.V1ContainerState(terminated=ended)
    base = k8s.V1ContainerStatus(
        name="base", image="p/p:1", image_id="", ready=False, restart_count=0, state=state
    )
    return {"phase": "Failed", "container_statuses": [base]}


def test_an_out_of_memory_kill_is_tried_with_more_where_that_is_asked_for(run: Callable[..., Any]) -> None:
    given = {"limits": {"memory": "1Gi"}, "memory_on_oom": "1.5x"}
    starts, result, said = run(killed(), killed(), None, resources=given)
    assert result == "result"
    assert starts.limits == ["1Gi", "1536Mi", "2304Mi"]
    assert said[0] == (
        "task `t` starts again, in the same attempt: out of memory, now with 1536Mi (1 of at most 3 times)"
    )


def test_an_out_of_memory_kill_is_a_failure_otherwise(run: Callable[..., Any]) -> None:
    starts, error, said = run(killed(), resources={"limits": {"memory": "1Gi"}})
    assert error.message == "`pk.f:f` was killed: it used more memory than its limit"
    assert (starts.limits, said) == (["1Gi"], [])
    starts, error, _ = run(*[killed()] * 4, resources={"limits": {"memory": "1Gi"}, "memory_on_oom": "2x"})
    assert starts.limits == ["1Gi", "2048Mi", "4096Mi", "8192Mi"]
    assert "more memory than its limit" in error.message


def test_a_pod_that_used_too_much_disk_is_not_started_again(run: Callable[..., Any]) -> None:
    used = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."
    starts, error, _ = run({"phase": "Failed", "reason": "Evicted", "message": used})
    assert error.message == f"`pk.f:f` was stopped: its pod was evicted: {used}"
    assert len(starts.limits) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"memory_on_oom": "2x"}, "`resources` has `memory_on_oom` and no limit of memory that could grow"),
        (
            {"limits": {"memory": "1Gi"}, "memory_on_oom": "1x"},
            "`resources['memory_on_oom']` is '1x', not a factor above 1",
        ),
        (
            {"limits": {"memory": "1Gi"}, "memory_on_oom": 2},
            "`resources['memory_on_oom']` is 2, not a factor above 1",
        ),
    ],
)
def test_wrong_resources_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(given)
    assert caught.value.message == message
    assert caught.value.hint == '{"limits": {"memory": "1Gi"}, "memory_on_oom": "2x"}'


def test_the_events_tell_of_a_pod_that_is_gone() -> None:
    event = SimpleNamespace(reason="Preempted", message="Preempted by pod x on node y")
    api = SimpleNamespace(list_namespaced_event=lambda *_, **__: SimpleNamespace(items=[event]))
    assert again.disruption_event(api, "p", "mine") == "Preempted: Preempted by pod x on node y"
    event.reason = "Killing"
    assert again.disruption_event(api, "p", "mine") == ""


class Store:
    """Airflow's task state store."""

    def __init__(self, error: Exception | None = None) -> None:
        self.said: list[tuple[str, ...]] = []
        self.error = error

    def set(self, *values: str) -> None:
        self.said.append(values)
        if self.error:
            raise self.error

    def delete(self, *values: str) -> None:
        self.said.append(values)


def test_the_reason_is_shown_while_a_task_waits() -> None:
    store = Store()
    shown = note.Note({"task_state_store": store})
    shown.clear()
    room.Wait(Log(), 60, shown.write).tell("exceeded quota")
    shown.clear()
    shown.clear()
    assert store.said == [("waiting_for_room", "exceeded quota"), ("waiting_for_room",)]


def test_a_launch_shows_it_and_takes_it_away(monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace) -> None:
    store = Store()
    monkeypatch.setattr("gaiaflow.operators.pod.launch.Note", lambda _: note.Note({"task_state_store": store}))
    launched(monkeypatch, Crowded(2))
    assert [values[0] for values in store.said] == ["waiting_for_room"] * 2
    assert store.said[0][1] == FULL


@pytest.mark.parametrize("context", [{}, {"task_state_store": Store(AirflowException("no"))}])
def test_without_a_store_nothing_fails(context: dict[str, Any]) -> None:
    shown = note.Note(context)
    shown.write("exceeded quota")
    shown.clear()
    said = context["task_state_store"].said if context else []
    assert len(said) == len(context)
