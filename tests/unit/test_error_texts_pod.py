"""The whole texts of errors: the doctor's pod and container, and a cluster that is not reached."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gaiaflow.doctor import cluster as doctor_cluster, container, pod
from gaiaflow.doctor.place import Place
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster import image as nodeimage
from gaiaflow.infra.cluster.api import Cluster
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project
from tests.error_case import Case, fail_with, hold, text_of

KUBECONFIG = """\
contexts: [{name: here, context: {cluster: here, user: me}}]
clusters: [{name: here, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: me, user: {}}]
current-context: here
"""


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


def kubeconfig(project: Project) -> Path:
    return privatefile.write(privatefile.folder(project.home) / "kube", KUBECONFIG)


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
        words(waiting={"reason": "ErrImagePull"}),
        1,
        "the pod does not start: ErrImagePull",
        "inv prodlocal.dockerize",
    ),
    Case(
        lambda p: pod._variables(target(p)),
        3,
        "no stack that pods reach was ever started: nothing was asked",
        "inv prodlocal.start",
    ),
    Case(
        lambda p: pod._image(target(p)),
        3,
        "the cluster has no image `demo/demo:0` to ask from",
        "inv prodlocal.dockerize",
    ),
    Case(without_access, 3, "Airflow has no access to the cluster yet: no kubeconfig", "inv prodlocal.start"),
    Case(lambda p: asked(p, refused()), 1, "no container could ask: APIError", "docker info"),
    Case(lambda p: asked(p, None), 1, "no container could ask: JSONDecodeError", "docker info"),
    Case(
        lambda p: Cluster.connect(kubeconfig(p), "there"),
        3,
        "no kube context `there`: Invalid kube-config file. Expected object with name there in "
        "{root}/.gaiaflow/kube/contexts list",
        "kubectl config get-contexts",
    ),
    Case(
        lambda p: Cluster.connect(kubeconfig(p), "here").find("Pod", "ns", "one"),
        3,
        "the cluster `here` does not answer: NewConnectionError",
        "inv prodlocal.start",
    ),
]


@pytest.fixture(autouse=True)
def _no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodeimage, "find", lambda *_: None)


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


def test_a_pod_that_never_ends(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(
        pod, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _: None, time=time.time)
    )
    hold(Case(words(running={}), 1, "the pod did not answer within 60 s", "inv prodlocal.status"), project)


def test_a_pod_that_ends_without_a_word(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Pods(terminated={"exitCode": 137})
    monkeypatch.setattr(Cluster, "connect", lambda *_: ended)
    with pytest.raises(GaiaflowError) as caught:
        pod._from_pod(target(project), "demo:1", {})
    assert caught.value.message == "the pod ended without an answer"
    assert caught.value.hint == "inv prodlocal.status"
