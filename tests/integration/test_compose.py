"""The Compose stack on a real engine: started once, used, changed, stopped, started again, and cleaned up."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import gaiaflow
from gaiaflow import envvar
from gaiaflow.dags.api import AirflowApi
from gaiaflow.infra.images import engine
from gaiaflow.project import Project
from gaiaflow.stack import backends

pytestmark = [
    pytest.mark.engine,
    pytest.mark.stack,
    pytest.mark.skipif(not engine.engine_answers(), reason="no Docker engine answers"),
]
PYPROJECT = """
[project]
name = "compose-test"
version = "0.1"
dependencies = [{dependencies}]
[tool.gaiaflow.airflow]
requirements = ["apache-airflow-providers-ssh"]
config = {{"core.parallelism" = "7"}}
pools = {{downloads = 2}}
"""
# What Airflow's own processes find of it.
ADDED = """
import json, logging, sys
logging.disable()
from airflow.configuration import conf
from airflow.models import Connection, Variable
from airflow import plugins_manager
import airflow.providers.ssh
plugins_manager.ensure_plugins_loaded()
plugins = [plugin["name"] for plugin in plugins_manager.get_plugin_info()]
found = Connection.get_connection_from_secrets("shell")
width = conf.getint("core", "parallelism")
found = [found.login, found.password, Variable.get("title"), width, "mine" in plugins]
sys.stdout.write(json.dumps(found) + "\\n")
"""
DOTENV = """\
AIRFLOW_CONN_SHELL='{"conn_type": "ssh", "login": "u", "password": "p4$s\\"x"}'
AIRFLOW_VAR_TITLE="it's $1"
"""
PLUGIN = """
from airflow.plugins_manager import AirflowPlugin
class Mine(AirflowPlugin):
    name = "mine"
"""
CODE = """
import importlib.util
import os


def record(value):
    import mlflow

    mlflow.set_experiment("compose-test")
    with mlflow.start_run() as run:
        mlflow.log_metric("value", value)
        mlflow.log_text("kept", "note.txt")
    return {"run_id": run.info.run_id, "value": value}


def double(value):
    seen = [name for name in os.environ if name.startswith(("AIRFLOW_CONN_", "AIRFLOW_VAR_", "AIRFLOW__"))]
    return {"doubled": 2 * value, "has_extra": importlib.util.find_spec("iniconfig") is not None, "seen": seen}
"""
DAG = """
from airflow.sdk import DAG
from gaiaflow.tasks import FromTask, create_task

with DAG("{mode}_flow", schedule=None):
    create_task("record", func_path="compose_test.calc:record", func_kwargs={{"value": 21}}, mode="{mode}")
    create_task(
        "double",
        func_path="compose_test.calc:double",
        func_kwargs={{"value": FromTask("record", key="value")}},
        mode="{mode}",
    )
"""


@dataclass(frozen=True)
class Running:
    """A small project whose stack runs."""

    root: Path

    @property
    def project(self) -> Project:
        return Project.find(self.root)

    def inv(self, *argv: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "invoke", *argv],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(Path(gaiaflow.__file__).parents[1])},
            capture_output=True,
            text=True,
            timeout=1500,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    def start(self, *argv: str) -> None:
        options = ("--backend", "docker", "--auto-ports", "--with", "dev_docker", "--wait", "400")
        self.inv("dev.start", *options, *argv)

    def run(self, mode: str) -> dict[str, Any]:
        """The values of one run of the flow, by task."""
        told = json.loads(self.inv("dag.run", f"{mode}_flow", "--wait", "--json"))
        assert told["state"] == "success", told
        return {name: task["value"] for name, task in told["tasks"].items()}

    def write(self, *dependencies: str, code: str = CODE) -> None:
        listed = ", ".join(f'"{name}"' for name in ("mlflow-skinny>=3", "boto3", *dependencies))
        (self.root / "pyproject.toml").write_text(PYPROJECT.format(dependencies=listed))
        (self.root / "compose_test" / "calc.py").write_text(code)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    client = engine.connect()
    yield client
    client.close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("composed"))
    running.root.chmod(0o755)
    for folder in ("dags", "compose_test", "plugins"):
        (running.root / folder).mkdir()
    (running.root / "compose_test" / "__init__.py").write_text("")
    (running.root / "tasks.py").write_text(
        "from gaiaflow.lifecycle.namespace import namespace\n\nns = namespace()\n"
    )
    (running.root / ".env").write_text(DOTENV)
    (running.root / "plugins" / "mine.py").write_text(PLUGIN)
    running.write()
    for mode in ("dev", "dev_docker"):
        (running.root / "dags" / f"{mode}.py").write_text(DAG.format(mode=mode))
    try:
        running.inv("dev.dockerize")
        running.start()
        yield running
    finally:
        running.inv("dev.cleanup", "--yes")


def own(client: Any, stack: Running) -> list[Any]:
    return list(
        client.containers.list(
            all=True, filters={"label": f"gaiaflow.project={stack.project.id}"}, ignore_removed=True
        )
    )


def states(stack: Running) -> dict[str, str]:
    told = json.loads(stack.inv("dev.status", "--json"))
    assert told["backend"] == "docker"
    return {name: row["state"] for name, row in told["services"].items()}


def artifact(stack: Running, run_id: str) -> str:
    """The text that the run kept, read through MLflow's proxy."""
    base = json.loads(stack.inv("dev.status", "--json"))["services"]["mlflow"]["url"]
    query = f"run_uuid={run_id}&path=note.txt"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{base}/get-artifact?{query}", timeout=30) as response:
        return str(response.read().decode())


