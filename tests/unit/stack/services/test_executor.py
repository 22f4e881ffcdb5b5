"""The executor of the stack's Airflow: who says it, what Airflow is told, what a worker pod is made of."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gaiaflow.endpoints import PORTS, Endpoints
from gaiaflow.errors import UsageError
from gaiaflow.infra.cluster.account import forwarded_ports
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.host import privatefile
from gaiaflow.infra.host.envfile import write_variables
from gaiaflow.project import Project
from gaiaflow.stack import worker
from gaiaflow.stack.embedded import processes
from gaiaflow.stack.services import airflow, executor, state
from gaiaflow.stack.services.program import Stack

ENDPOINTS = Endpoints({name: entry.port for name, entry in PORTS.items()}, "10.0.0.1")
KEY = "a \"key\" with $signs and 'quotes'"


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.delenv("GAIAFLOW_NAMESPACE", raising=False)
    (tmp_path / "dags").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "1.2"\n[tool.gaiaflow]\n')
    return Target(Project.find(tmp_path), "gaiaflow-demo", "", "gaiaflow-demo")


def started(project: Project, name: str) -> None:
    privatefile.folder(project.home)
    state.write(project, state.Remembered(executor=name, mode="prod_local"))


def template(target: Target) -> dict:
    started(target.project, "kubernetes")
    return yaml.safe_load(worker.write_template(target, "demo/worker:1", ENDPOINTS).read_text())


def test_a_start_takes_the_flag_else_the_local_executor(target: Target) -> None:
    assert executor.settle(target.project, "", False) == "local"
    assert executor.settle(target.project, "kubernetes", False) == "kubernetes"
    started(target.project, "kubernetes")
    assert executor.settle(target.project, "", False) == "local"


def test_a_running_airflow_keeps_its_executor(target: Target) -> None:
    started(target.project, "kubernetes")
    assert executor.settle(target.project, "", True) == "kubernetes"


def test_an_unknown_executor_names_the_near_one() -> None:
    with pytest.raises(UsageError) as error:
        executor.checked("kubernets")
    assert str(error.value) == (
        "`kubernets` is not an executor (did you mean `kubernetes`?)\nhint: --executor local or kubernetes"
    )


def test_airflow_is_told_of_the_cluster_only_on_that_executor(target: Target) -> None:
    assert executor.options(target.project, "local", Path("/k")) == {}
    told = executor.options(target.project, "kubernetes", Path("/k"))
    assert told["core.executor"] == "KubernetesExecutor"
    assert told["kubernetes_executor.namespace"] == f"gaiaflow-{target.project.id}"
    assert told["kubernetes_executor.config_file"] == "/k"
    assert told["kubernetes_executor.pod_template_file"] == str(target.worker_template)


def test_the_embedded_airflow_gets_it(target: Target) -> None:
    keys = airflow.keyring.load(target.project)
    ports = {name: entry.port for name, entry in PORTS.items()}
    of = {
        name: processes.programs(Stack(target.project, ports, [], keys, executor=name))[0].env
        for name in executor.EXECUTORS
    }
    assert of["local"]["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert of["kubernetes"]["AIRFLOW__CORE__EXECUTOR"] == "KubernetesExecutor"


def test_a_worker_pod_is_restricted_and_acts_as_the_service_account(target: Target) -> None:
    spec = template(target)["spec"]
    assert spec["serviceAccountName"] == "gaiaflow"
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    container = spec["containers"][0]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert (container["name"], container["image"]) == ("base", "demo/worker:1")


def test_a_worker_pod_finds_airflow_and_no_key_stands_in_its_template(target: Target) -> None:
    write_variables(target.task_environment, {"AWS_SECRET_ACCESS_KEY": KEY})
    pod = template(target)
    variables = {v["name"]: v["value"] for v in pod["spec"]["containers"][0]["env"]}
    assert variables["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://10.0.0.1:8080/execution/"
    assert variables["GAIAFLOW_MODE"] == "prod_local"
    assert "AWS_SECRET_ACCESS_KEY" not in variables
    made = airflow.keyring.load(target.project)
    text = target.worker_template.read_text()
    assert not [key for key in (KEY, made.airflow_jwt, made.airflow_fernet, made.airflow_api) if key in text]
    assert target.worker_template.stat().st_mode & 0o777 == 0o600


def test_the_secret_holds_variables_and_the_file_that_operators_read(target: Target, tmp_path: Path) -> None:
    from dotenv import dotenv_values

    write_variables(target.task_environment, {"AWS_SECRET_ACCESS_KEY": KEY})
    values = worker.secret_values(target)
    assert values["AWS_SECRET_ACCESS_KEY"] == KEY
    (tmp_path / "task.env").write_text(values["task.env"])
    read = dotenv_values(tmp_path / "task.env", interpolate=False)
    assert read == {"AWS_SECRET_ACCESS_KEY": KEY}


def test_the_gateway_carries_airflow_only_for_workers() -> None:
    assert forwarded_ports(ENDPOINTS) == [9000, 5000]
    assert forwarded_ports(ENDPOINTS, workers=True) == [9000, 5000, 8080]
