"""What clients rely on in the S3 store of the embedded stack, asked of its own program with its own options.

Compose starts the same program with the same options, and so does the stand-in for MinIO of `test_minio.py`.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gaiaflow.endpoints import LOOPBACK, PORTS
from gaiaflow.infra.environments import uv
from gaiaflow.infra.environments.environment import ensure_environment
from gaiaflow.infra.host import ports
from gaiaflow.project import Project
from gaiaflow.stack.services import health, keys, s3
from gaiaflow.stack.services.program import Stack, unsteered
from tests.s3_behaviours.behaviour import TABLE, Behaviour

ROOT = Path(__file__).parents[2]

START = 60
# s3fs wants another botocore than MLflow has, so it lives by itself.
ALONE = "s3fs_client"


@dataclass(frozen=True)
class Running:
    """The store, and whoever asks it."""

    stack: Stack

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.stack.ports['s3']}"

    def ask(self, python: str, *argv: str) -> dict[str, str]:
        """What `python -m tests.s3_behaviours` says, by the interpreter that has the client."""
        env = {**unsteered(), **self.stack.s3_keys(), "PYTHONPATH": str(ROOT)}
        command = [python, "-m", "tests.s3_behaviours", self.url, *argv]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout.splitlines()[-1]))


def chosen_ports(project: Project) -> tuple[dict[str, int], list[int]]:
    """Of the store and its console, and its inner ones."""
    wanted = {name: PORTS[name].port for name in ("s3", "s3-console")}
    settled = ports.settle(wanted, auto=True, reach={"s3-console": s3.CONSOLE_GRPC})
    return settled, ports.inner(project.id, s3.INNER_PORTS)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("s3")
    (folder / "pyproject.toml").write_text('[project]\nname = "s3-store"\nversion = "0.1"\n[tool.gaiaflow]\n')
    project = Project.find(folder)
    ensure_environment(project, "services")
    settled, inner = chosen_ports(project)
    stack = Stack(project, settled, inner, keys.load(project))
    s3.prepare(stack)
    (program,) = s3.programs(stack)
    with (folder / "s3.log").open("wb") as log:
        running = subprocess.Popen(program.argv, env=program.env, cwd=program.cwd, stdout=log, stderr=log)
    try:
        await_store(stack, running, folder / "s3.log")
        yield Running(stack)
    finally:
        running.terminate()
        running.wait(timeout=30)
        for left in s3.sockets(inner, settled["s3-console"]):
            left.unlink(missing_ok=True)


def await_store(stack: Stack, running: subprocess.Popen[bytes], log: Path) -> None:
    """Until it answers."""
    deadline = time.monotonic() + START
    while not health.answers("s3", stack.endpoints.url("s3")):
        assert running.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.2)


@pytest.fixture(scope="module")
def outcomes(store: Running) -> dict[str, str]:
    """What each behaviour ended with; empty when the store behaves so."""
    project = store.stack.project
    alone = project.root / "alone"
    uv.run(project, "venv", "--quiet", str(alone))
    packages = str(ROOT / "tests" / "s3-requirements.txt")
    python = str(alone / "bin" / "python")
    uv.run(project, "pip", "install", "--quiet", "--require-hashes", "--python", python, "-r", packages)
    services = store.stack.python("services")
    others = sorted({row.library for row in TABLE} - {ALONE})
    return {**store.ask(services, *others), **store.ask(python, ALONE)}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_behaviour(row: Behaviour, outcomes: dict[str, str]) -> None:
    wrong = outcomes[row.name]
    if row.differs:
        assert wrong, f"the store behaves so now: take `differs` from `{row.name}`"
        pytest.xfail(row.differs)
    assert not wrong, wrong
