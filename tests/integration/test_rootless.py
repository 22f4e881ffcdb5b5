"""The Compose stack on a rootless Docker engine, which this file starts for itself."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import gaiaflow
from gaiaflow import envvar
from gaiaflow.infra.images.image import DEFAULT_PYTHON_IMAGE

pytestmark = [pytest.mark.engine, pytest.mark.stack, pytest.mark.may_skip]
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
TOOLS = ("dockerd", "rootlesskit", "newuidmap", "slirp4netns")
# Docker's own packages put it on PATH, Debian's here.
SCRIPT = "/usr/share/docker.io/contrib/dockerd-rootless.sh"
PATIENCE = 60
PYPROJECT = '[project]\nname = "rootless-test"\nversion = "1"\n[tool.gaiaflow]\n'


def lacking() -> str:
    """What a rootless engine needs and this machine does not have; empty where it has all."""
    if os.getuid() == 0:
        return "an ordinary user to run it as"
    if absent := [name for name in TOOLS if not shutil.which(name, path=PATH)]:
        return ", ".join(absent)
    if not Path(script()).is_file():
        return "dockerd-rootless.sh"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "/dev/net/tun for this user"
    numbers = Path("/etc/subuid")
    owners = [row.partition(":")[0] for row in numbers.read_text().splitlines()] if numbers.is_file() else []
    return "" if {getpass.getuser(), str(os.getuid())} & {*owners} else "numbers for this user in /etc/subuid"


def script() -> str:
    return shutil.which("dockerd-rootless.sh", path=PATH) or SCRIPT


@dataclass(frozen=True)
class Rootless:
    """An engine of this user, and the variables that lead to it."""

    env: dict[str, str]

    def run(self, *argv: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            argv, cwd=cwd, env=self.env, capture_output=True, text=True, check=False, timeout=1500
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def answers(self) -> bool:
        done = subprocess.run(["docker", "ps"], env=self.env, capture_output=True, check=False, timeout=60)
        return done.returncode == 0

    def bring(self, image: str) -> None:
        """An image that this machine's other engine has; else it is pulled when it is needed."""
        with tempfile.NamedTemporaryFile() as archive:
            saved = subprocess.run(
                ["docker", "save", image], stdout=archive, stderr=subprocess.PIPE, check=False
            )
            if saved.returncode == 0:
                self.run("docker", "load", "--input", archive.name)


@pytest.fixture(scope="module")
def rootless() -> Iterator[Rootless]:
    if missing := lacking():
        pytest.skip(f"no rootless Docker here: it lacks {missing}")
    folder = Path(tempfile.mkdtemp(prefix="rootless-", dir="/tmp"))  # a socket's path is short
    address = f"unix://{folder}/docker.sock"
    imports = os.pathsep.join([str(Path(gaiaflow.__file__).parents[1]), *filter(None, sys.path)])
    env = {**os.environ, "PATH": PATH, "XDG_RUNTIME_DIR": str(folder), "PYTHONPATH": imports}
    found = Rootless({**env, "DOCKER_HOST": address})
    argv = [script(), "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--host", address]
    log = folder / "log"
    with log.open("w") as said, subprocess.Popen(argv, env=env, stdout=said, stderr=said) as engine:
        try:
            await_engine(found, engine, log)
            found.bring(os.environ.get(envvar.PYTHON_IMAGE, DEFAULT_PYTHON_IMAGE))
            yield found
        finally:
            engine.terminate()
            engine.wait(PATIENCE)
    # What containers wrote belongs to numbers that only a namespace of this user's may remove.
    subprocess.run(["rootlesskit", "rm", "-rf", str(folder)], env=env, check=False)


def await_engine(found: Rootless, engine: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not found.answers():
        if engine.poll() is not None or time.monotonic() > until:
            pytest.skip(f"no rootless Docker here: {log.read_text().splitlines()[-1][:300]}")
        time.sleep(1)


@pytest.mark.full
def test_the_store_reads_keys_of_0600_in_a_project_of_0700(rootless: Rootless, tmp_path: Path) -> None:
    """Its containers are root there, which is this user; no number of a container but that reads such files."""
    tmp_path.chmod(0o700)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    inv = (sys.executable, "-m", "gaiaflow")
    start = ("dev.start", "--backend", "docker", "--service", "s3", "--auto-ports", "--wait", "300")
    try:
        rootless.run(*inv, *start, cwd=tmp_path)
        told = json.loads(rootless.run(*inv, "dev.status", "--json", cwd=tmp_path))
        assert told["services"]["s3"]["state"] == "running"
        kept = tmp_path / ".gaiaflow" / "compose" / "s3" / "security.toml"
        assert (kept.stat().st_uid, kept.stat().st_mode & 0o777) == (os.getuid(), 0o600)
        store = rootless.run(
            "docker", "ps", "--quiet", "--filter", "label=com.docker.compose.service=s3"
        ).strip()
        assert rootless.run("docker", "exec", store, "id", "-u") == "0\n"
        rights = rootless.run("docker", "inspect", "--format", "{{.HostConfig.CapDrop}}", store)
        assert rights == "[ALL]\n"
    finally:
        rootless.run(*inv, "dev.cleanup", "--yes", cwd=tmp_path)
    assert not (tmp_path / ".gaiaflow").exists()
    assert rootless.run("docker", "ps", "--all", "--quiet") == ""
