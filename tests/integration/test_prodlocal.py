"""prod_local as a person uses it: image, secret, pipeline, fan-out, a killed pod, stop, start, cleanup.

A profile of the tests' own is started and deleted again. With `GAIAFLOW_TEST_PROFILE` that profile is used and
left running, and what would stop it is skipped.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from example_model import NAME, assert_plausible, predict
from example_results import SCORES, assert_all_there, assert_tagged, mlflow, value
from example_stack import SERVICES, Running, copy_example
from full_runs import FULL

from gaiaflow.dags import run as dagrun
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.environments import environment

pytestmark = [pytest.mark.stack, pytest.mark.cluster]
SHARED = os.environ.get("GAIAFLOW_TEST_PROFILE", "")
PROFILE = SHARED or "gaiaflow-test"
RUNNER = "/opt/gaiaflow/runner.py"
PODS = int(os.environ.get("GAIAFLOW_TEST_PODS", "30" if FULL else "16"))
PATIENCE = 120
TOKEN = "from-outside-§$'\"\\"

FUNCTIONS = '''"""Small functions, for many pods and for one that is killed."""

import hashlib
import os
import time


def square(number):
    return {"square": number * number, "where": os.uname().nodename}


def total(squares):
    return sum(squares)


def survive():
    attempt = int(os.environ["AIRFLOW_CTX_TRY_NUMBER"])
    if attempt == 1:
        time.sleep(600)
    return {"attempt": attempt, "token": hashlib.sha256(os.environ["TOKEN"].encode()).hexdigest()}
'''
DAGS = f'''"""A fan-out, and a task that outlasts the death of its pod."""

from datetime import timedelta

from airflow.sdk import DAG
from gaiaflow.tasks import FromTask, create_task

MODULE = "co2_forecast.pods"

with DAG("fan_out", schedule=None):
    # Few at a time: small machines run this too.
    create_task("square", f"{{MODULE}}:square", map_over={{"number": list(range({PODS}))}},
                max_active_tis_per_dagrun=4)
    create_task("total", f"{{MODULE}}:total", func_kwargs={{"squares": FromTask("square", key="square")}})

with DAG("watched", schedule=None):
    create_task("square", f"{{MODULE}}:square", func_kwargs={{"number": 5}}, kubernetes={{"deferrable": True}})

with DAG("survivor", schedule=None):
    create_task("survive", f"{{MODULE}}:survive", secrets=["outside"], retries=2,
                retry_delay=timedelta(seconds=1))
'''
# A plain operator of the user's, a function in a pod of its own, and one in the worker's environment.
MIXED = '''"""Both kinds of tasks, for the KubernetesExecutor."""

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG
from gaiaflow.tasks import FromTask, create_task


def plain(doubled):
    import os

    print("said in a worker pod")
    return {"doubled": doubled, "where": os.uname().nodename}


with DAG("mixed", schedule=None):
    first = create_task("pod", "co2_forecast.pods:square", func_kwargs={"number": 3})
    then = PythonOperator(task_id="plain", python_callable=plain, op_args=[first.output])
    last = create_task("worker", "co2_forecast.pods:total",
                       func_kwargs={"squares": [1, FromTask("pod", key="square")]}, mode="dev")
    first >> then >> last
'''


class Bed:
    """The example project with its stack, on a backend, and its cluster."""

    def __init__(self, stack: Running, backend: str) -> None:
        self.stack = stack
        self.inv = stack.inv
        self.backend = backend
        self.namespace = f"gaiaflow-test-{backend}"

    @property
    def target(self) -> Target:
        return Target.choose(self.stack.project, profile=PROFILE)

    def run(self, dag: str, *argv: str) -> dict[str, Any]:
        """What dag.run printed of a run to its end."""
        return dict(json.loads(self.inv("dag.run", dag, "--json", *argv)))

    def pods(self) -> list[dict[str, Any]]:
        return self.target.connect().find_all("Pod", self.target.namespace)

    def left(self) -> list[str]:
        """The pods that are still there when patience ends."""
        until = time.monotonic() + PATIENCE
        while (pods := self.pods()) and time.monotonic() < until:
            time.sleep(1)
        return [pod["metadata"]["name"] for pod in pods]

    def kill_first_pod(self, dag: str, run: Future[dict[str, Any]]) -> str:
        """Remove the pod of a DAG, at once, when its function runs; its name."""
        while not run.done():
            for pod in self.pods():
                statuses = pod["status"].get("containerStatuses", [])
                running = any(s["name"] == "base" and "running" in s["state"] for s in statuses)
                if running and pod["metadata"]["labels"].get("dag_id") == dag:
                    name = str(pod["metadata"]["name"])
                    assert self.target.connect().delete("Pod", self.target.namespace, name, grace=0)
                    return name
            time.sleep(0.5)
        pytest.fail(f"`{dag}` ended before a pod of it ran: {run.result()}")


def require_cluster() -> None:
    """Skip where something is missing, by its name."""
    for program in ("minikube", "docker"):
        if not shutil.which(program):
            pytest.skip(f"no `{program}` on PATH")
    python = os.environ.get("GAIAFLOW_PYTHON_IMAGE", "python:3.11-slim")
    if subprocess.run(["docker", "image", "inspect", python], capture_output=True, check=False).returncode:
        pytest.skip(f"this machine has no image `{python}`")


@contextmanager
def composed(root: Path) -> Iterator[Running]:
    """A copy of the example project for the docker backend."""
    copy_example(root)
    root.chmod(0o755)
    running = Running(root)
    environment.ensure_environment(running.project, "services")  # boto3, to look into the store
    try:
        yield running
    finally:
        running.inv("dev.cleanup", "--yes")


# CI tries a cluster beside the embedded stack, the nightly run beside the Compose stack too.
@pytest.fixture(scope="module", params=["embedded", pytest.param("docker", marks=pytest.mark.full)])
def bed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    require_cluster()
    with ExitStack() as kept:
        if request.param == "embedded":
            stack = request.getfixturevalue("stack")
        else:
            stack = kept.enter_context(composed(tmp_path_factory.mktemp("composed") / "example"))
        patch = kept.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("KUBECONFIG", str(tmp_path_factory.mktemp("users-own") / "config"))
        yield kept.enter_context(started(Bed(stack, request.param)))


@contextmanager
def started(bed: Bed) -> Iterator[Bed]:
    """The project with more DAGs, its stack in prod_local, and its image in the cluster."""
    root = bed.stack.root
    chosen = f"GAIAFLOW_PROFILE={PROFILE}\nGAIAFLOW_NAMESPACE={bed.namespace}\n"
    added = {"co2_forecast/pods.py": FUNCTIONS, "dags/pods.py": DAGS, "dags/mixed.py": MIXED, ".env": chosen}
    for name, text in added.items():
        (root / name).write_text(text)
    bed.inv("dev.stop")
    try:
        start(bed)
        bed.inv("prodlocal.dockerize")
        yield bed
    finally:
        bed.inv("dev.stop")
        clean(bed)
        for name in added:
            (root / name).unlink()


def start(bed: Bed) -> None:
    argv = ["prodlocal.start", "--backend", bed.backend, "--auto-ports", "--wait", "400"]
    try:
        bed.inv(*argv)
    except AssertionError as error:
        if "is running, and" in str(error):
            pytest.skip(f"another profile holds this machine: {error}")
        raise


def clean(bed: Bed) -> None:
    """Remove what a failed test left."""
    if SHARED:
        bed.target.connect().delete("Namespace", "", bed.namespace)
        bed.target.forget()
    else:
        bed.inv("prodlocal.cleanup", "--yes")


@pytest.fixture(scope="module")
def first(bed: Bed) -> dict[str, Any]:
    """The pipeline through the REST API."""
    return bed.run("co2_forecast")


def test_start_brings_the_stack_up_in_prod_local(bed: Bed) -> None:
    shown = json.loads(bed.inv("dev.status", "--json"))
    assert (shown["backend"], shown["mode"]) == (bed.backend, "prod_local")
    assert bed.stack.states() == dict.fromkeys(SERVICES, "running")


def test_the_pipeline_in_pods_gives_what_it_gives_in_dev(bed: Bed, first: dict[str, Any]) -> None:
    assert first["state"] == "success"
    assert value(first, "modelling.evaluate") == SCORES
    assert_all_there(bed.stack, first)


def test_the_run_was_written_by_pods(bed: Bed, first: dict[str, Any]) -> None:
    run = mlflow(bed.stack, f"runs/get?run_id={value(first, 'preprocess')['run_id']}")["run"]
    assert {"key": "mlflow.source.name", "value": RUNNER} in run["data"]["tags"]
    assert_tagged(bed.stack, first, "prod_local")


def test_the_doctor_asks_from_every_vantage_point(bed: Bed) -> None:
    told = json.loads(bed.inv("doctor", "--json"))
    found = {check["name"]: check for check in told["checks"]}
    assert told["ready"]["prod_local"], told
    asked = {
        name: check for name, check in found.items() if name.startswith(("addresses", "cluster", "keys of a"))
    }
    states = {name: check["state"] for name, check in asked.items()}
    if bed.backend == "embedded":  # asked from the project's image, which may be in the cluster alone
        assert states.pop("addresses from a container") in ("ok", "unknown")
    assert states == dict.fromkeys(states, "ok"), asked
    assert "mlflow at http://host.minikube.internal:" in found["addresses from a pod"]["said"]
    assert bed.target.connect().find_all("Pod", bed.namespace, "gaiaflow/doctor") == []


def test_the_cluster_serves_the_model(bed: Bed, first: dict[str, Any]) -> None:
    told = json.loads(bed.inv("model.deploy", NAME, "--json"))
    try:
        assert told["version"] == value(first, "modelling.train")["model_version"]
        assert told["address"] == f"http://model-{NAME}.{bed.namespace}:5001"
        url = json.loads(bed.inv("model.url", NAME, "--json"))["url"]
        assert_plausible(predict(url))
    finally:
        bed.inv("model.undeploy", NAME)
    assert bed.left() == []
    assert f"no model `{NAME}`" in bed.inv("model.undeploy", NAME, code=2)


def test_a_fan_out_comes_back_in_order(bed: Bed) -> None:
    run = bed.run("fan_out")
    assert run["state"] == "success"
    results = value(run, "square")
    assert [result["square"] for result in results] == [number**2 for number in range(PODS)]
    assert len({result["where"] for result in results}) == PODS
    assert value(run, "total") == sum(number**2 for number in range(PODS))


def test_the_triggerer_watches_a_deferred_pod(bed: Bed) -> None:
    run = bed.run("watched")
    assert run["state"] == "success", run
    assert value(run, "square")["square"] == 25


def test_a_killed_pod_is_tried_again_with_its_secret(bed: Bed, tmp_path: Path) -> None:
    escaped = TOKEN.replace("\\", "\\\\").replace("'", "\\'")
    (tmp_path / "values.env").write_text(f"TOKEN='{escaped}'\n")
    bed.inv("secret.create", "outside", "--from-env-file", str(tmp_path / "values.env"))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(bed.run, "survivor")
        bed.kill_first_pod("survivor", running)
        run = running.result()
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    assert value(run, "survive") == {"attempt": 2, "token": digest}
    assert bed.inv("secret.delete", "outside", "--yes") == ""


@pytest.mark.full
def test_on_the_kubernetes_executor_every_task_runs_in_a_worker_pod(bed: Bed) -> None:
    bed.inv("prodlocal.start", "--executor", "kubernetes", "--wait", "400")
    run = bed.run("mixed")
    assert run["state"] == "success", run
    pod, plain = value(run, "pod"), value(run, "plain")
    assert pod["square"] == plain["doubled"]["square"] == 9
    assert plain["where"].startswith("mixed-plain-")
    assert plain["where"] != pod["where"]
    assert value(run, "worker") == 10
    patience = time.monotonic() + 60  # a worker sends its log after it has told its state
    while "said in a worker pod" not in (told := log(bed, "mixed", "plain")) and time.monotonic() < patience:
        time.sleep(1)
    assert "said in a worker pod" in told
    assert "gaiaflow: co2_forecast.pods:square" not in log(bed, "mixed", "pod")
    assert bed.left() == []
    bed.inv("prodlocal.start", "--executor", "local", "--wait", "400")
    assert value(bed.run("mixed"), "worker") == 10


def log(bed: Bed, dag: str, task: str) -> str:
    """The log of a task's last run, as Airflow's UI shows it."""
    api = dagrun.connect(bed.stack.project)
    runs = api.request("GET", f"dags/{dag}/dagRuns", order_by="-run_after", limit=1)["dag_runs"]
    place = f"dags/{dag}/dagRuns/{quote(runs[0]['dag_run_id'], safe='')}/taskInstances/{task}/logs/1"
    return json.dumps(api.request("GET", place, full_content="true"))


@pytest.mark.full
def test_it_all_outlasts_a_stop_and_a_start(bed: Bed, first: dict[str, Any]) -> None:
    if SHARED:
        pytest.skip(f"the profile `{SHARED}` is shared: GAIAFLOW_TEST_PROFILE is set")
    bed.inv("prodlocal.stop")
    assert bed.stack.states() == dict.fromkeys(SERVICES, "running")
    start(bed)
    again = bed.run("co2_forecast")
    assert value(again, "modelling.evaluate") == SCORES
    assert value(again, "modelling.train")["model_version"] != value(first, "modelling.train")["model_version"]
    assert_all_there(bed.stack, again)


def test_nothing_is_left(bed: Bed) -> None:
    assert bed.left() == []
    folder = bed.target.airflow_folder
    clean(bed)
    assert list(folder.iterdir()) == []
    if not SHARED:
        assert json.loads(bed.inv("prodlocal.status", "--json"))["state"] == "absent"
