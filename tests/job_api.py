"""A fake of Kubernetes' batch and core APIs, whose pods end as a test says."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes import client as k8s
from kubernetes.client.exceptions import ApiException

from gaiaflow.tasks import create_task
from tests.pod_api import refusal

# What a pod does with its call: a value as JSON, or the last line of its failure.
Function = Callable[[dict[str, Any]], tuple[bool, str]]


class Cluster:
    """As much of both APIs as a Job asks for.

    Args:
        function: what each pod does.
        begins: whether the Jobs start their pods at all.
    """

    def __init__(self, function: Function | None = None, begins: bool = True) -> None:
        self.function, self.begins = function or (lambda call: (True, "null")), begins
        self.api_client = k8s.ApiClient()
        self.jobs: dict[str, Any] = {}
        self.made: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self.pods: dict[str, list[Any]] = {}
        self.events: list[Any] = []
        self.refused: tuple[int, str] | None = None
        self.refuses_secrets = False

    def create_namespaced_job(self, namespace: str, body: dict[str, Any]) -> Any:
        if self.refused and not self.refuses_secrets:
            raise refusal(*self.refused)
        self.made.append(body)
        job = self.api_client.deserialize(SimpleNamespace(data=json.dumps(body)), "V1Job")
        job.metadata.uid, job.metadata.creation_timestamp = f"uid {len(self.made)}", datetime.now(timezone.utc)
        job.metadata.name = f"{job.metadata.name}-{len(self.made)}"
        job.status = k8s.V1JobStatus(start_time=job.metadata.creation_timestamp)
        self.jobs[job.metadata.name] = job
        return job

    def create_namespaced_secret(self, _namespace: str, body: dict[str, Any]) -> None:
        if self.refused:
            raise refusal(*self.refused)
        self.calls = [json.loads(base64.b64decode(text)) for text in body["data"].values()]
        name = body["metadata"]["name"]
        self.pods.setdefault(name, [])
        if self.begins:
            self.run(name)

    def run(self, name: str) -> None:
        """End all pods of a Job."""
        ended = [self.function(call) for call in self.calls]
        self.pods[name] = [pod(name, index, *how) for index, how in enumerate(ended)]
        kind = "Complete" if all(good for good, _ in ended) else "Failed"
        condition = k8s.V1JobCondition(type=kind, status="True")
        self.jobs[name].status.conditions = [condition]

    def read_namespaced_job(self, name: str, _namespace: str) -> Any:
        if name not in self.jobs:
            raise ApiException(status=404)
        return self.jobs[name]

    def list_namespaced_job(self, _namespace: str, label_selector: str) -> Any:
        wanted = set(label_selector.split(","))
        found = [j for j in self.jobs.values() if wanted <= {f"{k}={v}" for k, v in j.metadata.labels.items()}]
        return SimpleNamespace(items=found)

    def delete_namespaced_job(self, name: str, _namespace: str, **_: Any) -> None:
        self.deleted.append(name)
        self.jobs.pop(name, None)

    def list_namespaced_pod(self, _namespace: str, label_selector: str, **options: Any) -> Any:
        found = self.pods.get(label_selector.partition("=")[2], [])
        pending = "field_selector" in options
        items = [pod for pod in found if (pod.status.phase == "Pending") == pending]
        return SimpleNamespace(items=items, metadata=SimpleNamespace(_continue=None))

    def list_namespaced_event(self, _namespace: str, **_: Any) -> Any:
        return SimpleNamespace(items=self.events)

    def read_namespaced_pod_log(self, name: str, *_: Any, **__: Any) -> Any:
        text = next(p.log for pods in self.pods.values() for p in pods if p.metadata.name == name)
        return Log(text.encode())


class Log(list[bytes]):
    """What a container wrote."""

    def __init__(self, data: bytes) -> None:
        super().__init__([data])
        self.data = data


def pod(job: str, index: int, good: bool, said: str) -> Any:
    """A pod that has ended."""
    message = f"gaiaflow-result {said}" if good else f"ERROR| gaiaflow: {said}"
    code = 0 if good else 1
    state = k8s.V1ContainerState(terminated=k8s.V1ContainerStateTerminated(exit_code=code, message=message))
    status = k8s.V1ContainerStatus(
        name="base", image="p/p:1", image_id="", ready=False, restart_count=0, state=state
    )
    place = {"batch.kubernetes.io/job-completion-index": str(index)}
    made = k8s.V1Pod(
        metadata=k8s.V1ObjectMeta(name=f"{job}-{index}-abcde", namespace="mine", annotations=place),
        spec=k8s.V1PodSpec(containers=[k8s.V1Container(name="base")]),
        status=k8s.V1PodStatus(phase="Succeeded" if good else "Failed", container_statuses=[status]),
    )
    made.log = f"a line of {index}\n" if good else f"{message}\n"
    return made


def pending(job: str, **waiting: str) -> Any:
    """A pod whose container waits."""
    made = pod(job, 0, True, "")
    made.status.phase = "Pending"
    made.status.container_statuses[0].state = k8s.V1ContainerState(
        waiting=k8s.V1ContainerStateWaiting(**waiting)
    )
    return made


def task_of(
    monkeypatch: pytest.MonkeyPatch, cluster: Cluster, attempt: int = 1, **given: Any
) -> tuple[Any, Any]:
    """A task that makes all calls of its map, and its context."""
    options = {"fan_out": "job", "poll_interval": 0, **given.pop("kubernetes", {})}
    more: Mapping[str, Any] = {"map_over": {"x": [1, 2, 3]}, **given}
    task = create_task("t", "pk.f:f", image="p/p:1", mode="prod", kubernetes=options, **more)
    task.func_args, task.func_kwargs, task.map_over = [], {}, dict(task.map_over.value)
    monkeypatch.setattr(type(task), "client", cluster)
    task.hook._is_in_cluster = True
    task.hook.__dict__["batch_v1_client"] = cluster
    ti = SimpleNamespace(
        dag_id="flow",
        task_id="t",
        run_id="run",
        map_index=-1,
        try_number=attempt,
        start_date=datetime.now(timezone.utc),
    )
    dag = SimpleNamespace(dag_id="flow")
    return task, {"ti": ti, "run_id": "run", "dag": dag, "params": {}, "task": task}
