"""The scripts of the release workflow as GitHub runs them: a registry on loopback, a bare git repository."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import airflow_python
from example_stack import PACKAGE
from loopback_registry import PASSWORD, USER, LoopbackRegistry, running
from test_prod import GOOD, make_project

from gaiaflow.infra.environments.environment import missing
from gaiaflow.infra.images import engine, image
from gaiaflow.infra.images.registry import Reference, Registry
from gaiaflow.production import receipt
from gaiaflow.project import Project
from gaiaflow.projects import scaffold

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not engine.engine_answers(), reason="no Docker engine answers"),
]
# The test brings the environment; the matrix in a cluster is test_prodlocal's, here its receipt is written.
ENVIRONMENTS, PROOF = ("environment", "gaiaflow alone"), "proof in a local cluster"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackRegistry]:
    with running(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, registry: LoopbackRegistry) -> Iterator[Project]:
    """A project in a git repository, with what `make setup` would bring."""
    root = tmp_path_factory.mktemp("release") / "app"
    made = make_project(root, good=GOOD)
    settings = (root / "pyproject.toml").read_text().replace("127.0.0.1:1234", registry.host)
    (root / "pyproject.toml").write_text(settings)
    (root / ".gitignore").write_text(".gaiaflow/\n.venv/\n__pycache__/\n")
    for argv in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *argv], cwd=root, check=True)
    bring_environments(made)
    yield made
    with closing(engine.connect()) as client:
        for found in client.images.list(filters={"label": f"{engine.PROJECT_LABEL}={made.id}"}):
            client.images.remove(found.id, force=True)


def bring_environments(project: Project) -> None:
    programs = project.root / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "inv").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m invoke "$@"\n')
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    envs = project.home / "envs"
    envs.mkdir(parents=True, mode=0o700)
    project.home.chmod(0o700)
    (envs / "airflow").symlink_to(Path(airflow_python()).parents[1])
    if "airflow" in missing(project):
        (envs / "airflow").unlink()


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    root = tmp_path_factory.mktemp("rendered")
    scaffold.render(root, {"name": "app", "package": "app", "environment": "uv"})
    workflow = yaml.safe_load((root / ".github" / "workflows" / "release.yml").read_text())
    return [step for job in ("prove", "release") for step in workflow["jobs"][job]["steps"]]


def run_step(step: dict[str, Any], root: Path, job: dict[str, str], tokens: dict[str, str]) -> str:
    """One step as GitHub's `shell: bash` runs it; its expressions are values by now."""
    given = {name: tokens[value] for name, value in step.get("env", {}).items()}
    argv = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(
        argv, cwd=root, env={**job, **given}, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, f"{step['name']}: {done.stdout}{done.stderr}"
    assert PASSWORD + "\n" not in done.stdout + done.stderr
    return done.stdout


def test_the_scripts_bring_a_project_to_production(
    project: Project, steps: list[dict[str, Any]], registry: LoopbackRegistry, tmp_path: Path
) -> None:
    bare = tmp_path / "dags.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "dags", str(bare)], check=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "DOCKER_CONFIG"))}
    job = {
        **kept,
        "HOME": str(tmp_path),
        "PYTHONPATH": str(PACKAGE.parent),
        "EKS_CLUSTER": "",
        "RUNNER_TEMP": str(tmp_path),
    }
    job |= {"REGISTRY": f"{registry.host}/Team", "DAGS": str(bare), "DAGS_BRANCH": "dags"}
    tokens = {"${{ github.actor }}": USER, "${{ github.token }}": PASSWORD}
    tokens["${{ github.server_url }}"] = "https://github.com"
    done = []
    for step in steps:
        if "run" not in step or "if" in step or step["name"] in ENVIRONMENTS:
            continue
        if step["name"] == PROOF:
            (built,) = image.images(project)
            receipt.write(project, receipt.take(project, {built.name: built.id}))
            continue
        run_step(step, project.root, job, tokens)
        done.append(step["name"])
    assert done == [
        *("image", "what was proven", "proven image and its receipt"),
        *("access to the registry", "push", "check", "synchronise"),
    ]
    (built,) = image.images(project)
    reference = Reference.parse(f"{registry.host}/team/{built.content}")
    login = {"Username": USER, "Password": PASSWORD}
    assert built.id in Registry(registry.host, login).identities(reference)
    log = subprocess.run(
        ["git", "-C", str(bare), "log", "--format=%s", "--name-only", "dags"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    commit = receipt.take(project, {}).commit
    assert log.splitlines()[0] == f"app 0.1 at commit {commit}"
    assert "app/good.py" in log
