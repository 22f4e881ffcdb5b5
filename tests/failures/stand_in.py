"""A Docker engine and a cluster played by processes of this machine: the real runner, recorded answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any

from docker.errors import APIError, ImageNotFound, NotFound
from kubernetes import client as k8s
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import MaxRetryError, NewConnectionError

from gaiaflow import runner

NO_PYTHON = 'exec: "python": executable file not found in $PATH: unknown'
DENIED = (
    'pods is forbidden: User "airflow" cannot create resource "pods" in API group "" in the namespace "mine"'
)
QUOTA = 'pods "quota" is forbidden: exceeded quota: few, requested: pods=1, used: pods=5, limited: pods=5'
NO_ROOM = "0/1 nodes are available: 1 Insufficient memory."


class Child:
    """The runner as a child, with the variables of a container."""

    def __init__(self, variables: dict[str, str]) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        result = {runner.RESULT_FILE: f"{mkdtemp()}/result.json"}
        self.process = subprocess.Popen(
            [sys.executable, "-u", runner.__file__],
            env={**kept, **variables, **result, runner.CODE: os.environ[runner.CODE], "PLAYS_THE_KERNEL": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._said: list[bytes] = []

    def lines(self) -> Iterator[bytes]:
        """What it writes, as it comes."""
        for line in self.process.stdout or ():
            self._said.append(line)
            yield line

    @property
    def said(self) -> bytes:
        """All that it has written, once it has ended."""
        list(self.lines())
        return b"".join(self._said)

    def code(self) -> int:
        """Its exit code as a container has it."""
        code = self.process.wait()
        return code if code >= 0 else 128 - code

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


class Engine:
    """As much of docker's low-level client as DevDockerOperator asks for."""

    def __init__(self) -> None:
        self.asked: dict[str, dict[str, Any]] = {}
        self.children: dict[str, Child] = {}

    def inspect_image(self, name: str) -> dict[str, str]:
        if "nowhere" in name:
            raise ImageNotFound(name)
        return {"Id": "sha256:1"}

    def create_host_config(self, **options: Any) -> dict[str, Any]:
        return options

    def create_container(self, **options: Any) -> dict[str, str]:
        self.asked[options["name"]] = options
        return {"Id": options["name"]}

    def attach(self, name: str, **_: Any) -> Iterator[bytes]:
        if name in self.children:
            yield from self.children[name].lines()

    def start(self, name: str) -> None:
        if self._is(name, "an_image_without_python"):
            raise APIError("400", SimpleNamespace(status_code=400), f"failed to create task: {NO_PYTHON}")
        if not self._is(name, "a_pod_that_is_gone"):
            self.children[name] = Child(self.asked[name]["environment"])

    def wait(self, name: str) -> dict[str, int]:
        if name not in self.children:
            raise NotFound("404", SimpleNamespace(status_code=404), f"No such container: {name}")
        return {"StatusCode": self.children[name].code()}

    def inspect_container(self, name: str) -> dict[str, Any]:
        return {"State": {"OOMKilled": self._is(name, "out_of_memory")}}

    def stop(self, name: str, **_: Any) -> None:
        if name in self.children:
            self.children.pop(name).end()

    def nothing(self, *_: Any, **__: Any) -> None: ...

    put_archive = remove_container = nothing

    def _is(self, name: str, way: str) -> bool:
        return bool(self.asked[name]["labels"]["gaiaflow.task"] == way)