def tags_of(stack: Running, run_id: str) -> dict[str, str]:
    """The tags of an MLflow run."""
    base = json.loads(stack.inv("dev.status", "--json"))["services"]["mlflow"]["url"]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{base}/api/2.0/mlflow/runs/get?run_id={run_id}", timeout=30) as response:
        return {tag["key"]: tag["value"] for tag in json.load(response)["run"]["data"]["tags"]}


def in_scheduler(client: Any, stack: Running, code: str) -> str:
    scheduler = next(c for c in own(client, stack) if "scheduler" in c.name)
    return str(scheduler.exec_run(["python", "-c", code]).output.decode())


def test_everything_runs_and_a_second_start_changes_nothing(stack: Running, client: Any) -> None:
    assert set(states(stack).values()) == {"running"}
    before = {c.id: c.attrs["State"]["StartedAt"] for c in own(client, stack)}
    stack.start()
    assert {c.id: c.attrs["State"]["StartedAt"] for c in own(client, stack)} == before


def test_containers_are_shut_in(stack: Running, client: Any) -> None:
    for container in own(client, stack):
        assert container.attrs["Config"]["User"].split(":")[0] not in ("", "0", "root"), container.name
        bindings = [
            b for ports in (container.attrs["HostConfig"]["PortBindings"] or {}).values() for b in ports
        ]
        assert {b["HostIp"] for b in bindings} <= {"127.0.0.1"}, container.name
        sources = [mount.get("Source", "") for mount in container.attrs["Mounts"]]
        assert "docker-proxy" in container.name or not any("docker.sock" in s for s in sources), container.name


def test_airflow_has_what_the_project_adds(stack: Running, client: Any) -> None:
    said = in_scheduler(client, stack, ADDED)
    assert json.loads(said.splitlines()[-1]) == ["u", 'p4$s"x', "it's $1", 7, True], said
    login = backends.airflow_access(stack.project)
    pool = AirflowApi(login.url, login.user, login.secret).request("GET", "pools/downloads")
    assert pool["slots"] == 2
    assert "p4$s" not in str([c.labels for c in own(client, stack)])


def test_same_flow_in_dev_and_in_a_container(stack: Running, client: Any) -> None:
    found = {mode: stack.run(mode) for mode in ("dev", "dev_docker")}
    assert (
        found["dev"]["double"]
        == found["dev_docker"]["double"]
        == {"doubled": 42, "has_extra": False, "seen": []}
    )
    for mode, values in found.items():
        assert artifact(stack, values["record"]["run_id"]) == "kept"
        tags = tags_of(stack, values["record"]["run_id"])
        assert (tags["gaiaflow.task"], tags["gaiaflow.mode"]) == ("record", mode)
    assert tags["gaiaflow.image_digest"] == client.images.get(tags["gaiaflow.image"]).id
    assert tags["gaiaflow.image_content"] in client.images.get(tags["gaiaflow.image"]).tags
    left = client.containers.list(
        all=True, filters={"label": f"gaiaflow.task-of={stack.project.id}"}, ignore_removed=True
    )
    assert left == []


def test_proxy_lets_no_container_reach_the_host_or_the_stack(stack: Running, client: Any) -> None:
    network = f"{stack.project.id}_default"
    privileged = {"Image": "x", "HostConfig": {"NetworkMode": network, "Privileged": True}}
    script = (
        "import json, urllib.request as u, urllib.error\n"
        "def ask(method, path, body=None):\n"
        "    data = json.dumps(body).encode() if body else None\n"
        "    try:\n"
        "        return u.urlopen(u.Request('http://docker-proxy:2375' + path, data, method=method)).status\n"
        "    except urllib.error.HTTPError as error:\n"
        "        return error.code\n"
        f"print(ask('GET', '/_ping'), ask('POST', '/containers/create', {privileged!r}),"
        f" ask('GET', '/containers/{stack.project.id}-postgres-1/archive?path=/etc'), ask('GET', '/info'))"
    )
    assert in_scheduler(client, stack, script).split() == ["200", "403", "403", "403"]


