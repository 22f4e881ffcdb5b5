"""The whole texts of errors of the modes: a container, a pod, and what comes from another task."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from airflow.sdk import DAG
from docker.errors import APIError
from kubernetes.client.exceptions import ApiException

from gaiaflow.dagfactory import Task
from gaiaflow.errors import GaiaflowError
from gaiaflow.operators.container import checked_overrides, failure
from gaiaflow.operators.docker import DevDockerOperator
from gaiaflow.operators.kubernetes import PodOperator
from gaiaflow.tasks import FromTask, create_task

ECHO = "parity.functions:echo"
RETURNS = """
from typing import TypedDict

class Found(TypedDict):
    length: int

def found() -> Found: ...
def number() -> int: ...
"""


class Case(NamedTuple):
    """What is made in a DAG called `flow`, and the whole of what it is told."""

    make: Callable[[], object]
    message: str
    hint: str


def hold(case: Case) -> None:
    with DAG("flow", schedule=None), pytest.raises(GaiaflowError) as caught:
        case.make()
    assert [caught.value.message, caught.value.hint] == [case.message, case.hint]


class Engine:
    """A Docker engine that refuses to start a container, in its words; every name is taken by somebody."""

    def __init__(self, said: str = "") -> None:
        self.said = said

    def attach(self, *_: Any, **__: Any) -> Iterator[bytes]:
        return iter(())

    def start(self, _: str) -> None:
        raise APIError("400", explanation=self.said)

    def inspect_container(self, _: str) -> dict[str, Any]:
        return {"Id": "theirs", "Config": {"Labels": None}}


class Small:
    """An operator with two arguments."""

    def __init__(self, user: str, dns: str) -> None:
        self.given = user, dns


def raised(error: Exception) -> None:
    raise error


def task(**given: Any) -> Any:
    return create_task("t", ECHO, image="a:1", **given)


def started(said: str) -> Callable[[], object]:
    """The task's container is there, and the engine refuses to start it."""

    def call() -> None:
        made = task(mode="dev_docker")
        made.container = {"Id": "1"}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DevDockerOperator, "cli", Engine(said))
            made._run()

    return call


def in_the_way() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DevDockerOperator, "cli", Engine())
        task(mode="dev_docker")._remove_leftover("theirs")


class Emptied:
    """A cluster whose pod was deleted."""

    def read_namespaced_pod(self, *_: str) -> Any:
        raise ApiException(status=404)

    def list_namespaced_event(self, *_: str, **__: str) -> Any:
        return SimpleNamespace(items=[])


def deleted() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PodOperator, "client", Emptied())
        pod = SimpleNamespace(metadata=SimpleNamespace(name="p", namespace="n"))
        raised(task(mode="prod")._failure_now(pod))


CASES = [
    Case(
        deleted,
        "`parity.functions:echo` was stopped: its pod was deleted",
        "kubectl get events, kubectl get nodes",
    ),
    Case(
        lambda: raised(failure(task(), ["python: can't open file '/opt/gaiaflow/runner.py'"], 2, "a:1")),
        "image `a:1` has no runner at `/opt/gaiaflow/runner.py`",
        "inv dev.dockerize",
    ),
    Case(
        lambda: checked_overrides("docker", {"usr": "1000"}, Small, {}),
        "Small does not know `usr` in `docker` (did you mean `user`?)",
        "it knows dns, user",
    ),
    Case(
        lambda: task(mode="dev_docker", docker={"docker_url": "tcp://127.0.0.1:9"})._require_image(),
        "no Docker engine at `tcp://127.0.0.1:9`: Failed to establish connection to any given Docker hosts.",
        "docker info",
    ),
    Case(started("No such container: 1"), "`parity.functions:echo` was stopped: its container was removed", ""),
    Case(
        started("network demo_default not found"),
        "the stack's network does not exist: network demo_default not found",
        "inv dev.start",
    ),
    Case(
        started('exec: "python": executable file not found in $PATH'),
        'image `a:1` has no `python`: exec: "python": executable file not found in $PATH',
        "inv dev.dockerize",
    ),
    Case(
        started("no space left"),
        "the Docker engine refused the container of task `t`: no space left",
        "",
    ),
    Case(in_the_way, "the container name `theirs` is already in use", "docker rename theirs NEW"),
    Case(
        lambda: Task.partial(task_id="a"),
        "task `a` has `expand` or `partial`",
        "map_over: {tile: [1, 2, 3]}",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.message[:60])
def test_an_error_says_this_and_no_more(case: Case) -> None:
    hold(case)


@pytest.mark.parametrize(
    ("function", "key", "message", "hint"),
    [
        (
            "found",
            "lenght",
            "task `t` of DAG `flow`: FromTask(up, lenght): `returned:found` returns no `lenght` "
            "(did you mean `length`?)",
            "its annotation has length",
        ),
        (
            "number",
            "length",
            "task `t` of DAG `flow`: FromTask(up, length) picks a key, but `returned:number` is not "
            "annotated to return a dict",
            "leave `key` out",
        ),
    ],
)
def test_a_key_that_the_annotation_rules_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, function: str, key: str, message: str, hint: str
) -> None:
    (tmp_path / "returned.py").write_text(RETURNS)
    monkeypatch.setenv("GAIAFLOW_CODE", str(tmp_path))

    def make() -> None:
        create_task("up", f"returned:{function}")
        create_task("t", ECHO, func_args=[FromTask("up", key)])

    hold(Case(make, message, hint))


@contextmanager
def refusing() -> Iterator[str]:
    """An API server that denies everything; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"message": "pods is forbidden"}).encode()
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - so the handler calls it

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def pod_at(server: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask a cluster for the task's pod."""
    config = {
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {}}],
        "current-context": "c",
    }
    (folder / "config").write_text(json.dumps(config))
    (folder / "task.env").touch()
    monkeypatch.setattr(time, "sleep", lambda _: None)  # the provider waits before it asks again
    monkeypatch.setenv("GAIAFLOW_KUBECONFIG", str(folder / "config"))
    monkeypatch.setenv("GAIAFLOW_NAMESPACE", "mine")
    monkeypatch.setenv("GAIAFLOW_TASK_ENV_PROD_LOCAL", str(folder / "task.env"))
    made = task(mode="prod_local")
    made.func_args, made.func_kwargs = [], {}
    ti = SimpleNamespace(dag_id="flow", task_id="t", run_id="run", map_index=-1, try_number=1)
    context = {"ti": ti, "run_id": "run", "dag": SimpleNamespace(), "params": {}}
    made.get_or_create_pod(made.build_pod_request_obj(context), context)


def test_a_cluster_that_refuses_the_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing() as server:
        told = Case(
            lambda: pod_at(server, tmp_path, monkeypatch),
            "the cluster refused the pod of task `t`: pods is forbidden",
            "kubectl auth can-i create pods, kubectl describe quota",
        )
        hold(told)


def test_a_cluster_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with DAG("flow", schedule=None), pytest.raises(GaiaflowError) as caught:
        pod_at("http://127.0.0.1:9", tmp_path, monkeypatch)
    told = re.sub(r"(<|\w+\().*(>|\)): ", "", caught.value.message)  # where the connection lies in memory
    assert told == (
        "the cluster does not answer: Failed to establish a new connection: [Errno 111] Connection refused"
    )
    assert caught.value.hint == "inv prodlocal.start"
