"""The whole texts of errors: a cluster, its images and its accounts, each with a cluster made of answers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from gaiaflow.infra.cluster import (
    account,
    api as clusters,
    image as nodeimage,
    kubeconfig,
    manifests,
    minikube,
    secretstore,
)
from gaiaflow.infra.cluster.api import Cluster
from gaiaflow.infra.cluster.minikube import Minikube
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.host.process import Output
from gaiaflow.project import Project
from tests.error_case import Case, fail_with, hold, text_of


class Things:
    """A cluster that holds a few objects by kind, and refuses nothing."""

    name = "gaiaflow-demo"

    def __init__(self, **things: dict[str, Any]) -> None:
        self.things = things

    def find(self, kind: str, _namespace: str, _name: str) -> dict[str, Any] | None:
        return self.things.get(kind)

    def find_all(self, _kind: str, _namespace: str, _selector: str = "") -> list[dict[str, Any]]:
        return []

    def has(self, kind: str, _namespace: str, _name: str) -> bool:
        return kind in self.things

    def apply(self, _thing: dict[str, Any]) -> str:
        return "created"

    def is_ready(self) -> bool:
        return False


class Answer(Exception):  # noqa: N818 - an answer of the API server
    """As the client raises it."""

    def __init__(self, status: int, body: str = '{"message": "so it is"}') -> None:
        super().__init__(status)
        self.status, self.body, self.reason = status, body, "reason"


def cluster(**things: dict[str, Any]) -> Cluster:
    return cast(Cluster, Things(**things))


def target(project: Project, profile: str = "gaiaflow-demo", context: str = "") -> Target:
    return Target.choose(project, profile if not context else "", context)


def refused(status: int) -> Callable[[Project], object]:
    return lambda _: fail_with(clusters._refusal("gaiaflow-demo", "GET /api/v1/nodes", Answer(status)))


def failed(stderr: str) -> Callable[[Project], object]:
    made = Minikube("gaiaflow-demo", Path("none"))
    return lambda _: fail_with(made._failed("ip", Output(1, "", stderr)))


CASES = [
    Case(refused(404), 3, "the cluster `gaiaflow-demo` has no such thing: so it is", "inv prodlocal.start"),
    Case(
        refused(403),
        1,
        "the cluster `gaiaflow-demo` denied `GET /api/v1/nodes`: so it is",
        "inv prodlocal.config, or ask for the rights in that namespace",
    ),
    Case(
        refused(503),
        4,
        "the cluster `gaiaflow-demo` cannot answer `GET /api/v1/nodes` now: 503, so it is",
        "inv prodlocal.status, and repeat when it is ready",
    ),
    Case(
        refused(422),
        1,
        "the cluster `gaiaflow-demo` refused `GET /api/v1/nodes`: so it is",
        "inv prodlocal.status",
    ),
    Case(
        lambda _: Cluster.wait_ready(cluster(), seconds=-1),
        3,
        "the cluster `gaiaflow-demo` is not ready after -1 s: no node is Ready",
        "inv prodlocal.status, then inv prodlocal.restart",
    ),
    Case(lambda _: clusters.contexts(), 3, "cannot read the kubeconfig: ParserError", "kubectl config view"),
    Case(
        lambda _: kubeconfig.refuse_production("live-1", "https://127.0.0.1", ()),
        1,
        "the kube context `live-1` looks like production: its name contains `live`",
        'if it is meant, add to pyproject.toml: [tool.gaiaflow] allowed_contexts = ["live-1"]',
    ),
    Case(
        lambda _: kubeconfig.secret_token(cluster(), "ns", "gaiaflow"),
        1,
        "the cluster `gaiaflow-demo` gives no token for `gaiaflow`",
        "inv prodlocal.restart",
    ),
    Case(
        lambda p: account.write_config(replace(target(p), namespace="ns"), cluster()),
        3,
        "the cluster `gaiaflow-demo` has no service account `gaiaflow` in `ns`",
        "inv prodlocal.start",
    ),
    Case(
        lambda p: secretstore.ClusterStore(cluster(Secret={"metadata": {}, "data": {}}), p, "ns").create(
            "keys", {"A": "1"}
        ),
        1,
        "the secret `keys` in ns of gaiaflow-demo is not gaiaflow's: it was made by something else",
        "choose another name",
    ),
    Case(
        failed("X The node is not running"),
        3,
        "the cluster `gaiaflow-demo` does not run: The node is not running",
        "inv prodlocal.start",
    ),
    Case(
        failed("* no address"),
        1,
        "`minikube ip` failed: no address",
        "minikube -p gaiaflow-demo logs --length 50",
    ),
    Case(
        lambda p: nodeimage.arrived(target(p), "demo:1"),
        1,
        "the image `demo:1` did not arrive in `gaiaflow-demo`",
        "inv prodlocal.images",
    ),
    Case(
        lambda p: nodeimage.remove(target(p), "demo:1"),
        3,
        "no image `demo:1` in `gaiaflow-demo`",
        "inv prodlocal.images",
    ),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for variable in [name for name in os.environ if name.startswith("GAIAFLOW_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setattr(nodeimage, "find", lambda *_: None)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    (tmp_path / "kube").write_text("contexts: [")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kube"))
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    return Project.find(tmp_path)


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


def test_the_users_kubeconfig(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "kube"
    file.write_text("contexts: [{name: kind-demo}]")
    told = Case(
        lambda _: kubeconfig.user_context("kind-dmeo"),
        3,
        "no kube context `kind-dmeo` (did you mean `kind-demo`?)",
        "one of kind-demo",
    )
    hold(told, project)
    file.write_text("contexts: []")
    told = Case(
        lambda _: clusters.contexts(),
        3,
        "no kubeconfig with contexts in `{root}/kube`",
        "inv prodlocal.start",
    )
    hold(told, project)


def test_a_profile_that_another_made(project: Project) -> None:
    told = Case(
        lambda p: target(p).refuse_foreign_profile(),
        2,
        "the minikube profile `gaiaflow-demo` was not made by this project",
        "delete it yourself: minikube delete --profile gaiaflow-demo",
    )
    hold(told, project)
    target(project).keep(made=True)
    target(project).refuse_foreign_profile()


def test_a_namespace_of_somebody_else(project: Project) -> None:
    foreign = {"metadata": {"labels": {"app.kubernetes.io/managed-by": "helm"}}}
    told = Case(
        lambda _: manifests.refuse_foreign(cluster(Namespace=foreign), project, "ns"),
        1,
        "the namespace `ns` of the cluster `gaiaflow-demo` is not this project's: it belongs to somebody else",
        "choose another one: GAIAFLOW_NAMESPACE=<name> in .env",
    )
    hold(told, project)


def test_a_minikube_that_is_too_old(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minikube.shutil, "which", lambda _: "minikube")
    monkeypatch.setattr(Minikube, "_run", lambda *_: "v1.20.0")
    major, minor = minikube.OLDEST
    told = Case(
        lambda _: Minikube("p", Path("none")).require(),
        3,
        f"minikube v1.20.0 is too old: v{major}.{minor} or newer is needed",
        f"update it: {minikube.INSTALL}",
    )
    hold(told, project)
    node = Case(
        lambda _: Minikube("p", Path("none")).gateway(),
        1,
        "the node of `p` does not know host.minikube.internal",
        "inv prodlocal.restart",
    )
    hold(node, project)


def test_an_image_that_a_pod_holds(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodeimage, "find", lambda *_: nodeimage.NodeImage("demo:1", "id", 1))
    monkeypatch.setattr(Minikube, "remove_image", lambda *_: None)
    told = Case(
        lambda p: nodeimage.remove(target(p), "demo:1"),
        1,
        "`demo:1` is still in `gaiaflow-demo`: a pod uses it",
        "inv prodlocal.status",
    )
    hold(told, project)
