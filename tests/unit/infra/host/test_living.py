"""What a killed command left is ended by the next one; what a living command does is not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gaiaflow.infra.host import living
from gaiaflow.project import Project

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc to find marks in")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").write_text("[tool.gaiaflow]\n")
    return Project.find(tmp_path)


@contextmanager
def sleeper(env: dict[str, str], code: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A process that says when it runs."""
    argv = [sys.executable, "-I", "-S", "-u", "-c", f"{code}\nprint(1)\nimport time; time.sleep(60)"]
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            yield child
        finally:
            child.kill()


def test_the_child_of_a_living_command_is_left_alone(project: Project) -> None:
    with sleeper(living.mark(project.id)) as child:
        living.end_left(project.id)
        assert child.poll() is None


@pytest.mark.parametrize("begun", ["0", "None"])
def test_the_child_of_a_command_that_is_gone_is_ended(project: Project, begun: str) -> None:
    """Also where a stranger has the command's number by now: this process is one."""
    with sleeper({living.MARK: f"{project.id}/{os.getpid()}/{begun}"}) as child:
        assert living.left(project.id) == [child.pid]
        living.end_left(project.id)
        assert child.wait(10) < 0


def test_one_that_does_not_listen_is_killed(project: Project) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    with sleeper({living.MARK: f"{project.id}/1/gone"}, deaf) as child:
        living.end_left(project.id)
        assert child.wait(10) == -9


@pytest.mark.parametrize("value", ["another-12345678/1/gone", "", "nonsense", "{id}", "{id}/x/y", "{id}//"])
def test_what_is_not_this_projects_is_left_alone(project: Project, value: str) -> None:
    with sleeper({living.MARK: value.format(id=project.id)}) as child:
        living.end_left(project.id)
        assert child.poll() is None
    assert living.marks(living.MARK).get(child.pid) is None


def test_a_signal_goes_to_no_group() -> None:
    code = "from gaiaflow.infra.host import living; living.signal(0, 9); living.signal(-1, 0); print('lives')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, start_new_session=True
    )
    assert (done.returncode, done.stdout) == (0, "lives\n")


def test_a_program_is_named_without_ps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert living.name_of(os.getpid()) not in {"", "?"}
    assert living.name_of(2**22 + 1) == "?"
