"""A project on a machine with Python, make and git: each command as it is printed, nothing activated."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gaiaflow.endpoints import PORTS
from gaiaflow.infra.environments import environment
from gaiaflow.project import Project
from tests import conda_channel, earlier_template, idle_engine

ROOT = Path(__file__).parents[2]
# The machine: what make's lines call, and nothing that brings an environment.
PROGRAMS = ("make", "git", "sh", "sed", "expand", "touch", "uname", "env")
# How this machine reaches its package index.
_INDEX = ("PIP_", "UV_INDEX", "UV_DEFAULT", "UV_FIND", "UV_NATIVE", "UV_CACHE", "SSL_", "HTTP", "NO_PROXY")
pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not shutil.which("make"), reason="`make` is not on PATH"),
]


class Machine:
    """A shell in a home of its own, beside a Docker engine that answers and can pull nothing.

    Attributes:
        home: where projects are made.
        tools: where gaiaflow is installed; it is not on PATH.
    """

    def __init__(self, folder: Path, engine: str) -> None:
        self.home, self.tools = folder / "home", folder / "tools"
        programs = folder / "bin"
        for made in (self.home, programs):
            made.mkdir()
        for name in PROGRAMS:
            (programs / name).symlink_to(str(shutil.which(name)))
        (programs / "python3").symlink_to(_python())
        self.variables = {
            **{k: v for k, v in os.environ.items() if k.upper().startswith(_INDEX)},
            **{
                f"GIT_{role}_{what}": "me@localhost"
                for role in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
            **_free_ports(),
            "DOCKER_HOST": engine,
            "HOME": str(self.home),
            "PATH": str(programs),
        }
        self.variables.setdefault("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv"))

    def run(self, command: str, folder: Path) -> str:
        """A line of a shell that must succeed; what it printed on both streams."""
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=540,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        return done.stdout + done.stderr


def _python() -> str:
    """The interpreter that this one's environment was made from."""
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")


def _free_ports() -> dict[str, str]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in PORTS]
        numbers = [str(each.getsockname()[1]) for each in sockets]
    return dict(zip((entry.variable for entry in PORTS.values()), numbers, strict=True))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with idle_engine.engine() as (address, _):
        yield from prepared(Machine(tmp_path_factory.mktemp("machine"), address))


def prepared(machine: Machine) -> Iterator[Machine]:
    """The machine with gaiaflow in an environment; nothing runs there in the end."""
    machine.run(f"python3 -m venv {machine.tools}", machine.home)
    machine.run(f"{machine.tools}/bin/python -m pip install --quiet {ROOT}", machine.home)
    assert not [
        name for name in ("uv", "inv", "nox", "docker") if shutil.which(name, path=machine.variables["PATH"])
    ]
    try:
        yield machine
    finally:
        for inv in machine.home.glob("*/.venv*/bin/inv"):
            machine.run(f"{inv} dev.stop", inv.parents[2])


def commit(machine: Machine, project: Path) -> None:
    machine.run("git init -q && git add . && git commit -qm kept", project)


def succeeded(told: str) -> set[str]:
    """The tasks that `dag.run` calls successful."""
    return set(re.findall(r"^([\w.]+) +success", told, re.MULTILINE))


def test_new_test_dev_run_update(machine: Machine) -> None:
    shop = machine.home / "shop"
    told = machine.run(f"{machine.tools}/bin/gaiaflow project.new {shop} --defaults", machine.home)
    assert f"it requires gaiaflow @ {ROOT.as_uri()}, from a clone" in told
    assert f"next:  cd {shop} && make dev" in told
    commit(machine, shop)
    told = machine.run("make test", shop)
    assert "Session tests was successful" in told
    assert "Session dags was successful" in told
    told = machine.run("make dev", shop)
    assert "make .venv" not in told
    assert "backend embedded: the default" in told
    told = machine.run(".venv/bin/inv dag.run shop", shop)
    assert succeeded(told) == {"preprocess", "modelling.train", "modelling.evaluate"}
    assert "up to date" in machine.run(".venv/bin/inv project.update", shop)
    # The projects of this machine share its chosen ports.
    machine.run(".venv/bin/inv dev.stop", shop)


def test_dev_is_the_first_command_as_well(machine: Machine) -> None:
    bare = machine.home / "bare"
    answers = "--defaults --examples=no --environment=conda"
    machine.run(f"{machine.tools}/bin/gaiaflow project.new {bare} {answers}", machine.home)
    told = machine.run("make status", bare)
    assert [line for line in told.splitlines() if line.startswith("[")] == [
        "[1/3] make .venv",
        "[2/3] download uv, which installs the rest",
        "[3/3] install gaiaflow and nox: a minute at most",
    ]
    assert "stopped" in told


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Instead of conda-forge: a channel on this disk, with a Python in it."""
    folder = tmp_path_factory.mktemp("tools")
    (folder / "pyproject.toml").write_text("[tool.gaiaflow]\n")
    tools = environment.ensure_environment(Project.find(folder), "conda")
    return conda_channel.make(tmp_path_factory.mktemp("channel"), str(tools))


def test_a_project_of_the_earlier_template_runs_with_no_file_edited(machine: Machine, channel: Path) -> None:
    packages = ("python-dotenv", "boto3", "mlflow-skinny")
    sea = earlier_template.make(machine.home / "sea", channel.as_uri(), conda=(), pip=packages)
    before = earlier_template.texts(sea)
    told = machine.run(f"{machine.tools}/bin/gaiaflow project.adopt --yes", sea)
    assert "the project is of the earlier template" in told
    machine.run("make dev", sea)
    told = machine.run(f".venv-gaiaflow/bin/gaiaflow dag.run {earlier_template.DAG}", sea)
    assert succeeded(told) == {"Trainer.preprocess_data", "Trainer.train"}
    assert "Session dags was successful" in machine.run("make test", sea)
    after = earlier_template.texts(sea)
    assert {name for name in before if before[name] != after[name]} == {"pyproject.toml", ".gitignore"}
