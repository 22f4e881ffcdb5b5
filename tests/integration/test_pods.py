"""prod_local and prod for real: a pod for each task, with the role of minikube/ and nothing more."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow_run import Outcomes, RunTasks
from parity import specials
from parity.calls import FAILURES, PARAMS, VALUES, tasks

from gaiaflow.infra.cluster.api import METADATA, Cluster as ClusterApi
from gaiaflow.production import check as prodcheck, manifests as prodmanifests, verdict
from gaiaflow.production.check import Aim, Facts
from gaiaflow.project import Project
from tests.failures import ways

pytestmark = pytest.mark.cluster
NAMESPACE = "gaiaflow-tests"
OWN = "gaiaflow-pods"
SECRET = "parity-secret"
MOUNTED = Path("/var/run/secrets/kubernetes.io/serviceaccount")
PATIENCE = 60


class Cluster:
    """A running profile of minikube, as its admin."""

    def __init__(self, profile: str) -> None:
        self.profile = profile
        self.kubectl = ["kubectl", "--context", profile]

    def run(self, *arguments: str, given: str | None = None) -> str:
        done = subprocess.run(
            [*self.kubectl, *arguments], input=given, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def pods(self) -> list[dict[str, Any]]:
        return list(json.loads(self.run("-n", NAMESPACE, "get", "pods", "-o", "json"))["items"])

    def await_no_pods(self) -> list[str]:
        """The names of the pods that are still there when patience ends."""
        end = time.monotonic() + PATIENCE
        while (left := self.pods()) and time.monotonic() < end:
            time.sleep(1)
        return [pod["metadata"]["name"] for pod in left]

    def await_secrets(self, expected: set[str]) -> set[str]:
        """The names of the secrets once they are as expected, or when patience ends."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            items = json.loads(self.run("-n", NAMESPACE, "get", "secrets", "-o", "json"))["items"]
            found = {item["metadata"]["name"] for item in items if item["type"] == "Opaque"}
            if found == expected:
                break
            time.sleep(1)
        return found

    def token(self) -> str:
        """A token of the service account: asked for, or of Kubernetes before 1.24 the one that is there."""
        asked = subprocess.run(
            [*self.kubectl, "-n", NAMESPACE, "create", "token", "gaiaflow"],
            capture_output=True,
            text=True,
            check=False,
        )
        if not asked.returncode:
            return asked.stdout.strip()
        for secret in json.loads(self.run("-n", NAMESPACE, "get", "secrets", "-o", "json"))["items"]:
            owner = secret["metadata"].get("annotations", {}).get("kubernetes.io/service-account.name")
            if owner == "gaiaflow" and "token" in secret.get("data", {}):
                return base64.b64decode(secret["data"]["token"]).decode()
        pytest.fail("the service account has no token")

    def access(self) -> dict[str, Any]:
        """Server and certificate authority."""
        view = json.loads(self.run("config", "view", "--minify", "--flatten", "-o", "json"))
        return dict(view["clusters"][0]["cluster"])


