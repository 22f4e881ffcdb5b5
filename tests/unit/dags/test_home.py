"""The environment of test runs: with the running stack's MLflow and S3, or without."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gaiaflow.dags import home
from gaiaflow.dags.inspector import Inspector
from gaiaflow.project import Project
from gaiaflow.stack.services import access


class Stack:
    """An embedded stack whose MLflow answers."""

    name = "embedded"

    def __init__(self, project: Project) -> None:
        self.project = project

    def status(self) -> list[Any]:
        return [SimpleNamespace(service="mlflow", state="running")]

    def endpoints(self) -> Any:
        return access.endpoints(self.project)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "sample"\n[tool.gaiaflow]\n')
    (tmp_path / "promised.env").write_text("MLFLOW_TRACKING_URI=http://stack\n")
    (tmp_path / ".env").write_text(f"GAIAFLOW_TASK_ENV_DEV_DOCKER={tmp_path}/promised.env\n")
    found = Project.find(tmp_path)
    stack = Stack(found)
    monkeypatch.setattr(home.backends, "current", lambda _: stack)
    return found


def test_with_the_stack_functions_find_its_mlflow_and_s3(project: Project) -> None:
    found = home.environment(project, airflow_python=sys.executable)
    assert found["MLFLOW_TRACKING_URI"].startswith("http://127.0.0.1:")
    assert "GAIAFLOW_TASK_ENV_DEV_DOCKER" in found
    assert [name for name in found if name.startswith("AWS_")]


def test_without_it_they_find_a_throw_away_mlflow_and_no_s3(project: Project) -> None:
    found = home.environment(project, airflow_python=sys.executable, with_stack=False)
    assert found["MLFLOW_TRACKING_URI"] == f"sqlite:///{project.home}/test/mlflow.db"
    assert not [name for name in found if name.startswith(("AWS_", "S3_", "GAIAFLOW_TASK_ENV_"))]
    assert "GAIAFLOW_MLFLOW_URL" not in found


def test_a_look_into_dags_and_a_replay_use_the_stack_only_when_asked(project: Project) -> None:
    found = Inspector(project, Path(sys.executable)).environment
    assert found["MLFLOW_TRACKING_URI"] == f"sqlite:///{project.home}/test/mlflow.db"
    asked = Inspector(project, Path(sys.executable), with_stack=True).environment
    assert asked["MLFLOW_TRACKING_URI"].startswith("http://127.0.0.1:")
