"""A program that was killed leaves nothing beside the next one; what is not its own lives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gaiaflow import envvar
from gaiaflow.infra.host import living
from gaiaflow.stack.embedded import launch

# Forks a child, as a scheduler does its workers, and says its pid.
PROGRAM = """
import os, sys, time
child = os.fork()
if child:
    with open("child.new", "w") as file: file.write(str(child))
    os.rename("child.new", "child")
time.sleep(600)
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts the program as supervisord does, leading a group; all of it ends with the test."""
    what = {"argv": [sys.executable, "-I", "-S", "-c", PROGRAM], "cwd": str(tmp_path), "umask": None}
    (tmp_path / "program.json").write_text(json.dumps({**what, "env": {envvar.STACK: "mine-1/airflow"}}))
    started: list[subprocess.Popen[bytes]] = []

    def begin() -> subprocess.Popen[bytes]:
        (tmp_path / "child").unlink(missing_ok=True)
        argv = [sys.executable, "-I", "-S", str(launch.__file__), "program.json"]
        started.append(subprocess.Popen(argv, cwd=tmp_path, start_new_session=True))
        deadline = time.monotonic() + 30
        while not (tmp_path / "child").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        return started[-1]

    yield begin
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def child(folder: Path) -> int:
    return int((folder / "child").read_text())


def test_the_next_start_ends_the_children_of_one_that_was_killed(
    tmp_path: Path, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    first = start()
    orphan = child(tmp_path)
    first.kill()
    first.wait()
    assert living.started(orphan)
    second = start()
    assert not living.started(orphan)
    assert living.started(child(tmp_path))
    assert second.poll() is None


def test_a_process_without_the_mark_lives(tmp_path: Path, start: Callable[[], subprocess.Popen[bytes]]) -> None:
    first = start()
    foreign = child(tmp_path)
    first.kill()
    first.wait()
    file = tmp_path / "program.json"
    file.write_text(file.read_text().replace("mine-1", "mine-2"))
    start()
    assert living.started(foreign)


def test_a_number_that_another_process_has_by_now_is_left_alone(
    tmp_path: Path, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    first = start()
    start()
    assert first.poll() is None


def test_the_mark_is_that_of_the_stack() -> None:
    assert launch.MARK == envvar.STACK
