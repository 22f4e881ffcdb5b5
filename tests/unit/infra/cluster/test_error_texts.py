"""The whole texts of the errors of a cluster, its images, accounts and secrets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gaiaflow.infra.cluster import (
    account,
    api as clusters,
    gateway,
    image as nodeimage,
    kubeconfig,
    manifests,
    minikube,
    preflight,
    secretstore,
)
from gaiaflow.infra.cluster.api import Cluster
from gaiaflow.infra.cluster.minikube import Minikube
from gaiaflow.infra.cluster.preflight import Machine, Wanted
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.host import privatefile
from gaiaflow.infra.host.process import Output
from gaiaflow.infra.images import engine as docker
from gaiaflow.project import Project
from tests.error_case import Case, fail_with, hold, text_of


class Answer(Exception):  # noqa: N818 - an answer of the API server
    """As the client raises it."""

    def __init__(self, status: int, body: str = '{"message": "so it is"}') -> None:
        super().__init__(status)
        self.status, self.body, self.reason = status, body, "reason"


def refused(status: int) -> Callable[[Project], object]:
    return lambda _: fail_with(clusters._refusal("gaiaflow-demo", "GET /api/v1/nodes", Answer(status)))


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


def cluster(**things: dict[str, Any]) -> Cluster:
    return cast(Cluster, Things(**things))


def target(project: Project, profile: str = "gaiaflow-demo", context: str = "") -> Target:
    return Target.choose(project, profile if not context else "", context)


def failed(stderr: str) -> Callable[[Project], object]:
    made = Minikube("gaiaflow-demo", Path("none"))
    return lambda _: fail_with(made._failed("ip", Output(1, "", stderr)))


@contextmanager
def answering(status: int, **headers: str) -> Iterator[int]:
    """A server that has one answer for everything; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815 - so the handler calls it

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def networks(*pools: dict[str, str]) -> Any:
    """A client of an engine whose one network has these pools."""
    network = SimpleNamespace(attrs={"IPAM": {"Config": list(pools)}})
    return SimpleNamespace(networks=SimpleNamespace(get=lambda _: network))


def latin(project: Project) -> object:
    file = project.root / "values"
    file.write_bytes(b"A=\xff\n")
    return secretstore.read_file(file)


KUBECONFIG = """\
contexts: [{name: here, context: {cluster: here, user: me}}]
clusters: [{name: here, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: me, user: {}}]
current-context: here
"""


def written_kubeconfig(project: Project) -> Path:
    return privatefile.write(privatefile.folder(project.home) / "kube", KUBECONFIG)


