"""The whole texts of the errors of the doctor's pod, container and bundle."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import ImageNotFound

from gaiaflow.doctor import bundle, cluster as doctor_cluster, container, pod
from gaiaflow.doctor.place import Place
from gaiaflow.endpoints import PORTS
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster import image as nodeimage
from gaiaflow.infra.cluster.api import Cluster
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.host import wait
from gaiaflow.project import Project
from gaiaflow.stack.services import hostnetwork, keys
from gaiaflow.stack.services.program import Stack
from tests.error_case import Case, fail_with, hold, text_of


def _no_image(_: str) -> None:
    raise ImageNotFound("no")


EMPTY: Any = SimpleNamespace(
    containers=SimpleNamespace(list=lambda **_: []), images=SimpleNamespace(get=_no_image)
)


def started(project: Project) -> Place:
    """What the start of an embedded stack leaves, which answers by now."""
    ports = {name: port.port for name, port in PORTS.items()}
    hostnetwork.write(Stack(project, ports, [], keys.load(project)))
    return Place(project)


def there(project: Project) -> object:
    (project.root / "doctor.zip").touch()
    return bundle.refuse(project.root / "doctor.zip")


class Pods:
    """A cluster in which every pod is in one state."""

    def __init__(self, **state: Any) -> None:
        self.pod = {"status": {"containerStatuses": [{"state": state}]}}

    def find(self, _kind: str, _namespace: str, _name: str) -> dict[str, Any]:
        return self.pod

    def request(self, *_: Any) -> tuple[int, dict[str, Any]]:
        return 201, {}

    def delete(self, *_: Any, **__: Any) -> bool:
        return True

    delete_pods = delete


def words(**state: Any) -> Callable[[Project], object]:
    return lambda _: pod._last_words(cast(Cluster, Pods(**state)), "ns", "doctor")


def target(project: Project) -> Target:
    return Target.choose(project, "gaiaflow-demo", "")


def without_access(project: Project) -> object:
    return fail_with(doctor_cluster._with_access(target(project), {})["access"])


class Engine:
    """An engine that runs no container, or one that says something else."""

    def __init__(self, error: Exception | None, output: bytes = b"") -> None:
        self.error, self.output = error, output
        self.containers = SimpleNamespace(run=self._run)

    def _run(self, *_: Any, **__: Any) -> bytes:
        if self.error:
            raise self.error
        return self.output


def asked(project: Project, error: Exception | None) -> object:
    way = container._Way("sha256:1", "host", project.root / "task.env")
    return container._run(Engine(error, b"no JSON"), Place(project), way, [])


def refused() -> Exception:
    from docker.errors import APIError

    return cast(Exception, APIError("no"))


CASES = [
    Case(
        lambda p: container._in_network(Place(p), EMPTY),
        3,
        "MLflow is not running in a container: not checked",
        "inv dev.start",
    ),
    Case(
        lambda p: container._beside(Place(p), EMPTY), 3, "MLflow is not running: not checked", "inv dev.start"
    ),
    Case(
        lambda p: container._beside(started(p), EMPTY),
        3,
        "the project has no image to check from",
        "inv dev.dockerize",
    ),
    Case(there, 2, "`{root}/doctor.zip` already exists", "choose another name for --bundle"),
    Case(
        words(waiting={"reason": "ErrImagePull"}),
        1,
        "the pod does not start: ErrImagePull",
        "inv prodlocal.dockerize",
    ),
    Case(
        lambda p: pod._variables(target(p)),
        3,
        "no stack that pods can reach was started yet: not checked",
        "inv prodlocal.start",
    ),
    Case(
        lambda p: pod._image(target(p)),
        3,
        "the cluster has no image `demo/demo:0` to check from",
        "inv prodlocal.dockerize",
    ),
    Case(without_access, 3, "Airflow has no access to the cluster yet: no kubeconfig", "inv prodlocal.start"),
    Case(lambda p: asked(p, refused()), 1, "no container could run the check: APIError", "docker info"),
    Case(lambda p: asked(p, None), 1, "no container could run the check: JSONDecodeError", "docker info"),
]


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/run/docker.sock")
    monkeypatch.setattr(container.health, "answers", lambda *_: True)
    monkeypatch.setattr(nodeimage, "find", lambda *_: None)
    return project


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


def test_a_pod_that_never_ends(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(wait, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _: None))
    hold(Case(words(running={}), 1, "the pod did not answer within 60 s", "inv prodlocal.status"), project)


def test_a_pod_that_ends_without_a_word(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Pods(terminated={"exitCode": 137})
    monkeypatch.setattr(Cluster, "connect", lambda *_: ended)
    with pytest.raises(GaiaflowError) as caught:
        pod._from_pod(target(project), "demo:1", {})
    assert caught.value.message == "the pod ended without an answer"
    assert caught.value.hint == "inv prodlocal.status"
