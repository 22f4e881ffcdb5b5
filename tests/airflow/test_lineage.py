"""MLflow's runs know their task: the tags in the environment of every mode, and the address in the log."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import ApiClient

from gaiaflow.operators.lineage import commit_now, mlflow_address, tag_variable
from gaiaflow.project import Project
from gaiaflow.tasks import create_task
from gaiaflow.testing import run_dag

PINNED = "registry.example/project@sha256:" + "0" * 64
TASK = {
    "gaiaflow.dag": "My DAG",
    "gaiaflow.task": "group.t",
    "gaiaflow.run": "manual__1",
    "gaiaflow.try": "2",
    "mlflow.runName": "My DAG · group.t",
}


def ti(map_index: int | None = -1) -> SimpleNamespace:
    return SimpleNamespace(
        dag_id="My DAG", task_id="group.t", run_id="manual__1", try_number=2, map_index=map_index
    )


def context() -> dict[str, Any]:
    return {"ti": ti(), "run_id": "manual__1", "dag": SimpleNamespace(), "params": {}}


class Engine:
    """As much of docker's low-level client as one container needs; it keeps what it was asked to make."""

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}

    def inspect_image(self, image: str) -> dict[str, str]:
        return {"Id": "sha256:1234"}

    def create_host_config(self, **options: Any) -> dict[str, Any]:
        return options

    def create_container(self, **options: Any) -> dict[str, str]:
        self.made = options
        return {"Id": "c"}

    def attach(self, *_: Any, **__: Any) -> list[bytes]:
        return []

    def wait(self, _: str) -> dict[str, int]:
        return {"StatusCode": 0}

    def inspect_container(self, _: str) -> dict[str, Any]:
        return {"State": {}}

    def nothing(self, *_: Any, **__: Any) -> None: ...

    put_archive = start = stop = remove_container = nothing


def resolved(mode: str, **arguments: Any) -> Any:
    """A task whose arguments Airflow has resolved."""
    task = create_task("group.t", "package.module:function", mode=mode, **arguments)
    task.func_args, task.func_kwargs = [], {}
    return task


def of_container(monkeypatch: pytest.MonkeyPatch, **arguments: Any) -> dict[str, str]:
    task, engine = resolved("dev_docker", image="p/p:1", **arguments), Engine()
    monkeypatch.setattr(type(task), "cli", engine)
    monkeypatch.setattr(type(task), "_result", lambda _: "null")
    task.execute(context())
    return dict(engine.made["environment"])


def of_pod(mode: str, image: str = "p/p:1", **arguments: Any) -> dict[str, str]:
    made = resolved(mode, image=image, **arguments).build_pod_request_obj(context(), dry_run=True)
    pod = ApiClient().sanitize_for_serialization(made)
    base = next(c for c in pod["spec"]["containers"] if c["name"] == "base")
    return {v["name"]: v["value"] for v in base["env"]}


def tags(variables: dict[str, str]) -> dict[str, str]:
    return dict(json.loads(variables["GAIAFLOW_TAGS"]))


def test_a_container_s_tags_name_task_image_and_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    more = {"mode": "dev_docker", "image": "p/p:1", "image_digest": "sha256:1234"}
    assert tags(of_container(monkeypatch)) == TASK | {f"gaiaflow.{k}": v for k, v in more.items()}


@pytest.mark.parametrize("mode", ["prod_local", "prod"])
def test_a_pod_s_tags_name_task_and_image(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    more = {"gaiaflow.mode": mode, "gaiaflow.image": "p/p:1"}
    assert tags(of_pod(mode)) == TASK | more
    monkeypatch.setenv("GAIAFLOW_COMMIT", "c0ffee")
    digest = {"gaiaflow.image": PINNED, "gaiaflow.image_digest": "sha256:" + "0" * 64}
    assert tags(of_pod(mode, PINNED)) == TASK | more | digest | {"gaiaflow.commit": "c0ffee"}


def test_the_user_s_run_context_goes_along_in_every_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"MLFLOW_RUN_CONTEXT": '{"team": "x"}'}
    for found in (of_container(monkeypatch, env_vars=own), of_pod("prod", env_vars=own)):
        assert found["MLFLOW_RUN_CONTEXT"] == own["MLFLOW_RUN_CONTEXT"]


def test_a_run_is_named_after_its_task_and_links_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://127.0.0.1:8080")
    started = ti(2)
    started.start_date, started.log_url = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), "http://x/task"
    found = tags(tag_variable({"ti": started}, "dev"))
    assert found["mlflow.runName"] == "My DAG · group.t[2] · 2026-01-02 03:04:05"
    assert found["mlflow.note.content"] == "[The task in Airflow](http://x/task)"


