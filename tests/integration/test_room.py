"""Pods in a cluster that is full, that takes them away, or that kills them for their memory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from airflow_run import RunTasks
from test_pods import (  # noqa: F401 - fixtures
    NAMESPACE,
    Cluster,
    cluster,
    handed_over,
    image,
    prod_local,
    profile,
    project,
)

pytestmark = pytest.mark.cluster
PATIENCE = 300
FILLER = "filler"


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    """Do something while a task runs; what goes wrong with it fails the test."""
    errors: list[BaseException] = []

    def safely() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised in the test
            errors.append(error)

    thread = Thread(target=safely)
    thread.start()
    yield
    thread.join()
    if errors:
        raise errors[0]


def pods_of(there: Cluster, task: str, fits: Callable[[Any], bool]) -> list[Any]:
    """The pods of a task that fit, once there is one."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        pods = [p for p in there.pods() if p["metadata"].get("labels", {}).get("task_id") == task]
        found = [p for p in pods if fits(p)]
        if found:
            return found
        time.sleep(0.5)
    pytest.fail(f"no pod of `{task}` came to be so")


def make(there: Cluster, thing: dict[str, Any]) -> None:
    there.run("-n", NAMESPACE, "apply", "-f", "-", given=json.dumps(thing))


def fill(there: Cluster, image: str, **more: Any) -> None:  # noqa: F811
    """A pod that takes the room, until a test deletes it."""
    sleeper = {"name": FILLER, "image": image, "command": ["sleep", "600"], "imagePullPolicy": "IfNotPresent"}
    spec = {"containers": [{**sleeper, **more}], "terminationGracePeriodSeconds": 0}
    make(there, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": FILLER}, "spec": spec})


def task(name: str, function: str, image: str, **given: Any) -> dict[str, Any]:  # noqa: F811
    return {"task_id": name, "func_path": f"parity.functions:{function}", "image": image, **given}


def test_a_pod_waits_until_the_quota_has_room(
    airflow: tuple[str, dict[str, str]],
    cluster: Cluster,  # noqa: F811
    image: str,  # noqa: F811
    prod_local: dict[str, str],  # noqa: F811
    run_tasks: RunTasks,
) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full"}}
    make(cluster, {**quota, "spec": {"hard": {"pods": "1"}}})
    fill(cluster, image)

    dags = Path(airflow[1]["AIRFLOW_HOME"], "dags")
    before = set(dags.glob("*.log"))

    def free() -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not any(
            "waiting for room" in log.read_text() for log in set(dags.glob("*.log")) - before
        ):
            time.sleep(1)
        assert [p["metadata"]["name"] for p in cluster.pods()] == [FILLER]
        cluster.run("-n", NAMESPACE, "delete", "pod", FILLER)

    with meanwhile(free):
        outcomes = run_tasks([task("waits", "takes_neither", image)], **prod_local)
    cluster.run("-n", NAMESPACE, "delete", "resourcequota", "full")
    assert (outcomes["waits"].value, outcomes["waits"].tries) == (1, 1)
    assert "waiting for room in the cluster, 0 s of at most 1 h" in outcomes.log
    assert "exceeded quota: full, requested: pods=1, used: pods=1, limited: pods=1" in outcomes.log


@pytest.mark.full
def test_a_pod_waits_until_a_node_has_room(
    cluster: Cluster,  # noqa: F811
    image: str,  # noqa: F811
    prod_local: dict[str, str],  # noqa: F811
    run_tasks: RunTasks,
) -> None:
    nodes = json.loads(cluster.run("get", "nodes", "-o", "json"))["items"]
    cores = int(nodes[0]["status"]["allocatable"]["cpu"])
    fill(cluster, image, resources={"requests": {"cpu": f"{cores * 1000 - 300}m"}})

    def free() -> None:
        pods_of(
            cluster,
            "waits",
            lambda pod: any(c.get("reason") == "Unschedulable" for c in pod["status"].get("conditions", ())),
        )
        time.sleep(8)
        cluster.run("-n", NAMESPACE, "delete", "pod", FILLER)

    short = {"startup_timeout_seconds": 5}  # of a pod without a node it counts only for other reasons
    needs = {"requests": {"cpu": "500m"}}
    with meanwhile(free):
        outcomes = run_tasks(
            [task("waits", "takes_neither", image, resources=needs, kubernetes=short)], **prod_local
        )
    assert (outcomes["waits"].value, outcomes["waits"].tries) == (1, 1)
    assert "Insufficient cpu" in outcomes.log


def test_a_pod_that_is_evicted_is_started_again(
    cluster: Cluster,  # noqa: F811
    image: str,  # noqa: F811
    prod_local: dict[str, str],  # noqa: F811
    run_tasks: RunTasks,
) -> None:
    name = "evicted"

    def evict() -> None:
        (pod,) = pods_of(cluster, name, lambda pod: pod["status"]["phase"] == "Running")
        known = {"name": pod["metadata"]["name"], "namespace": NAMESPACE}
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{known['name']}/eviction"
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": known}
        cluster.run("create", "--raw", path, "-f", "-", given=json.dumps(eviction))

    with meanwhile(evict):
        outcomes = run_tasks([task(name, "sleeps", image, func_args=[15])], **prod_local)
    assert (outcomes[name].value, outcomes[name].tries) == ("awake", 1)
    assert "starts again, in the same attempt: EvictionByEvictionAPI" in outcomes.log


def test_a_pod_that_ran_out_of_memory_gets_more(
    cluster: Cluster,  # noqa: F811
    image: str,  # noqa: F811
    prod_local: dict[str, str],  # noqa: F811
    run_tasks: RunTasks,
) -> None:
    small = {"limits": {"memory": "48Mi"}}
    outcomes = run_tasks(
        [
            task("grows", "takes_memory", image, func_args=[96], resources={**small, "memory_on_oom": "4x"}),
            task("does_not", "takes_memory", image, func_args=[96], resources=small),
        ],
        **prod_local,
    )
    assert (outcomes["grows"].value, outcomes["grows"].tries) == (96, 1)
    assert "out of memory, now with 192Mi (1 of at most 3 times)" in outcomes.log
    assert "it used more memory than its limit" in (outcomes["does_not"].error or "")
    assert cluster.await_no_pods() == []


def test_small_results_need_no_right_to_exec(
    cluster: Cluster,  # noqa: F811
    image: str,  # noqa: F811
    prod_local: dict[str, str],  # noqa: F811
    run_tasks: RunTasks,
) -> None:
    role = json.loads(cluster.run("-n", NAMESPACE, "get", "role", "gaiaflow", "-o", "json"))
    for meta in ("resourceVersion", "uid", "creationTimestamp", "managedFields"):
        role["metadata"].pop(meta, None)
    without = [rule for rule in role["rules"] if rule["resources"] != ["pods/exec"]]
    only_small = {"kubernetes": {"results": "small"}}
    make(cluster, {**role, "rules": without})
    try:
        outcomes = run_tasks(
            [
                task("small", "echo", image, func_args=[{"a": [1, None]}], **only_small),
                task("nothing", "returns_none", image, **only_small),
                task("any", "echo", image, func_args=["ünïcödé"]),
                task("large", "returns_big", image, func_args=[8], **only_small),
                task("fails", "exits", image, func_args=[3], **only_small),
            ],
            **prod_local,
        )
    finally:
        make(cluster, role)
    assert outcomes["small"].value == [{"a": [1, None]}]
    assert (outcomes["nothing"].value, outcomes["nothing"].error) == (None, None)
    assert outcomes["any"].value == ["ünïcödé"]
    assert "returned 8194 bytes: a small result has at most 4080" in (outcomes["large"].error or "")
    assert outcomes["fails"].error == "parity.functions:exits raised SystemExit: 3"
    assert cluster.await_no_pods() == []
