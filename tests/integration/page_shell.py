"""A reader's shell: lines as a page has them, on a pipe or on a terminal where a person answers."""

from __future__ import annotations

import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import uv

from gaiaflow.endpoints import PORTS
from tests import pages

SECONDS = 300
# How long an endless command may be quiet: a service that has nothing to say prints nothing.
MOMENT = 20
FOREIGN = ("GAIAFLOW_", "PYTEST", "PYTHONPATH", "VIRTUAL_ENV", "NOX_", "UV_PROJECT", "DISPLAY", "BROWSER")
ADDRESS = "https://github.com/bcdev/gaiaflow"
STARTS = {
    "gaiaflow": "from gaiaflow.__main__ import main; sys.argv[0] = 'gaiaflow'; main()",
    "copier": "import runpy; runpy.run_module('copier', run_name='__main__')",
}
Answers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Shell:
    """A folder with `gaiaflow` on PATH.

    Attributes:
        folder: where lines run.
        variables: the whole environment.
    """

    folder: Path
    variables: dict[str, str]

    def run(self, script: str, codes: Sequence[int] = (0,), seconds: float = SECONDS) -> str:
        """What some lines print on both streams; they must end with one of the codes."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=self.folder, env=self.variables,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=seconds, check=False,
        )  # fmt: skip
        assert done.returncode in codes, f"{script}\n{done.stdout[-3000:]}"
        return done.stdout

    def watch(self, line: str) -> str:
        """The first line that an endless one prints within a moment, if any, and then it gets Ctrl-C."""
        argv = ["bash", "-c", f"exec {line}"]
        with subprocess.Popen(
            argv, cwd=self.folder, env=self.variables, text=True, stdout=subprocess.PIPE
        ) as child:
            assert child.stdout
            ready, _, _ = select.select([child.stdout], [], [], MOMENT)
            first = child.stdout.readline() if ready else ""
            assert child.poll() is None, f"{line} ended: {first}"
            child.send_signal(signal.SIGINT)
            child.wait(timeout=30)
        return first

    def answer(self, script: str, answers: Answers) -> str:
        """What some lines show on a terminal where a person answers their questions; they must succeed."""
        ours, theirs = pty.openpty()
        child = subprocess.Popen(
            ["bash", "-euc", script], cwd=self.folder, env={**self.variables, "TERM": "dumb"},
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        shown, left, until = "", list(answers), time.monotonic() + SECONDS
        while time.monotonic() < until and (part := _read(ours)) is not None:
            shown += part
            if left and left[0][0] in shown:
                os.write(ours, f"{left.pop(0)[1]}\n".encode())
        os.close(ours)
        if time.monotonic() > until:  # it waits for an answer that nobody gives
            child.kill()
        assert child.wait(timeout=30) == 0, f"{script}\n{shown[-3000:]}"
        assert left == [], shown
        return shown


def _read(terminal: int) -> str | None:
    """What came within a moment; None at the end."""
    if not select.select([terminal], [], [], 0.5)[0]:
        return ""
    try:
        return os.read(terminal, 4096).decode(errors="replace")
    except OSError:  # the other end is closed
        return None


def make(folder: Path, programs: Path, **more: str) -> Shell:
    """A shell in a folder, with this clone's programs, of somebody who commits."""
    programs.mkdir()
    start = f"PYTHONPATH='{pages.ROOT}' exec '{sys.executable}'"
    lines = {name: f'{start} -c "import sys; {code}" "$@"' for name, code in STARTS.items()}
    for name, line in {**lines, "python": f'{start} "$@"'}.items():
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    (programs / "uv").symlink_to(uv.find_uv_bin())
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    kept["PATH"] = f"{programs}:{os.environ['PATH']}"
    who = {
        f"GIT_{role}_{what}": "me@localhost" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    return Shell(folder, {**kept, **who, **more})


def from_here() -> dict[str, str]:
    """Variables by which git takes this clone for the repository on GitHub."""
    found = {"GIT_CONFIG_COUNT": "2"}
    for number, address in enumerate((ADDRESS, f"{ADDRESS}.git")):
        found[f"GIT_CONFIG_KEY_{number}"] = f"url.{pages.ROOT}.insteadOf"
        found[f"GIT_CONFIG_VALUE_{number}"] = address
    return found


def free_ports() -> dict[str, str]:
    """A free port for each service, as the variables that move them."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in PORTS]
        numbers = [str(each.getsockname()[1]) for each in sockets]
    return dict(zip((entry.variable for entry in PORTS.values()), numbers, strict=True))
