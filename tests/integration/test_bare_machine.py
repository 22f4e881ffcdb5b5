"""A machine with Python, make and git alone, from `pip install` of the wheel to a green `make test`.

The stack and the tests take some minutes there, so they come only with `GAIAFLOW_FULL_FAULTS`.
"""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from gaiaflow.infra.images.engine import engine_answers
from tests import bare_root

ROOT = Path(__file__).parents[2]
# How this machine reaches its package index: variables, files of pip, certificates.
_INDEX = ("PIP_", "UV_INDEX", "UV_DEFAULT", "UV_FIND", "UV_NATIVE", "SSL_", "HTTP", "NO_PROXY")
_PIP_FILES = ("~/.config/pip/pip.conf", "~/.pip/pip.conf", "/etc/pip.conf")
_CERTIFICATES = Path("/etc/ssl/certs")
SHOP = f"{bare_root.HOME}/shop"
pytestmark = [
    pytest.mark.stack,
    pytest.mark.engine,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not engine_answers(), reason="no Docker engine answers"),
    pytest.mark.skipif(bool(bare_root.missing()), reason=f"`{bare_root.missing()}` is not on PATH"),
]


class Bare:
    """A container of an image that was packed here; a user without rights owns its home, and nothing more."""

    def __init__(self, image: str, wheel: Path) -> None:
        self.wheel = f"/wheels/{wheel.name}"
        options = [f"--env={k}={v}" for k, v in os.environ.items() if k.upper().startswith(_INDEX)]
        mounts = {str(wheel.parent): "/wheels", **_index()}
        options += [f"--volume={source}:{target}:ro" for source, target in mounts.items()]
        sleep = ["python3", "-c", "import time; time.sleep(3000)"]
        user = ["--user", bare_root.USER, "--env", f"HOME={bare_root.HOME}", "--env", "PATH=/usr/bin"]
        self.name = _docker("run", "--detach", "--rm", "--init", *user, *options, image, *sleep)

    def run(self, line: str, folder: str = bare_root.HOME) -> str:
        """A line of a shell that must succeed; what it printed on both streams."""
        done = subprocess.run(
            ["docker", "exec", "--workdir", folder, self.name, "sh", "-c", f"{{ {line}\n}} 2>&1"],
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        return done.stdout


def _docker(*argv: str) -> str:
    return subprocess.run(["docker", *argv], capture_output=True, text=True, check=True).stdout.strip()


def _index() -> dict[str, str]:
    """The files through which this machine reaches its index, and where the container has them."""
    pip = [file for name in _PIP_FILES if (file := Path(name).expanduser()).is_file()]
    found = {str(file): "/etc/pip.conf" for file in pip[:1]}
    return found | {str(each): str(each) for each in (_CERTIFICATES,) if each.is_dir()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import uv

    folder = tmp_path_factory.mktemp("wheel")
    folder.chmod(0o755)
    build = [uv.find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, timeout=300)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Iterator[Bare]:
    packed = tmp_path_factory.mktemp("root") / "root.tar"
    bare_root.pack(packed)
    image = f"gaiaflow-tests/bare:{uuid.uuid4().hex[:8]}"
    _docker("import", str(packed), image)
    packed.unlink()
    try:
        bare = Bare(image, wheel)
        try:
            yield bare
        finally:
            _docker("rm", "--force", bare.name)
    finally:
        _docker("image", "rm", image)


@pytest.fixture(scope="module")
def next_lines(machine: Bare) -> tuple[str, str]:
    """What `project.new` says is next: to start, and to commit."""
    machine.run(f"python3 -m venv tools && tools/bin/pip install --quiet {machine.wheel}")
    told = machine.run("tools/bin/gaiaflow project.new shop --defaults")
    assert f"it requires gaiaflow @ file://{machine.wheel}, from a file that only this machine has" in told
    ((start, keep),) = re.findall(r"^next:  (.*)\n {7}(.*)$", told, re.MULTILINE)
    return start, keep


def test_a_new_project_sets_itself_up(machine: Bare, next_lines: tuple[str, str]) -> None:
    lacking = "uv inv nox docker bash curl ps cc"
    assert machine.run(f"for name in {lacking}; do command -v $name; done; true") == ""
    told = machine.run(next_lines[0].replace("make dev", "make status"))
    assert "[3/3] install gaiaflow and nox" in told
    assert set(re.findall(r"^(\w+) +stopped", told, re.MULTILINE)) == {"s3", "mlflow", "airflow", "jupyter"}
    assert "Next: .venv/bin/gaiaflow dev.start" in machine.run(".venv/bin/gaiaflow", SHOP)


@pytest.mark.full
def test_its_stack_runs_and_its_tests_pass(machine: Bare, next_lines: tuple[str, str]) -> None:
    told = machine.run(next_lines[0])
    (run,) = re.findall(r"^next:  (.*)$", told, re.MULTILINE)
    assert run == ".venv/bin/gaiaflow dag.run shop"
    succeeded = set(re.findall(r"^([\w.]+) +success", machine.run(run, SHOP), re.MULTILINE))
    assert succeeded == {"preprocess", "modelling.train", "modelling.evaluate"}
    told = machine.run("make test", SHOP)
    assert "Session tests was successful" in told
    assert "Session dags was successful" in told
    machine.run("git config --global user.name me; git config --global user.email me@localhost")
    machine.run(next_lines[1], SHOP)
    assert "up to date" in machine.run(".venv/bin/gaiaflow project.update", SHOP)
    assert "stopped" in machine.run("make stop", SHOP)
