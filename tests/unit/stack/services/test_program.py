"""What each service of the embedded stack is started with."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from gaiaflow.endpoints import PORTS
from gaiaflow.infra.environments import environment
from gaiaflow.project import Project
from gaiaflow.stack.embedded import processes
from gaiaflow.stack.services import airflow, health, jupyter, keys, mlflow, s3
from gaiaflow.stack.services.program import Program, Stack

PORT = {name: entry.port for name, entry in PORTS.items()}


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\nimage = "demo:1"\n')
    project = Project.find(tmp_path)
    return Stack(project, PORT, list(range(20000, 20000 + s3.INNER_PORTS)), keys.load(project))


def everything(stack: Stack) -> list[Program]:
    return [p for module in (s3, mlflow, processes, jupyter) for p in module.programs(stack)]


def test_no_key_stands_in_an_argument_list(stack: Stack) -> None:
    made = [getattr(stack.keys, name) for name in stack.keys.__dataclass_fields__]
    for program in everything(stack):
        assert not [key for key in made if key in " ".join(program.argv)]


def test_nothing_of_the_shell_steers_a_service(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AIRFLOW__CORE__EXECUTOR",
        "AWS_SESSION_TOKEN",
        "PYTHONPATH",
        "JUPYTER_PATH",
        "MLFLOW_TRACKING_TOKEN",
    ):
        monkeypatch.setenv(name, "from the shell")
    monkeypatch.setenv("https_proxy", "kept")
    for program in everything(stack):
        assert "from the shell" not in program.env.values()
        assert program.env["https_proxy"] == "kept"


def test_every_process_carries_the_mark_of_its_service(stack: Stack) -> None:
    for program in everything(stack):
        assert program.env["GAIAFLOW_STACK"] == f"{stack.project.id}/{program.service}"


def test_airflow_processes_share_their_configuration(stack: Stack) -> None:
    programs = processes.programs(stack)
    assert len(programs) == 4
    connection = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
    databases = {program.name: program.env.pop(connection) for program in programs}
    assert all(program.env == programs[0].env for program in programs)
    assert len({address.partition("?")[0] for address in databases.values()}) == 1
    patience = {name: address.partition("?")[2] for name, address in databases.items()}
    assert patience.pop("airflow-api-server") == "timeout=2"
    assert set(patience.values()) == {"timeout=60"}


def test_airflow_gets_the_contract_variables(stack: Stack) -> None:
    env = processes.programs(stack)[0].env
    assert env["GAIAFLOW_PROJECT"] == str(stack.project.root)
    assert env["GAIAFLOW_CODE"] == str(stack.project.root)
    assert env["GAIAFLOW_PROJECT_NAME"] == "demo"
    assert env["GAIAFLOW_IMAGE"] == "demo:1"
    assert env["GAIAFLOW_PYTHON"].endswith(".gaiaflow/envs/project/bin/python")
    assert env["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:5000"
    assert env["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:9000"


def test_a_variable_of_the_shell_names_the_image(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_IMAGE", "other:2")
    assert airflow.operator_variables(stack.project)["GAIAFLOW_IMAGE"] == "other:2"


def test_a_setting_defers_all_pods_and_the_variable_has_the_last_word(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "GAIAFLOW_DEFERRABLE" not in airflow.operator_variables(stack.project)
    monkeypatch.setattr(stack.project.settings.cluster, "deferrable", True)
    assert airflow.operator_variables(stack.project)["GAIAFLOW_DEFERRABLE"] == "1"
    monkeypatch.setenv("GAIAFLOW_DEFERRABLE", "0")
    assert airflow.operator_variables(stack.project)["GAIAFLOW_DEFERRABLE"] == "0"


def test_a_single_process_of_airflow_needs_no_service(stack: Stack) -> None:
    env = airflow.airflow_environment(stack.project)
    assert "MLFLOW_TRACKING_URI" not in env
    assert env["AIRFLOW_HOME"] != processes.programs(stack)[0].env["AIRFLOW_HOME"]
    bundle = json.loads(env["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])[0]
    assert bundle["kwargs"]["path"] == str(stack.project.dags)


def test_s3_listens_on_loopback_and_reports_to_nobody(stack: Stack) -> None:
    argv = s3.programs(stack)[0].argv
    for option in (
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-webdav=false",
        "-disableHttp=true",
    ):
        assert option in argv


def test_s3_closes_every_inner_door(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3.process, "run", lambda *argv, **options: None)
    s3.prepare(stack)
    file = stack.project.home / "s3" / "security.toml"
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    tables = tomllib.loads(file.read_text())
    assert file.stat().st_mode & 0o777 == 0o600
    tokens = [tables["jwt"]["signing"]["key"], tables["jwt"]["signing"]["read"]["key"]]
    tokens += [tables["jwt"]["filer_signing"]["key"], tables["jwt"]["filer_signing"]["read"]["key"]]
    assert len(set(tokens)) == 4
    assert tables["grpc"]["ca"].endswith("ca.crt")
    assert all(tables["grpc"][part]["cert"] for part in ("master", "volume", "filer", "s3", "admin", "client"))


def test_mlflow_answers_known_hosts_only(stack: Stack) -> None:
    hosts = mlflow.allowed_hosts(stack.endpoints).split(",")
    assert {"127.0.0.1:5000", "localhost:5000", "mlflow:5000", "host.minikube.internal:5000"} == set(hosts)
    assert not [host for host in hosts if "*" in host]


def test_airflow_is_healthy_when_each_part_is() -> None:
    good = {"metadatabase": {"status": "healthy"}, "scheduler": {"status": "healthy"}}
    assert health.unhealthy(json.dumps(good).encode()) == []
    late = {**good, "dag_processor": {"status": None}}
    assert health.unhealthy(json.dumps(late).encode()) == ["dag_processor"]
    assert health.unhealthy(b"<html>") == ["api-server"]


def test_the_environments_that_services_run_in_exist() -> None:
    assert set(environment.NAMES) == {"airflow", "services", "project", "jupyter", "conda"}


def test_a_task_that_begins_before_the_api_server_answers_waits_for_it(stack: Stack) -> None:
    scheduler = next(p for p in processes.programs(stack) if p.name == "airflow-scheduler")
    tries, pause = (
        float(scheduler.env[f"AIRFLOW__WORKERS__EXECUTION_API_{name}"])
        for name in ("RETRIES", "RETRY_WAIT_MIN")
    )
    assert (tries - 1) * pause > 55
