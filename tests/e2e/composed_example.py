"""A copy of the example project, its stack in containers, and a run of its pipeline in each of their modes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from example_stack import Running, copy_example

# Another name than the example's, so that its image is not the one that somebody made of the example.
NAME = "co2-forecast-e2e"
MODES = ("dev", "dev_docker")


@dataclass(frozen=True)
class Run:
    """What `dag.run` told of a run: the values, and the links for a browser."""

    told: dict[str, Any]
    airflow_url: str
    mlflow_url: str


@dataclass(frozen=True)
class Composed(Running):
    """A copy of the example project whose Compose stack has been started once."""

    def start(self, *argv: str, code: int = 0) -> str:
        options = ("--backend", "docker", "--with", "dev_docker", "--auto-ports", "--wait", "400")
        return self.inv("dev.start", *options, *argv, code=code)

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.inv("dev.status", "--json")))

    def s3(self, code: str) -> str:
        """Run a line with a boto3 client `c` where boto3 and the store's keys are: in MLflow's container."""
        inside = ["python", "-c", "import boto3; c = boto3.client('s3')\n" + code]
        argv = ["docker", "exec", f"{self.project.id}-mlflow-1", *inside]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout.strip()

    def run(self) -> Run:
        done = self.call("dag.run", "co2_forecast", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return Run(json.loads(done.stdout), link("run ", done.stderr), link("MLflow run", done.stderr))


def link(start: str, progress: str) -> str:
    """The address at the end of the line that starts so."""
    found = re.search(rf"^{start}.*: (http\S+)$", progress, re.MULTILINE)
    assert found, progress
    return found[1]


def renamed_example(root: Path) -> Path:
    file = copy_example(root) / "pyproject.toml"
    text = file.read_text()
    assert 'name = "co2-forecast"' in text
    file.write_text(text.replace('name = "co2-forecast"', f'name = "{NAME}"'))
    root.chmod(0o755)
    return root


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    running = Composed(renamed_example(tmp_path_factory.mktemp("composed") / "example"))
    try:
        running.start("--mode", "dev")
        yield running
    finally:
        running.inv("dev.cleanup", "--yes")


@pytest.fixture(scope="session")
def runs(stack: Composed) -> dict[str, Run]:
    """A run in each mode, of the same tasks on the same stack."""
    found = {"dev": stack.run()}
    stack.inv("dev.dockerize")
    stack.inv("dev.restart", "--service", "airflow", "--mode", "dev_docker", "--wait", "400")
    assert stack.status()["mode"] == "dev_docker"
    return {**found, "dev_docker": stack.run()}