def running_profiles() -> list[str]:
    listed = subprocess.run(
        ["minikube", "profile", "list", "-o", "json"], capture_output=True, text=True, check=False
    )
    profiles = json.loads(listed.stdout or "{}").get("valid", [])
    return [p["Name"] for p in profiles if p.get("Status") in {"OK", "Running"}]


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A profile that runs, else one of our own for these tests, which the user's kubeconfig never sees."""
    if not (shutil.which("minikube") and shutil.which("kubectl")):
        pytest.skip("no minikube or no kubectl on PATH")
    if running := running_profiles():
        yield running[0]
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(tmp_path_factory.mktemp("kube") / "config"))
        started = subprocess.run(["minikube", "start", "-p", OWN], capture_output=True, text=True, check=False)
        try:
            assert started.returncode == 0, started.stdout + started.stderr
            yield OWN
        finally:
            subprocess.run(["minikube", "delete", "-p", OWN], capture_output=True, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("project")
    (root / "pyproject.toml").write_text('[tool.gaiaflow]\nname = "gaiaflow-tests"\n')
    return Project.find(root)


@pytest.fixture(scope="module")
def handed_over(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that `inv prod.manifests` writes for the owner of a cluster."""
    folder = tmp_path_factory.mktemp("manifests")
    prodmanifests.write(prodmanifests.manifests(project, NAMESPACE, "airflow/worker"), folder)
    return folder


@pytest.fixture(scope="module")
def cluster(profile: str, handed_over: Path) -> Iterator[Cluster]:
    found = Cluster(profile)
    found.run("apply", "-f", str(handed_over))
    values = {k: base64.b64encode(v.encode()).decode() for k, v in specials.SECRET.items()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "data": values}
    found.run("-n", NAMESPACE, "apply", "-f", "-", given=json.dumps(secret))
    yield found
    found.run("delete", "namespace", NAMESPACE, "--wait=true")


@pytest.fixture(scope="module")
def image(cluster: Cluster, parity_image: str) -> str:
    command = ["minikube", "-p", cluster.profile, "image", "load", parity_image]
    subprocess.run(command, check=True, capture_output=True)
    return parity_image


@pytest.fixture(scope="module")
def prod_local(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The contract's variables, with a kubeconfig of the service account."""
    folder = tmp_path_factory.mktemp("kube")
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster.access()}],
        "users": [{"name": "u", "user": {"token": cluster.token()}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (folder / "kubeconfig").write_text(json.dumps(config))
    (folder / "stack.env").write_text("".join(f'{k}="{v}"\n' for k, v in specials.STACK.items()))
    return {
        "GAIAFLOW_MODE": "prod_local",
        "GAIAFLOW_KUBECONFIG": str(folder / "kubeconfig"),
        "GAIAFLOW_NAMESPACE": NAMESPACE,
        "GAIAFLOW_TASK_ENV_PROD_LOCAL": str(folder / "stack.env"),
    }


@pytest.fixture(scope="module")
def prod(cluster: Cluster, prod_local: dict[str, str]) -> Iterator[dict[str, str]]:
    """This machine as a pod finds itself: the token where it is mounted, the API by two variables."""
    if MOUNTED.exists() or os.geteuid():
        pytest.skip(f"`{MOUNTED}` cannot be made here")
    access = cluster.access()
    MOUNTED.mkdir(parents=True)
    authority = access.get("certificate-authority-data")
    text = base64.b64decode(authority) if authority else Path(access["certificate-authority"]).read_bytes()
    (MOUNTED / "token").write_text(cluster.token())
    (MOUNTED / "ca.crt").write_bytes(text)
    (MOUNTED / "namespace").write_text(NAMESPACE)
    host, _, port = access["server"].rpartition("//")[2].partition(":")
    yield {
        "GAIAFLOW_MODE": "prod",
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": port or "443",
        # What a stack on the same machine would say: nothing of it may come into a pod of production.
        "GAIAFLOW_TASK_ENV_PROD_LOCAL": prod_local["GAIAFLOW_TASK_ENV_PROD_LOCAL"],
    }
    shutil.rmtree(MOUNTED)


@pytest.fixture(scope="module")
def parity(image: str, prod_local: dict[str, str], run_tasks: RunTasks) -> Outcomes:
    return run_tasks(tasks(image=image), PARAMS, **prod_local)


@pytest.fixture(scope="module")
def special(image: str, prod_local: dict[str, str], run_tasks: RunTasks) -> Outcomes:
    lost = {
        "task_id": "no_secret",
        "func_path": "parity.functions:echo",
        "image": image,
        "secrets": ["nowhere"],
        "retries": 2,
        "retry_delay": 0,
    }
    deferred = {
        "task_id": "deferred",
        "func_path": "parity.functions:returns_big",
        "image": image,
        "kubernetes": {"deferrable": True},
    }
    failing = {**deferred, "task_id": "deferred_failing", "func_path": "parity.functions:raises_chained"}
    away = {**deferred, "task_id": "deferred_absent", "image": "gaiaflow-tests/nowhere:1"}
    more = [lost, deferred, failing, away]
    return run_tasks([*specials.tasks(image, SECRET), *more], **prod_local)


@pytest.fixture(scope="module")
def failing(image: str, prod_local: dict[str, str], run_tasks: RunTasks) -> Outcomes:
    return run_tasks(ways.tasks("prod_local", image), **prod_local)


@pytest.mark.parametrize(("way", "cell"), list(ways.seen("prod_local", real=True)), ids=ways.named)
def test_a_way_to_fail_reads_as_in_the_table(failing: Outcomes, way: ways.Way, cell: ways.Seen) -> None:
    ways.hold(cell, failing[way.key])


@pytest.mark.parametrize("task", VALUES)
def test_a_value_arrives_as_it_left(parity: Outcomes, task: str) -> None:
    outcome = parity[task]
    assert outcome.error is None
    assert outcome.value == VALUES[task][3]


@pytest.mark.parametrize("task", FAILURES)
def test_a_failure_says_what_failed(parity: Outcomes, task: str) -> None:
    outcome = parity[task]
    assert outcome.kind == "TaskFailedError"
    assert FAILURES[task][2] in (outcome.error or "")


def test_what_the_function_prints_is_in_the_log(parity: Outcomes) -> None:
    for text in ("a line on stdout", "ünïcödé on stdout", "an unfinished line", "a line on stderr"):
        assert text in parity.log
    assert "KeyError: 'missing'" in parity.log
    levels = {"a line on stdout": "info", "a line on stderr": "warning", "KeyError: 'missing'": "error"}
    for text, level in levels.items():
        assert re.search(rf"\b{level}\b.*{text}", parity.log, re.IGNORECASE)


def test_secrets_come_over_the_task_over_the_stack(special: Outcomes) -> None:
    assert special["variables"].value == specials.SEEN


def test_a_failed_task_is_tried_again(special: Outcomes) -> None:
    assert special["again"].tries == 3
    assert special["again"].error == "parity.functions:exits raised SystemExit: 3"


def test_a_task_out_of_time_is_ended(special: Outcomes) -> None:
    assert special["slow"].kind == "AirflowTaskTimeout"


def test_mapped_results_come_in_order(special: Outcomes) -> None:
    assert [special.at("squares", index).value for index in range(3)] == [2, 5, 10]
    assert special["collected"].value == {"all": [[2, 5, 10]]}


def test_a_dropped_result_needs_not_be_json(special: Outcomes) -> None:
    assert special["dropped"].error is None


def test_an_image_that_is_not_there_names_the_command(special: Outcomes) -> None:
    assert special["absent"].kind == "MissingError"
    assert special["absent"].tries == 1
    assert "image `gaiaflow-tests/nowhere:1` is not in the local cluster" in (special["absent"].error or "")
    assert "inv prodlocal.dockerize" in (special["absent"].error or "")


def test_a_secret_that_is_not_there_names_the_command(special: Outcomes) -> None:
    assert special["no_secret"].kind == "MissingError"
    assert special["no_secret"].tries == 1
    assert "inv secret.create nowhere" in (special["no_secret"].error or "")


def test_a_deferred_task_gives_the_same(special: Outcomes) -> None:
    assert special["deferred"].value == "gaiaflow" * (128 * 1024)
    assert special["deferred_failing"].error == FAILURES["raises_chained"][2]
    assert special["deferred_absent"].kind == special["absent"].kind


def test_production_gets_secrets_and_nothing_local(
    image: str, prod: dict[str, str], run_tasks: RunTasks
) -> None:
    outcomes = run_tasks(specials.tasks(image, SECRET)[:1], **prod)
    assert outcomes["variables"].value == specials.SEEN | {"FROM_STACK": None}


def test_the_account_of_productions_airflow_may_run_pods_and_read_no_secret(cluster: Cluster) -> None:
    asked = [*cluster.kubectl, "-n", NAMESPACE, "--as", "system:serviceaccount:airflow:worker", "auth", "can-i"]

    def may(*what: str) -> str:
        return subprocess.run([*asked, *what], capture_output=True, text=True, check=False).stdout.strip()

    assert [may("create", "pods"), may("get", "secrets"), may("create", "roles")] == ["yes", "no", "no"]
    assert [may("create", "secrets"), may("list", "secrets")] == ["yes", "no"]


def test_the_check_for_production_asks_for_secrets_by_name_only(cluster: Cluster) -> None:
    tasks = [{"task": "t", "secrets": [SECRET]}]
    aim = Aim("image", NAMESPACE, context=cluster.profile)
    there = Facts([{"dag": "d", "tasks": tasks}], {})
    assert prodcheck.check_secrets(there, aim).state == verdict.OK
    tasks[0]["secrets"] = [SECRET, "nowhere"]
    found = prodcheck.check_secrets(there, aim)
    assert (found.state, found.why) == (
        verdict.FAILED,
        f"`nowhere` of `t` of DAG `d` is not in `{NAMESPACE}`",
    )
    api = ClusterApi.connect(None, cluster.profile)
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets/{SECRET}"
    assert "data" not in api.request("GET", path, accept=METADATA)[1]


def test_no_pod_is_left(cluster: Cluster, parity: Outcomes, special: Outcomes, failing: Outcomes) -> None:
    assert cluster.await_no_pods() == []


def test_the_secret_of_a_large_call_goes_when_its_pod_goes(cluster: Cluster, parity: Outcomes) -> None:
    assert parity["mib_1"].error is None
    assert cluster.await_no_pods() == []
    assert cluster.await_secrets({SECRET}) == {SECRET}
