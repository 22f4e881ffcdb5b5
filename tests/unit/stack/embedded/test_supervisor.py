"""A real supervisord over small programs: start, die, stop with all children, secrets out of sight."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.infra.host import living
from gaiaflow.stack.embedded import supervisor
from gaiaflow.stack.embedded.supervisor import Supervisor
from gaiaflow.stack.services.program import SOCKET_MAX, Program

pytest.importorskip("supervisor")
NAMES = ("one", "two")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Supervisor]:
    found = Supervisor(tmp_path / "home")
    found.ensure(NAMES)
    yield found
    found.shutdown()


def program(name: str, code: str, tmp_path: Path, **env: str) -> Program:
    return Program(name, [sys.executable, "-I", "-S", "-u", "-c", code], {"PATH": os.defpath, **env}, tmp_path)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_program_gets_its_environment_and_no_other(running: Supervisor, tmp_path: Path) -> None:
    code = "import os, time; print(sorted(os.environ)); print(os.environ['SECRET']); time.sleep(60)"
    running.start(program("one", code, tmp_path, SECRET='a "quoted" %s value'))
    until(lambda: running.log("one").exists() and 'a "quoted" %s value' in running.log("one").read_text())
    assert "HOME" not in running.log("one").read_text()


def test_the_files_with_environments_are_private(running: Supervisor, tmp_path: Path) -> None:
    running.start(program("one", "import time; time.sleep(60)", tmp_path))
    assert {file.stat().st_mode & 0o077 for file in running.run.iterdir()} == {0}


def test_a_program_that_ends_is_seen(running: Supervisor, tmp_path: Path) -> None:
    running.start(program("one", "print('no config'); raise SystemExit(3)", tmp_path))
    until(lambda: not running.states()["one"].alive)
    assert "no config" in running.log("one").read_text()


def test_stop_takes_the_children_along(running: Supervisor, tmp_path: Path) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    running.start(program("one", code, tmp_path, GAIAFLOW_TEST=str(tmp_path)))
    until(lambda: len(living.marked("GAIAFLOW_TEST", str(tmp_path))) == 2)
    running.stop(["one"])
    # The system may take a moment to end it.
    until(lambda: living.marked("GAIAFLOW_TEST", str(tmp_path)) == [])


def test_stop_leaves_the_others(running: Supervisor, tmp_path: Path) -> None:
    for name in NAMES:
        running.start(program(name, "import time; time.sleep(60)", tmp_path))
    running.stop(name for name in NAMES if name == "one")
    states = running.states()
    assert (states["one"].alive, states["two"].alive) == (False, True)


def test_starting_twice_keeps_the_process(running: Supervisor, tmp_path: Path) -> None:
    sleeper = program("one", "import time; time.sleep(60)", tmp_path)
    running.start(sleeper)
    first = running.states()["one"].pid
    running.start(sleeper)
    assert running.states()["one"].pid == first


def test_shutdown_ends_everything(tmp_path: Path) -> None:
    found = Supervisor(tmp_path / "home")
    found.ensure(NAMES)
    try:
        found.start(program("one", "import time; time.sleep(60)", tmp_path, GAIAFLOW_TEST=str(tmp_path)))
    finally:
        found.shutdown()
    assert not found.running()
    assert living.marked("GAIAFLOW_TEST", str(tmp_path)) == []


def test_a_recycled_pid_is_not_taken_for_the_supervisor(tmp_path: Path) -> None:
    found = Supervisor(tmp_path / "home")
    found.make_folders()
    (found.run / "supervisor.json").write_text(
        f'{{"pid": {os.getpid()}, "started": "0", "socket": "{tmp_path}/s"}}'
    )
    assert not found.running()
    found.shutdown()
    assert living.started(os.getpid())


def test_a_deep_home_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    home = tmp_path / ("deep" * 30) / "100% 'odd' home"
    home.parent.mkdir()
    found = Supervisor(home)
    found.ensure(NAMES)
    try:
        found.start(program("one", "print('here', flush=True); import time; time.sleep(60)", tmp_path))
        until(lambda: "here" in (found.log("one").read_text() if found.log("one").exists() else ""))
        socket = Path(supervisor.privatefile.read_json(found.run / "supervisor.json")["socket"])
        assert len(str(socket)) <= SOCKET_MAX
        assert socket.parent.stat().st_mode & 0o077 == 0
    finally:
        found.shutdown()
    assert not socket.parent.exists()


def test_one_that_answers_nobody_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine it may come up after the patience for it has ended."""
    found = Supervisor(tmp_path / "home")

    def late(_socket: Path) -> int:
        raise GaiaflowError("supervisord did not answer")

    monkeypatch.setattr(found, "_await_pid", late)
    with pytest.raises(GaiaflowError):
        found.ensure(NAMES)
    assert living.marked(supervisor.MARK, str(found.run)) == []


def test_one_that_was_never_recorded_is_found(running: Supervisor) -> None:
    """Its start was cut off by SIGKILL between the two."""
    assert len(living.marked(supervisor.MARK, str(running.run))) == 1
    (running.run / "supervisor.json").unlink()
    running.shutdown()
    assert living.marked(supervisor.MARK, str(running.run)) == []


def test_the_length_of_a_socket_is_counted_in_bytes() -> None:
    """The system allows 108 with supervisord's `.PID`; these are 84 characters, and more bytes."""
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        home = Path(short) / ("п" * (59 - len(short))) / "home"
        home.parent.mkdir()
        found = Supervisor(home)
        assert len(str(found.run / supervisor.NEAR_SOCKET)) <= 85
        found.ensure(NAMES)
        try:
            assert found.running()
        finally:
            found.shutdown()


@pytest.mark.parametrize("folder", ["my #1 project", "a ;b"])
def test_a_path_that_supervisord_takes_for_a_comment_is_refused(
    monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    python = f"/home/ann/{folder}/.venv/bin/python"
    monkeypatch.setattr(sys, "executable", python)
    with pytest.raises(UsageError) as caught:
        supervisor.configuration(Path("/tmp/x"), NAMES)
    assert caught.value.message == (
        f"`{python}` has a space before `#` or `;`, which supervisord reads as a comment"
    )
    assert caught.value.hint == "rename the folder, then: make setup"
