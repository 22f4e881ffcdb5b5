"""A copy of the example project with its stack on the embedded backend, started once for all tests."""

from __future__ import annotations

import json
import os
import shutil
import socket
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
from gaiaflow.infra.host import living
from gaiaflow.project import Project
from gaiaflow.stack.services import s3

PACKAGE = Path(gaiaflow.__file__).parent
SERVICES = ("s3", "mlflow", "airflow", "jupyter")
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Running:
    """A copy of the example project whose stack has been started once."""

    root: Path

    @property
    def project(self) -> Project:
        return Project.find(self.root)

    def call(self, *argv: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
        return subprocess.run(
            [sys.executable, "-m", "invoke", *argv],
            cwd=self.root,
            env=env,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    def inv(self, *argv: str, code: int = 0) -> str:
        done = self.call(*argv)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    def start(self, *argv: str, code: int = 0) -> str:
        return self.inv("dev.start", "--backend", "embedded", *argv, code=code)

    def state(self) -> dict[str, Any]:
        return json.loads((self.root / ".gaiaflow" / "state.json").read_text())

    def credentials(self) -> dict[str, dict[str, str]]:
        return json.loads(self.inv("dev.credentials", "--json"))["services"]

    def states(self) -> dict[str, str]:
        shown = json.loads(self.inv("dev.status", "--json"))
        return {name: service["state"] for name, service in shown["services"].items()}

    def pids(self) -> set[int]:
        return {pid for name in SERVICES for pid in living.marked(envvar.STACK, f"{self.project.id}/{name}")}

    def s3(self, code: str) -> str:
        """Run a line with a boto3 client `c` in the services' environment, where boto3 is."""
        endpoint = self.credentials()["s3"]
        head = (
            "import boto3, os; c = boto3.client('s3', endpoint_url=os.environ['U'], region_name='us-east-1')\n"
        )
        env = {
            "U": endpoint["url"],
            "AWS_ACCESS_KEY_ID": endpoint["user"],
            "AWS_SECRET_ACCESS_KEY": endpoint["secret"],
        }
        python = str(self.root / ".gaiaflow" / "envs" / "services" / "bin" / "python")
        argv = [python, "-c", head + code]
        return subprocess.run(
            argv, env=env, capture_output=True, text=True, check=True, timeout=60
        ).stdout.strip()


def copy_example(root: Path) -> Path:
    """The example project in a folder of its own."""
    unwanted = shutil.ignore_patterns(".gaiaflow", "__pycache__")
    return Path(shutil.copytree(PACKAGE / "example", root, ignore=unwanted))


def is_answered(path: Path) -> bool:
    """Whether a program listens there: another stack that took the port which became free."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = copy_example(tmp_path_factory.mktemp("project") / "example")
    running = Running(root)
    try:
        running.start("--auto-ports", "--wait", "400")
        yield running
    finally:
        state = running.state()
        sockets = s3.sockets(state["inner"], state["ports"]["s3-console"])
        running.inv("dev.cleanup", "--yes")
        assert not (root / ".gaiaflow" / "data").exists()
        assert running.pids() == set()
        assert not [path for path in sockets if path.exists()]
