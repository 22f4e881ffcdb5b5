"""A project of the earlier template: recognised, adopted without an edit, its `.env` no obstacle."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaiaflow.infra.environments.source import source
from gaiaflow.operators.earlier import translated
from gaiaflow.project import Project
from gaiaflow.projects import adoption, recognition
from tests import earlier_template

STACK = {
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:5050",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9010",
    "AWS_ACCESS_KEY_ID": "made",
    "AWS_SECRET_ACCESS_KEY": "for this project",
}


def test_it_is_recognised_and_its_environment_is_the_one_of_conda(tmp_path: Path) -> None:
    project = earlier_template.make(tmp_path / "sea")
    before = earlier_template.texts(project)
    found = adoption.plan(project)
    assert (found.earlier, found.environment.manager) == (True, "conda")
    adoption.apply(found)
    after = earlier_template.texts(project)
    assert {name for name in before if before[name] != after[name]} == {"pyproject.toml", ".gitignore"}
    assert all(after[name].startswith(before[name]) for name in before)
    adopted = Project.find(project)
    assert (adopted.name, adopted.packages) == ("sea-ice", ("sea_ice",))
    assert source(adopted).name == "environment.yml"  # pyproject lists a part of it only


@pytest.mark.parametrize("name", ["mlops_manager.py", "minikube_manager.py", "kube_config_inline"])
def test_one_of_its_files_is_enough(tmp_path: Path, name: str) -> None:
    assert not recognition.is_earlier(tmp_path)
    (tmp_path / name).touch()
    assert recognition.is_earlier(tmp_path)


def test_a_dag_file_with_its_import_is_enough(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "a.py").write_text("from gaiaflow.tasks import create_task\n")
    assert not recognition.is_earlier(tmp_path)
    (tmp_path / "dags" / "b.py").write_text("from gaiaflow.core.create_task import create_task\n")
    assert recognition.is_earlier(tmp_path)


def test_addresses_and_keys_of_its_stack_give_way_to_those_of_the_running_one() -> None:
    dotenv = {
        "MLFLOW_SERVER_URI": "http://mlflow:5000/",
        "S3_ENDPOINT_URL": "http://localhost:9000",
        "AWS_ACCESS_KEY_ID": "minio",
        "AWS_SECRET_ACCESS_KEY": "minio123",
        "MINE": "1",
    }
    assert translated(dotenv, STACK) == {
        "MLFLOW_SERVER_URI": STACK["MLFLOW_TRACKING_URI"],
        "S3_ENDPOINT_URL": STACK["AWS_ENDPOINT_URL_S3"],
        "AWS_ACCESS_KEY_ID": "made",
        "AWS_SECRET_ACCESS_KEY": "for this project",
        "MINE": "1",
    }
    assert translated(dotenv, {}) == dotenv


def test_values_of_the_users_own_stay() -> None:
    own = {
        "MLFLOW_SERVER_URI": "https://mlflow.example.org",
        "S3_ENDPOINT_URL": "https://s3.example.org",
        "AWS_ACCESS_KEY_ID": "AKIA",
        "MLFLOW_TRACKING_URI": "http://localhost:5000",
    }
    assert translated(own, STACK) == own