class Cluster:
    """As much of Kubernetes' core API as PodOperator asks for; each pod is a child."""

    def __init__(self) -> None:
        self.api_client = k8s.ApiClient()
        self.pods: dict[str, Any] = {}
        self.children: dict[str, Child] = {}

    def create_namespaced_pod(self, body: dict[str, Any], namespace: str, **_: Any) -> Any:
        way = body["metadata"]["labels"]["task_id"]
        if way == "quota":
            raise refusal(403, QUOTA)
        if way == "namespace_denied":
            raise refusal(403, DENIED)
        if way == "no_cluster":
            raise MaxRetryError(None, "/", NewConnectionError(None, "Connection refused"))  # type: ignore[arg-type]
        name = body["metadata"]["name"]
        self.pods[name] = body
        base = next(c for c in body["spec"]["containers"] if c["name"] == "base")
        if way not in NEVER_STARTED:
            self.children[name] = Child({v["name"]: v["value"].replace("$$", "$") for v in base["env"]})
        return self.read_namespaced_pod(name, namespace)

    def read_namespaced_pod(self, name: str, _namespace: str, **_: Any) -> Any:
        body = self.pods.get(name)
        if body is None:
            raise refusal(404, f'pods "{name}" not found')
        metadata = k8s.V1ObjectMeta(name=name, namespace="mine", labels=body["metadata"]["labels"])
        spec = k8s.V1PodSpec(containers=[k8s.V1Container(name=c["name"]) for c in body["spec"]["containers"]])
        way = body["metadata"]["labels"]["task_id"]
        return k8s.V1Pod(metadata=metadata, spec=spec, status=self._status(name, way))

    def _status(self, name: str, way: str) -> Any:
        if way == "no_room_on_a_node":
            waits = k8s.V1PodCondition(type="PodScheduled", status="False", message=NO_ROOM)
            return k8s.V1PodStatus(phase="Pending", conditions=[waits])
        if way in WAITING:
            return status("Pending", waiting=k8s.V1ContainerStateWaiting(**WAITING[way]))
        if way == "an_image_without_python":
            ended = k8s.V1ContainerStateTerminated(exit_code=128, reason="StartError", message=NO_PYTHON)
            return status("Failed", terminated=ended)
        code = self.children[name].process.poll()
        if code is None:
            return status("Running", running=k8s.V1ContainerStateRunning())
        reason = "OOMKilled" if way == "out_of_memory" else "Error"
        ended = k8s.V1ContainerStateTerminated(exit_code=self.children[name].code(), reason=reason)
        return status("Failed", terminated=ended)

    def read_namespaced_pod_log(self, name: str, *_: Any, follow: bool = False, **__: Any) -> Any:
        child = self.children.get(name)
        if child is None:
            raise refusal(400, "container is waiting to start")
        if self.pods[name]["metadata"]["labels"]["task_id"] == "a_pod_that_is_gone":
            self.delete_namespaced_pod(name)
            return Stream(iter(()))
        return Stream(child.lines()) if follow else SimpleNamespace(data=child.said)

    def delete_namespaced_pod(self, name: str, *_: Any, **__: Any) -> None:
        self.pods.pop(name, None)
        if child := self.children.pop(name, None):
            child.end()

    def list_namespaced_pod(self, *_: Any, label_selector: str, **__: Any) -> Any:
        wanted = dict(
            part.split("=", 1) for part in label_selector.split(",") if "=" in part and "!" not in part
        )
        found = [
            self.read_namespaced_pod(name, "mine")
            for name, body in self.pods.items()
            if wanted.get("task_id") == body["metadata"]["labels"]["task_id"]
        ]
        return SimpleNamespace(items=found)

    def list_namespaced_event(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(items=[], metadata=SimpleNamespace(resource_version="1"))

    def patch_namespaced_pod(self, *_: Any, **__: Any) -> None: ...


# The pods that stay where they are, with what the node says of the container.
WAITING = {
    "no_such_image": {"reason": "ErrImagePull", "message": "rpc error: docker.io/p/nowhere:1: not found"},
    "no_such_secret": {"reason": "CreateContainerConfigError", "message": 'secret "nowhere" not found'},
}
NEVER_STARTED = {*WAITING, "no_room_on_a_node", "an_image_without_python"}


class Stream:
    """The log of a container, followed."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self.lines = lines

    def stream(self, **_: Any) -> Iterator[bytes]:
        return self.lines

    def __iter__(self) -> Iterator[bytes]:
        return self.lines

    def close(self) -> None: ...


def status(phase: str, **state: Any) -> Any:
    """The status of a pod whose function's container has this state; the sidecar for the result runs."""
    states = {"base": state, "airflow-xcom-sidecar": {"running": k8s.V1ContainerStateRunning()}}
    containers = [
        k8s.V1ContainerStatus(
            name=name,
            image="p/p:1",
            image_id="",
            ready=False,
            restart_count=0,
            state=k8s.V1ContainerState(**of),
        )
        for name, of in states.items()
    ]
    return k8s.V1PodStatus(phase=phase, container_statuses=containers)


def refusal(code: int, said: str) -> ApiException:
    error = ApiException(status=code, reason="no")
    error.body = json.dumps({"message": said})
    return error


def kubeconfig(folder: Path) -> str:
    file = folder / "kubeconfig"
    file.write_text("{}")
    return str(file)
