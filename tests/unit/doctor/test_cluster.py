"""The doctor's checks of the cluster and of addresses: each when it is well and when it is not."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.doctor import address, cluster, container, context, pod
from gaiaflow.doctor.check import Check, Fix
from gaiaflow.doctor.place import Place
from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.project import Project
from gaiaflow.settings import Settings

GOOD = cluster.Facts(
    name="gaiaflow-demo", namespace="gaiaflow-demo", profile=True, minikube="v1.38.0", state="running",
    image="demo/demo:1", carried=True, forwards=True, join=Fix("join", lambda: None),
)  # fmt: skip
START, DOWN = "inv prodlocal.start", ("unknown", "the cluster is not running", "inv prodlocal.start")


def told(check: Check) -> tuple[str, str, str]:
    return check.state.value, check.said, check.hint


def trouble(key: str) -> dict[str, Any]:
    return {"trouble": {key: MissingError("it is so", "do that")}}


@pytest.mark.parametrize(
    ("judge", "changes", "expected"),
    [
        (cluster.minikube, {}, ("ok", "minikube v1.38.0", "")),
        (
            cluster.minikube,
            {"profile": False, "name": "kind-x"},
            ("ok", "not used: the cluster is your context `kind-x`", ""),
        ),
        (cluster.minikube, trouble("minikube"), ("failed", "it is so", "do that")),
        (cluster.cluster, {}, ("ok", "the cluster `gaiaflow-demo` runs", "")),
        (
            cluster.cluster,
            {"version": "v1.34.4"},
            ("ok", "the cluster `gaiaflow-demo` runs, Kubernetes v1.34.4", ""),
        ),
        (
            cluster.cluster,
            {"version": "v1.29.1"},
            (
                "warning",
                "Kubernetes 1.29 is outside of the versions that gaiaflow is tested with, 1.34 to 1.37",
                'kubernetes = "1.37" in [tool.gaiaflow.cluster]',
            ),
        ),
        (cluster.cluster, {"state": "stopped"}, ("failed", "the cluster `gaiaflow-demo` is stopped", START)),
        (cluster.cluster, trouble("cluster"), ("failed", "it is so", "do that")),
        (cluster.access, {}, ("ok", "Airflow may see its pods in `gaiaflow-demo`", "")),
        (cluster.access, trouble("access"), ("failed", "it is so", "do that")),
        (cluster.access, {"state": "absent"}, DOWN),
        (cluster.image, {}, ("ok", "the cluster has the image `demo/demo:1`", "")),
        (
            cluster.image,
            {"carried": False},
            ("failed", "the cluster has no image `demo/demo:1`", "inv prodlocal.dockerize"),
        ),
        (cluster.image, trouble("image"), ("failed", "it is so", "do that")),
        (cluster.image, {"state": "absent"}, DOWN),
        (cluster.way_out, {}, ("ok", "pods' requests are carried to the stack", "")),
        (cluster.way_out, {"forwards": None}, ("ok", "nothing has to be carried for pods", "")),
        (
            cluster.way_out,
            {"forwards": False},
            ("failed", "nothing carries pods' requests to the stack's ports", START),
        ),
        (cluster.way_out, trouble("gateway"), ("failed", "it is so", "do that")),
        (cluster.way_out, {"state": "absent"}, DOWN),
        (cluster.network, {}, ("ok", "Airflow reaches the cluster's network", "")),
        (
            cluster.network,
            {"outside": ("a", "b")},
            ("warning", "not in the cluster's network: `a`, `b`", "inv doctor --fix"),
        ),
        (cluster.network, trouble("network"), ("failed", "it is so", "do that")),
        (cluster.network, {"state": "absent"}, DOWN),
    ],
)
def test_the_cluster(judge: Any, changes: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert told(judge(replace(GOOD, **changes))) == expected


def test_containers_outside_are_brought_in_by_a_fix() -> None:
    fix = cluster.network(replace(GOOD, outside=("a",))).fix
    assert fix == GOOD.join


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    for name in ("GAIAFLOW_PROFILE", "GAIAFLOW_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    return Place(Project.find(tmp_path))


def test_a_machine_without_minikube_is_read_and_nothing_is_made(place: Place) -> None:
    facts = cluster.read(place)
    assert told(cluster.minikube(facts)) == (
        "failed",
        "`minikube` is not on PATH",
        "install it: https://minikube.sigs.k8s.io/docs/start/",
    )
    assert told(cluster.cluster(facts)) == (
        "failed",
        f"the cluster `gaiaflow-{place.project.id}` is absent",
        START,
    )
    assert told(address.judge(pod.read(place))) == (
        "unknown",
        "the project has no cluster yet: not checked",
        START,
    )
    assert not place.project.home.exists()


def kubeconfig(file: Path, server: str, current: str) -> None:
    entry = {"name": "prod-eu", "context": {"cluster": "c", "user": "u"}}
    config = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [entry],
        "current-context": current,
    }
    file.write_text(json.dumps(config))


def test_the_users_production_context_is_left_alone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    file = place.project.root / "config"
    kubeconfig(file, "https://127.0.0.1:1", "prod-eu")
    monkeypatch.setenv("KUBECONFIG", str(file))
    name = f"gaiaflow-{place.project.id}"
    assert told(context.chosen(context.read(place))) == (
        "ok",
        f"the cluster is the minikube profile `{name}`; your current context `prod-eu` is left alone",
        "",
    )


def test_a_context_that_looks_like_production_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    file = place.project.root / "config"
    kubeconfig(file, "https://127.0.0.1:1", "")
    monkeypatch.setenv("KUBECONFIG", str(file))
    monkeypatch.setenv("GAIAFLOW_CONTEXT", "prod-eu")
    assert told(context.chosen(context.read(place))) == (
        "failed",
        "the kube context `prod-eu` looks like production: its name contains `prod`",
        'to use it, add to pyproject.toml: [tool.gaiaflow] allowed_contexts = ["prod-eu"]',
    )
    with pytest.raises(GaiaflowError, match="looks like production"):
        cluster.read(place)


MLFLOW = address.Answer("mlflow", f"http://host:5000{address.MLFLOW}", 200)
S3 = address.Answer("s3", "http://key:word@host:9000/", 403)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (
            address.Facts("a pod", (MLFLOW, S3)),
            ("ok", "from a pod answer mlflow at http://host:5000, s3 at http://host:9000", ""),
        ),
        (
            address.Facts("a pod", (replace(MLFLOW, status=403), S3)),
            (
                "failed",
                "`mlflow` refuses a pod: it was not started for the name in http://host:5000",
                "inv dev.restart --service mlflow",
            ),
        ),
        (
            address.Facts("a pod", (MLFLOW, replace(S3, status=0, error="refused"))),
            ("failed", "`s3` does not answer a pod at http://host:9000: refused", START),
        ),
        (
            address.Facts("a container", (replace(MLFLOW, status=500),)),
            (
                "failed",
                "`mlflow` does not answer a container at http://host:5000: status 500",
                "inv dev.logs --service mlflow",
            ),
        ),
        (
            address.Facts("a pod", unasked=("nobody was asked", "do it")),
            ("unknown", "nobody was asked", "do it"),
        ),
        (address.Facts("a pod", trouble=("no pod starts", "do it")), ("failed", "no pod starts", "do it")),
    ],
)
def test_addresses(facts: address.Facts, expected: tuple[str, str, str]) -> None:
    assert told(address.judge(facts)) == expected


def test_the_clusters_clock_is_the_pods() -> None:
    assert told(address.pod_clock(address.Facts("a pod"))) == ("unknown", "no pod was asked for its time", "")
    assert told(address.pod_clock(address.Facts("a pod", skew=90))) == (
        "failed",
        "the clock of the cluster is 90 s ahead of this machine's",
        "inv prodlocal.restart",
    )


def test_what_is_sent_into_containers_runs_alone_and_asks(tmp_path: Path) -> None:
    words = tmp_path / "words"
    argv = [sys.executable, "-IS", "-c", container.text(), "--to", str(words), "s3=http://127.0.0.1:1/"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30)
    told_there = json.loads(words.read_text())
    assert json.loads(done.stdout) == told_there
    facts = address.heard("a pod", {"s3": "http://127.0.0.1:1/"}, told_there, told_there["time"])
    assert facts.answers[0].status == 0
    assert "refused" in facts.answers[0].error


def test_tasks_addresses_are_what_is_asked() -> None:
    variables = {"MLFLOW_TRACKING_URI": "http://m:5000/", "AWS_ENDPOINT_URL_S3": "http://s:9000"}
    assert address.urls(variables) == {"mlflow": f"http://m:5000{address.MLFLOW}", "s3": "http://s:9000/"}
    assert address.urls({"MLFLOW_TRACKING_URI": "sqlite:///x"}) == {}


def test_the_pod_is_what_a_restricted_namespace_admits() -> None:
    project = Project(Path("/demo"), Path("/demo"), "demo", Settings(), {})
    made = pod.spec(project, "n", "name", "demo/demo:1", ["s3=http://s:9000/"])
    inner, first = made["spec"], made["spec"]["containers"][0]
    assert inner["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert first["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert inner["automountServiceAccountToken"] is False
    assert (inner["restartPolicy"], inner["activeDeadlineSeconds"]) == ("Never", 60)
    assert made["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "gaiaflow",
        "gaiaflow/project": "demo",
        "gaiaflow/project-id": project.id,
        "gaiaflow/doctor": "address",
    }