def test_a_mapped_task_names_its_index_and_no_task_instance_no_tags() -> None:
    assert tags(tag_variable({"ti": ti(0)}, "dev"))["gaiaflow.map_index"] == "0"
    assert tag_variable({}, "dev") == {}


DAG = """
from airflow.sdk import DAG
from gaiaflow.tasks import create_task

with DAG("tagged", schedule=None):
    create_task("plain", "pk.f:seen")
    create_task("mapped", "pk.f:seen", map_over={"number": [5]})
"""
FUNCTION = """
import json, os

def seen(number=0):
    return json.loads(os.environ["MLFLOW_RUN_CONTEXT"])
"""


def test_a_function_of_dev_finds_the_tags_and_the_commit_of_its_tree(project: Any, airflow_home: Path) -> None:
    folder = project(DAG, FUNCTION)
    (folder / ".env").write_text('MLFLOW_RUN_CONTEXT=\'{"team": "x", "gaiaflow.mode": "mine"}\'\n')
    commit = committed(folder)
    run = run_dag("tagged", "dev", project=Project.find(folder), home=airflow_home)
    found = run.tasks["plain"].value
    assert found.pop("gaiaflow.run")
    assert re.fullmatch(r"tagged · plain · \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", found.pop("mlflow.runName"))
    assert found == {"gaiaflow.dag": "tagged", "gaiaflow.task": "plain", "gaiaflow.try": "1",
                     "gaiaflow.mode": "mine", "gaiaflow.commit": commit, "team": "x"}  # fmt: skip
    assert run.tasks["mapped"].value[0]["gaiaflow.map_index"] == "0"


def committed(folder: Path) -> str:
    """Put the folder under git; its commit."""
    own = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    for argv in (["init", "-q"], ["add", "pk"], [*own, "commit", "-q", "-m", "x"]):
        subprocess.run(["git", *argv], cwd=folder, check=True)
    said = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    return said.stdout.strip()


def test_an_edited_tree_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_PROJECT", str(tmp_path))
    assert commit_now() == ""
    (tmp_path / "pk").write_text("one")
    commit = committed(tmp_path)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert commit_now() == commit
    (tmp_path / "pk").write_text("two")
    assert commit_now() == f"{commit}-dirty"


def test_the_host_s_note_counts_where_there_is_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_COMMIT_FILE", str(tmp_path / "commit"))
    assert commit_now() == ""
    (tmp_path / "commit").write_text("c0ffee-dirty\n")
    assert commit_now() == "c0ffee-dirty"


@pytest.mark.parametrize(
    ("seen", "stack", "public", "address"),
    [
        ("http://mlflow:5000", "http://mlflow:5000", "http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("http://mlflow:5000", "http://mlflow:5000", "", "http://mlflow:5000"),
        (
            "https://me:key@of.example/ml",
            "http://mlflow:5000",
            "http://127.0.0.1:5000",
            "https://of.example/ml",
        ),
        ("sqlite:///mlflow.db", "", "", "sqlite:///mlflow.db"),
        ("", "", "http://127.0.0.1:5000", ""),
    ],
)
def test_the_address_is_one_that_a_person_can_open(
    seen: str, stack: str, public: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAIAFLOW_MLFLOW_URL", public)
    name = "MLFLOW_TRACKING_URI"
    assert mlflow_address({name: seen} if seen else {}, {name: stack} if stack else {}) == address


def test_the_task_s_log_says_where_its_mlflow_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "task.env").write_text("MLFLOW_TRACKING_URI=http://mlflow:5000\n")
    monkeypatch.setenv("GAIAFLOW_TASK_ENV_DEV_DOCKER", str(tmp_path / "task.env"))
    monkeypatch.setenv("GAIAFLOW_MLFLOW_URL", "http://127.0.0.1:5000")
    said: list[str] = []
    monkeypatch.setattr(logging.Logger, "info", lambda _, text, *values: said.append(text % values))
    task, engine = resolved("dev_docker", image="p/p:1"), Engine()
    monkeypatch.setattr(type(task), "cli", engine)
    monkeypatch.setattr(type(task), "_result", lambda _: "null")
    monkeypatch.setattr(type(task), "log", logging.getLogger("task"))
    task.execute(context())
    assert "MLflow: http://127.0.0.1:5000" in said
    assert os.environ["GAIAFLOW_MLFLOW_URL"] not in json.dumps(engine.made["environment"])
