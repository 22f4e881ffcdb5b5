"""A model in the cluster: its objects, the wait for it, what it says when it cannot start, its address."""

from __future__ import annotations

import socket
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.errors import GaiaflowError, StillStartingError, UsageError
from gaiaflow.infra.cluster.api import PATHS, Cluster, NotThereError
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.host import ports
from gaiaflow.models import deployment, forward as modelforward, image as modelimage, url as modelurl
from gaiaflow.models.deployment import Deployed
from gaiaflow.models.registry import Version
from gaiaflow.project import Project
from gaiaflow.settings import Settings

SLUG = "model-co2-forecast-41bf4ed3"
WANTED = Deployed("Co2 forecast", 3, "run", "p/model-co2-forecast:content-1", 2)
LABELS = {"app.kubernetes.io/name": "model", "app.kubernetes.io/instance": SLUG}
QUERY = f"app.kubernetes.io/name=model,app.kubernetes.io/instance={SLUG}"
PROJECT = Project(Path("/demo"), Path("/demo"), "demo", Settings(), {})


def made() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    policy, service, found = deployment.objects(WANTED, PROJECT, "gaiaflow-demo")
    return policy, service, found


def test_all_objects_carry_project_model_and_version() -> None:
    for thing in made():
        metadata = thing["metadata"]
        assert (metadata["name"], metadata["namespace"]) == (SLUG, "gaiaflow-demo")
        assert metadata["labels"] == {**LABELS, "app.kubernetes.io/managed-by": "gaiaflow",
                                      "gaiaflow/project": "demo", "gaiaflow/project-id": PROJECT.id,
                                      "gaiaflow/model-version": "3"}  # fmt: skip
        assert metadata["annotations"] == {"gaiaflow/model": "Co2 forecast", "gaiaflow/model-run": "run"}
        assert thing["kind"] in PATHS


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("co2.forecast", "co2_forecast"),
        ("Прогноз", "Модель"),
        ("x" * 60, "x" * 61),
        ("co2", "Co2"),
        ("a", "a-"),
    ],
)
def test_no_two_models_have_the_same_objects_and_images(one: str, other: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    project = Project.find(tmp_path)
    assert deployment.object_name(one) != deployment.object_name(other)
    assert len(deployment.object_name(other)) <= 63
    images = {modelimage.image_name(project, Version(name, 1, "r", "p")) for name in (one, other)}
    assert len(images) == 2


def test_a_plain_name_stays_as_it_is() -> None:
    assert deployment.object_name("co2-forecast") == "model-co2-forecast"


def test_a_deployment_of_another_model_is_not_replaced() -> None:
    other = {**state(1, 1, 1), "metadata": {"generation": 1, "annotations": {deployment.MODEL: "other"}}}
    cluster: Any = Fake(other)
    with pytest.raises(GaiaflowError, match=f"`deployment/{SLUG}` in `n` serves `other`, not `Co2 forecast`"):
        deployment.apply(cluster, WANTED, "demo", "n")


def test_what_gaiaflow_did_not_deploy_is_no_model() -> None:
    foreign: dict[str, Any] = {"metadata": {"name": "x", "labels": LABELS}, "spec": {}}
    cluster: Any = Fake(state(1, 1, 1))
    cluster.find_all = lambda *_: [foreign, made()[2]]
    assert [row.model for row in deployment.deployed(cluster, "n")] == ["Co2 forecast"]


def test_service_policy_and_deployment_mean_the_same_pods() -> None:
    policy, service, found = made()
    labels = found["spec"]["template"]["metadata"]["labels"]
    assert found["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert service["spec"]["selector"] == policy["spec"]["podSelector"]["matchLabels"] == LABELS
    port = found["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"]
    allowed = policy["spec"]["ingress"][0]["ports"][0]["port"]
    assert service["spec"]["ports"][0]["port"] == port == allowed == deployment.PORT
    assert "type" not in service["spec"]


def test_pods_are_restricted_and_run_the_image() -> None:
    spec = made()[2]["spec"]
    pod = spec["template"]["spec"]
    container = pod["containers"][0]
    assert (spec["replicas"], container["image"]) == (2, WANTED.image)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["readinessProbe"]["httpGet"]["path"] == "/ping"
    assert set(container["resources"]) == {"requests", "limits"}


def test_the_quota_leaves_room_for_services_inside_only() -> None:
    quota = Path(__file__).parents[3] / "minikube" / "resource-quota.yaml"
    assert 'services.nodeports: "0"' in quota.read_text()


class Fake:
    """A cluster that answers with the states of a Deployment one after the other, and with its pods."""

    name = "local"

    def __init__(self, *states: dict[str, Any], pods: list[dict[str, Any]] | None = None) -> None:
        self.states = list(states)
        self.pods = pods or []
        self.removed: list[str] = []

    def find(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def find_all(self, kind: str, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        if kind == "Deployment":
            return [made()[2]]
        assert selector == QUERY
        return self.pods

    def delete(self, kind: str, namespace: str, name: str) -> bool:
        self.removed.append(kind)
        return kind != "NetworkPolicy"


def state(replicas: int, updated: int, available: int, observed: int = 2) -> dict[str, Any]:
    counts = {"replicas": replicas, "updatedReplicas": updated, "availableReplicas": available}
    return {"metadata": {"generation": 2}, "status": {"observedGeneration": observed, **counts}}


def pod(image: str = WANTED.image, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x"}, "spec": {"containers": [{"image": image}]}, "status": status}


def waiting(reason: str, message: str = "", last: str = "") -> dict[str, Any]:
    ended = {"lastState": {"terminated": {"message": last}}} if last else {}
    return {"state": {"waiting": {"reason": reason, "message": message}}, **ended}


@pytest.mark.parametrize("before", [state(2, 2, 2, observed=1), state(3, 2, 2), state(2, 1, 2), state(2, 2, 1)])
def test_it_waits_for_all_new_pods_and_the_end_of_the_old(before: dict[str, Any]) -> None:
    told: list[str] = []
    cluster: Any = Fake(before, state(2, 2, 2))
    deployment.wait(cluster, WANTED, "n", 30, told.append)
    assert told == ["0 of 2 ready"]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (waiting("ErrImageNeverPull", "image is not present"), "ErrImageNeverPull\nimage is not present"),
        (
            waiting("CrashLoopBackOff", "back-off", "Traceback\nValueError: x"),
            "CrashLoopBackOff\nTraceback\nValueE",
        ),
    ],
)
def test_a_pod_that_can_never_start_ends_the_wait(status: dict[str, Any], message: str) -> None:
    cluster: Any = Fake(state(2, 2, 0), pods=[pod(containerStatuses=[status])])
    with pytest.raises(GaiaflowError, match=f"model `Co2 forecast` does not start: {message}"):
        deployment.wait(cluster, WANTED, "n", 30)


def test_a_pod_of_the_version_before_does_not_end_the_wait() -> None:
    old = pod("p/other:1", containerStatuses=[waiting("CrashLoopBackOff")])
    cluster: Any = Fake(state(3, 2, 2), state(2, 2, 2), pods=[old])
    deployment.wait(cluster, WANTED, "n", 30)


def test_patience_ends_with_the_schedulers_reason() -> None:
    full = {"type": "PodScheduled", "reason": "Unschedulable", "message": "0/1 nodes: Insufficient  memory."}
    cluster: Any = Fake(state(2, 2, 0), pods=[pod(conditions=[full])])
    with pytest.raises(StillStartingError, match="0/1 nodes: Insufficient memory") as caught:
        deployment.wait(cluster, WANTED, "n", 0)
    assert caught.value.hint == f"kubectl describe pods -n n -l {QUERY}"


def test_removal_names_what_was_there_and_guesses() -> None:
    cluster: Any = Fake(state(2, 2, 2))
    assert deployment.delete(cluster, "Co2 forecast", "n") == [
        f"deployment/{SLUG}",
        f"service/{SLUG}",
    ]
    with pytest.raises(UsageError, match=r"no model `Co2 forecst` in `n` \(did you mean `Co2 forecast`\?\)"):
        deployment.delete(cluster, "Co2 forecst", "n")


class Answers(BaseHTTPRequestHandler):
    """Stands where the pod's server is."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"x" * 200_000)

    def log_message(self, *_: object) -> None: ...


class Pods:
    """A cluster of one pod whose port is a server of the test."""

    def __init__(self, port: int, ready: bool = True) -> None:
        self.port = port
        self.conditions = [{"type": "Ready", "status": str(ready)}]

    def find_all(self, kind: str, namespace: str, selector: str) -> list[dict[str, Any]]:
        ending = {"metadata": {"name": "old", "deletionTimestamp": "now"},
                  "status": {"conditions": [{"type": "Ready", "status": "True"}]}}  # fmt: skip
        return [ending, {"metadata": {"name": "new"}, "status": {"conditions": self.conditions}}]

    def forward(self, namespace: str, name: str, port: int) -> socket.socket:
        assert name == "new"
        return socket.create_connection(("127.0.0.1", self.port))


@pytest.mark.parametrize("ready", [True, False])
def test_a_connection_reaches_a_ready_pod_until_the_record_goes(
    ready: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=inside.serve_forever, daemon=True).start()
    monkeypatch.setattr(Cluster, "connect", lambda *_: Pods(inside.server_port, ready))
    monkeypatch.setattr(modelforward, "LOOK_SECONDS", 0.05)
    for name, value in (("namespace", "n"), ("selector", "s"), ("target", 1), ("access", (None, "c"))):
        monkeypatch.setattr(modelforward.Connection, name, value, raising=False)
    record, port = tmp_path / "record", ports.settle({"model": 21000}, auto=True)["model"]
    record.touch()
    thread = threading.Thread(target=modelforward.main, args=(record, port))
    thread.start()
    try:
        if ready:
            assert len(_get(port)) == 200_000
        else:
            with pytest.raises((urllib.error.URLError, ConnectionError)):
                _get(port)
    finally:
        record.unlink()
        thread.join(10)
        inside.shutdown()
        inside.server_close()
    assert not thread.is_alive()


def _get(port: int) -> bytes:
    until = time.monotonic() + 10
    while ports.is_free(port) and time.monotonic() < until:
        time.sleep(0.02)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        return bytes(answer.read())


@pytest.fixture
def target(tmp_path: Path) -> Target:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    return Target(Project.find(tmp_path), "", "nowhere", "n")


def test_the_address_holds_until_it_is_closed(target: Target) -> None:
    url = modelurl.open_port(target, "co2", 0)
    try:
        assert modelurl.open_port(target, "co2", 0) == modelurl.current(target, "co2") == url
        port = int(url.rpartition(":")[2])
        assert not ports.is_free(port)
    finally:
        modelurl.close_all(target)
    assert modelurl.current(target, "co2") == ""
    assert modelurl.close(target, "co2") is False
    until = time.monotonic() + 10
    while not ports.is_free(port) and time.monotonic() < until:
        time.sleep(0.05)
    assert ports.is_free(port)


def test_a_taken_port_is_refused(target: Target) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        with pytest.raises(UsageError, match="port"):
            modelurl.open_port(target, "co2", holder.getsockname()[1])
    assert modelurl.current(target, "co2") == ""


def test_a_namespace_that_is_not_there_names_the_command() -> None:
    class Empty(Fake):
        def find(self, kind: str, namespace: str, name: str) -> None:
            return None

    cluster: Any = Empty()
    with pytest.raises(GaiaflowError, match="no namespace `n`") as caught:
        deployment.require_namespace(cluster, PROJECT, "n")
    assert caught.value.hint == "inv prodlocal.start"
    assert not isinstance(caught.value, NotThereError)


@pytest.mark.parametrize("kept", ['{"a": 1}', '{"pid": "x", "started": "1", "port": 5}', '{"pid": 1}', "[]"])
def test_a_record_that_makes_no_sense_is_no_address(target: Target, kept: str) -> None:
    (target.folder / "model-co2.json").write_text(kept)
    assert modelurl.current(target, "co2") == ""
    assert modelurl.close(target, "co2") is False