CASES = [
    Case(
        lambda _: preflight.kubernetes_version("", "1.x"),
        2,
        "`1.x` in [tool.gaiaflow.cluster], or `GAIAFLOW_KUBERNETES`, is not a Kubernetes version",
        'kubernetes = "1.34"',
    ),
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
        'to use it, add to pyproject.toml: [tool.gaiaflow] allowed_contexts = ["live-1"]',
    ),
    Case(
        lambda _: kubeconfig.secret_token(cluster(), "ns", "gaiaflow", seconds=0),
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
        "the secret `keys` in ns of gaiaflow-demo was not created by gaiaflow",
        "choose another name",
    ),
    Case(
        failed("X The node is not running"),
        3,
        "the cluster `gaiaflow-demo` is not running: The node is not running",
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
    Case(latin, 2, "`{root}/values` is not UTF-8 text", "write one KEY='value' per line"),
    Case(
        lambda _: nodeimage._load_by_tool("other", "demo:1"),
        2,
        "gaiaflow cannot load an image into `other`",
        "push it to a registry that the cluster pulls from, and name it: GAIAFLOW_IMAGE=<registry>/<image>",
    ),
    Case(
        lambda _: preflight.check(Wanted(cpus=64), Machine(4, 8000)),
        1,
        "64 cpus are more than this machine's 4",
        "--cpus 4",
    ),
    Case(
        lambda _: preflight.check(Wanted(memory=9000), Machine(4, 8000)),
        1,
        "9000 MiB are more than this machine's 8000 MiB",
        "--memory 4000",
    ),
    Case(
        lambda _: preflight.check(Wanted(driver="kvm2"), Machine(4, 8000)),
        3,
        "the driver `kvm2` needs `virsh`: not on PATH",
        "install it, or choose another --driver",
    ),
    Case(lambda _: Wanted.parse("1", "", "", ""), 2, "--cpus `1`: a whole number from 2 up", "--cpus 2"),
    Case(
        lambda _: Wanted.parse("", "little", "", ""),
        2,
        "--memory `little` is not a number followed by g or mb",
        "--memory 4g",
    ),
    Case(
        lambda _: Wanted.parse("", "100", "", ""),
        2,
        "--memory `100`: minikube needs 1800 MiB or more",
        "--memory 2g",
    ),
    Case(
        lambda _: Wanted.parse("", "", "", "one"),
        2,
        "`one` is not a Kubernetes version",
        "--kubernetes-version v1.33.1, or stable",
    ),
    Case(
        lambda _: Wanted.parse("", "", "dokcer", ""),
        2,
        "unknown driver `dokcer` (did you mean `docker`?)",
        "--driver docker",
    ),
    Case(
        lambda _: secretstore.check("A", {"K": "v"}),
        2,
        "`A` is not a valid secret name: lower case letters, digits, dashes, dots",
        "my-secret",
    ),
    Case(
        lambda _: secretstore.check("a", {}),
        2,
        "no values for the secret `a`",
        "inv secret.create a --from-env-file FILE",
    ),
    Case(
        lambda _: secretstore.check("a", {"a b": "1"}),
        2,
        "`a b` cannot be the name of an environment variable",
        "letters, digits and _",
    ),
    Case(
        lambda _: secretstore.check("a", {"B": "x" * 2**20}),
        2,
        "the secret `a` has 1048577 bytes: more than 1048576",
        "split it in two",
    ),
    Case(
        lambda _: secretstore.parse("A=1\n=2\n", "stdin"),
        2,
        "line 2 of stdin is not KEY=VALUE",
        "write one KEY='value' per line",
    ),
    Case(
        lambda p: secretstore.FileStore(p).delete("keys"),
        3,
        "no secret `keys` in {root}/.gaiaflow/secrets",
        "inv secret.list",
    ),
    Case(
        lambda p: secretstore.read_file(p.root / "none"),
        3,
        "cannot read `{root}/none`: No such file or directory",
        "--from-env-file FILE",
    ),
    Case(
        lambda p: Cluster.connect(written_kubeconfig(p), "there"),
        3,
        "no kube context `there`: Invalid kube-config file. Expected object with name there in "
        "{root}/.gaiaflow/kube/contexts list",
        "kubectl config get-contexts",
    ),
    Case(
        lambda p: Cluster.connect(written_kubeconfig(p), "here").find("Pod", "ns", "one"),
        3,
        "the cluster `here` does not answer: NewConnectionError",
        "inv prodlocal.start",
    ),
    Case(
        lambda p: Target.choose(p, "a", "b"),
        2,
        "use either --profile or --context, not both",
        "give one of them",
    ),
    Case(
        lambda p: Target(p, "", "mine", "ns").minikube,
        2,
        "the cluster is the kube context `mine`, which gaiaflow does not start or stop",
        "use the tool that created it, or add --profile",
    ),
]


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Project:
    monkeypatch.setattr(nodeimage, "find", lambda *_: None)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    (tmp_path / "kube").write_text("contexts: [")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kube"))
    return project


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
        "the minikube profile `gaiaflow-demo` was not created by this project",
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
        "the namespace `ns` of the cluster `gaiaflow-demo` is not this project's: it belongs to another one",
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


def test_mlflow_that_serves_other_hosts(project: Project) -> None:
    with answering(403) as port:
        told = Case(
            lambda _: gateway.refuse_unknown_host("gate.internal", port),
            1,
            "MLflow does not answer pods: it was not started for the host `gate.internal`",
            "GAIAFLOW_GATEWAY=gate.internal in .env, then inv dev.restart --service mlflow",
        )
        hold(told, project)


def test_a_cluster_in_no_network_of_docker(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from docker.errors import NotFound

    def get(name: str) -> None:
        raise NotFound(name)

    monkeypatch.setattr(docker, "connect", lambda: SimpleNamespace(networks=SimpleNamespace(get=get)))
    told = Case(
        lambda _: gateway.network_gateway("kind"),
        3,
        "cannot find the address at which pods of `kind` reach this machine: no docker network of that name",
        "GAIAFLOW_GATEWAY=<address of this machine that pods reach> in .env",
    )
    hold(told, project)


def test_a_network_of_docker_without_ipv4(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = {"Subnet": "fd00:1::/64", "Gateway": "fd00:1::1"}
    monkeypatch.setattr(docker, "connect", lambda: networks(pool))
    told = Case(
        lambda _: gateway.network_gateway("kind"),
        3,
        "cannot find the address at which pods of `kind` reach this machine: "
        "its docker network has no IPv4 address",
        "GAIAFLOW_GATEWAY=<address of this machine that pods reach> in .env",
    )
    hold(told, project)
