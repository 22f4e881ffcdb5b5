"""dev_docker beside an embedded stack: where the host's network is this machine's, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaiaflow.endpoints import PORTS
from gaiaflow.infra.images import kind
from gaiaflow.operators.environment import read_variables
from gaiaflow.project import Project
from gaiaflow.stack.embedded import processes
from gaiaflow.stack.services import hostnetwork, keys
from gaiaflow.stack.services.program import Stack


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/run/docker.sock")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "1"\n[tool.gaiaflow]\n')
    project = Project.find(tmp_path)
    return Stack(project, {name: entry.port for name, entry in PORTS.items()}, [], keys.load(project))


@pytest.mark.parametrize("engine", [kind.DOCKER, kind.ROOTLESS, kind.DESKTOP, kind.VIRTUAL])
def test_the_hosts_network_counts_where_it_is_this_machines(
    monkeypatch: pytest.MonkeyPatch, engine: kind.Kind
) -> None:
    monkeypatch.setattr(kind, "find", lambda: engine)
    assert hostnetwork.is_shared() is (engine is kind.DOCKER)


def test_containers_get_the_addresses_of_this_machine(stack: Stack) -> None:
    assert hostnetwork.operator_variables(stack.project) == {}
    hostnetwork.write(stack)
    told = hostnetwork.operator_variables(stack.project)
    assert told["GAIAFLOW_NETWORK"] == "host"
    file = Path(told["GAIAFLOW_TASK_ENV_DEV_DOCKER"])
    assert file.stat().st_mode & 0o777 == 0o600
    variables = read_variables(file)
    assert variables["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:5000"
    assert variables["AWS_SECRET_ACCESS_KEY"] == stack.keys.s3_secret_key


def test_airflow_tells_its_operators_and_a_network_of_the_users_wins(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostnetwork.write(stack)
    assert processes.programs(stack)[0].env["GAIAFLOW_NETWORK"] == "host"
    monkeypatch.setenv("GAIAFLOW_NETWORK", "mine")
    assert processes.programs(stack)[0].env["GAIAFLOW_NETWORK"] == "mine"


def test_an_engine_elsewhere_is_told_nothing(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    hostnetwork.write(stack)
    monkeypatch.setenv("DOCKER_HOST", "tcp://build.example:2376")
    assert hostnetwork.operator_variables(stack.project) == {}
