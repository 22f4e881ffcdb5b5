"""Which backend a project uses: its own, whatever engine answers, and never away from its data in silence."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gaiaflow.errors import UsageError
from gaiaflow.infra.images.engine import engine_answers
from gaiaflow.project import Project
from gaiaflow.stack import backends
from gaiaflow.stack.services import state
from tests import forked_inv, idle_engine

ROOT = Path(__file__).parents[3]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What an engine that answers is asked for."""
    with idle_engine.engine() as (address, asked):
        monkeypatch.setenv("DOCKER_HOST", address)
        yield asked


def test_the_engine_of_these_tests_answers(engine: list[str]) -> None:
    assert engine_answers()
    assert engine


def configured(project: Project, table: str) -> Project:
    (project.root / "pyproject.toml").write_text(f"[tool.gaiaflow]\n{table}\n")
    return Project.find(project.root)


def ran(project: Project, name: str) -> None:
    """The project ran on a backend before, and has data there."""
    (project.home / backends._TRACES[name] / "mlflow").mkdir(parents=True, exist_ok=True)
    state.write(project, state.Remembered(name))


def test_an_engine_that_answers_changes_nothing(project: Project, engine: list[str]) -> None:
    backend, why = backends.choose(project)
    assert (backend.name, why) == ("embedded", "the default")
    assert backends.elsewhere(project, backend) == {}
    assert engine == []


def test_it_is_what_the_project_last_ran_on_else_what_it_is_set_to(
    project: Project, engine: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = configured(project, 'backend = "docker"')
    assert backends.choose(project)[1] == "by [tool.gaiaflow] backend"
    assert backends.of(project).name == "docker"
    (project.root / ".env").write_text("GAIAFLOW_BACKEND=embedded\n")
    assert (backends.of(project).name, backends.choose(project)[1]) == ("embedded", "by GAIAFLOW_BACKEND")
    monkeypatch.setenv("GAIAFLOW_BACKEND", "docker")
    assert backends.of(project).name == "docker"
    ran(project, "embedded")
    backend, why = backends.choose(project)
    assert (backend.name, why) == ("embedded", "as the last time")


def test_a_backend_that_is_not_known_is_refused_wherever_it_stands(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="`backend` in"):
        configured(project, 'backend = "podman"')
    monkeypatch.setenv("GAIAFLOW_BACKEND", "dokcer")
    with pytest.raises(UsageError, match=r"`dokcer` \(did you mean `docker`"):
        backends.choose(project)


def inv(project: Project, *argv: str) -> subprocess.CompletedProcess[str]:
    return forked_inv.inv(project.root, "--search-root", str(ROOT), *argv)


def test_a_stack_that_moves_says_what_stays_behind_and_asks(project: Project, engine: list[str]) -> None:
    ran(project, "embedded")
    done = inv(project, "dev.start", "--backend", "docker")
    assert f"stays behind on embedded: folder {project.home / 'data'}" in done.stderr
    assert done.returncode == 2
    assert "no terminal to ask on" in done.stderr
    assert "--yes" in done.stderr
    told = inv(project, "--dry", "dev.start", "--backend", "docker", "--yes")
    assert "would start s3, mlflow, airflow, jupyter on the backend docker" in told.stderr


def test_a_start_on_the_same_backend_asks_nothing(project: Project) -> None:
    ran(project, "docker")
    ran(project, "embedded")
    told = inv(project, "--dry", "dev.start")
    assert "backend embedded: as the last time" in told.stderr
    assert "stays behind" not in told.stderr


def test_status_names_the_other_backend_with_data(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{closed.getsockname()[1]}")
    ran(project, "docker")
    ran(project, "embedded")
    done = inv(project, "dev.status")
    assert "backend: embedded; docker has data too: inv dev.start --backend docker" in done.stderr
    told = json.loads(inv(project, "dev.status", "--json").stdout)
    assert told["backend"] == "embedded"
    assert list(told["elsewhere"]) == ["docker"]


def test_status_of_a_project_on_one_backend_names_one(project: Project, engine: list[str]) -> None:
    ran(project, "embedded")
    done = inv(project, "dev.status")
    assert done.stderr.splitlines()[-1] == "backend: embedded"
    assert json.loads(inv(project, "dev.status", "--json").stdout)["elsewhere"] == {}
    assert engine == []