def test_keys_of_the_stack_are_not_seen_inside(stack: Running, client: Any) -> None:
    home = str(stack.root / ".gaiaflow")
    told = in_scheduler(client, stack, f"import os; print(sorted(os.listdir({home!r})))")
    assert told.strip() == "['compose', 'prodlocal', 'secrets']"


def test_store_answers_to_its_keys_only(stack: Running, client: Any) -> None:
    script = (
        "import boto3, botocore\n"
        "from botocore.config import Config\n"
        "from botocore import UNSIGNED\n"
        "print([b['Name'] for b in boto3.client('s3').list_buckets()['Buckets']])\n"
        "try:\n"
        "    boto3.client('s3', config=Config(signature_version=UNSIGNED)).list_buckets()\n"
        "except botocore.exceptions.ClientError as error:\n"
        "    print(error.response['Error']['Code'])\n"
    )
    mlflow = next(c for c in own(client, stack) if c.name.endswith("mlflow-1"))
    assert mlflow.exec_run(["python", "-c", script]).output.decode().split("\n")[:2] == [
        "['mlflow']",
        "AccessDenied",
    ]


@pytest.mark.full
def test_edit_and_new_dependency_show_in_the_next_run(stack: Running) -> None:
    stack.write("iniconfig", code=CODE.replace("2 * value", "3 * value"))
    stack.inv("dev.update-deps")
    assert stack.run("dev")["double"] == {"doubled": 63, "has_extra": True, "seen": []}
    stack.write()
    stack.inv("dev.update-deps")
    assert stack.run("dev")["double"] == {"doubled": 42, "has_extra": False, "seen": []}


def test_export_names_what_runs(stack: Running) -> None:
    environment = json.loads(stack.inv("dev.export", "--format", "env", "--json"))["environment"]
    assert environment["MLFLOW_TRACKING_URI"].startswith("http://127.0.0.1:")
    stack.inv("dev.export", "--format", "compose", "--output", "resolved.yml")
    file = stack.root / "resolved.yml"
    assert file.stat().st_mode & 0o077 == 0
    assert f"name: {stack.project.id}" in file.read_text()


@pytest.mark.full
def test_one_service_stops_and_comes_back(stack: Running) -> None:
    stack.inv("dev.stop", "--service", "jupyter")
    assert states(stack) == {"s3": "running", "mlflow": "running", "airflow": "running", "jupyter": "stopped"}
    stack.start("--service", "jupyter")
    assert states(stack)["jupyter"] == "running"


def test_stop_and_start_keep_everything(stack: Running) -> None:
    run_id = stack.run("dev")["record"]["run_id"]
    stack.inv("dev.stop")
    assert set(states(stack).values()) == {"stopped"}
    stack.inv("dev.stop")
    stack.start()
    assert set(states(stack).values()) == {"running"}
    assert artifact(stack, run_id) == "kept"
    assert stack.run("dev")["double"] == {"doubled": 42, "has_extra": False, "seen": []}


def test_cleanup_takes_its_own_and_leaves_strangers(stack: Running, client: Any) -> None:
    image = stack.project.setting(envvar.PYTHON_IMAGE, "")
    stranger = {"gaiaflow.project": "compose-test-stranger"}
    with contextlib.ExitStack() as decoys:
        volume = client.volumes.create("compose-test-decoy", labels=stranger)
        decoys.callback(volume.remove)
        network = client.networks.create("compose-test-decoy", labels=stranger)
        decoys.callback(network.remove)
        container = client.containers.create(image, ["true"], name="compose-test-decoy", labels=stranger)
        decoys.callback(container.remove)
        told = stack.inv("--dry", "dev.cleanup")
        assert "decoy" not in told
        stack.inv("dev.cleanup", "--yes")
        for thing in (volume, network, container):
            thing.reload()
        client.images.get(image)
    left = {"label": f"gaiaflow.project={stack.project.id}"}
    assert client.containers.list(all=True, filters=left, ignore_removed=True) == []
    assert client.volumes.list(filters=left) == []
    assert client.networks.list(filters=left) == []
    assert client.images.list(filters=left) == []
    assert not (stack.root / ".gaiaflow").exists()
