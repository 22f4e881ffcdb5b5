"""The supervisor of the embedded stack: a supervisord per project, spoken to over its socket.

supervisord is started once, knows every program by name, and starts none by itself. What a program is
is kept in a 0600 file that `launch.py` reads when it starts, so a port can move between two starts.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import sys
import tempfile
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gaiaflow import envvar
from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.infra.host import living, privatefile, process, wait
from gaiaflow.stack.embedded import launch, unixrpc
from gaiaflow.stack.services.program import SOCKET_MAX, Program

STOP_SECONDS = 6
# supervisord carries it, so that one whose start was cut off before it was recorded is found.
MARK = envvar.SUPERVISOR
NEAR_SOCKET = "supervisor.sock"
# In a folder of its own, where the home lies too deep for a socket.
FAR_SOCKET = "gaiaflow.sock"
FAR_FOLDER = "gaiaflow-"
_COMMENT = re.compile(r"\s[#;]")
_PID_BYTES = len(".4194304")
_ALIVE = ("RUNNING", "STARTING")
# Paths are relative to the folder it is started in: supervisord expands % once in some values, twice in others.
_HEAD = """\
[supervisord]
logfile=../logs/supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile=supervisord.pid
umask=077
minfds=256
[unix_http_server]
file={socket}
chmod=0600
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
_PROGRAM = """\
[program:{name}]
command={command}
autostart=false
autorestart=unexpected
startretries=0
startsecs=1
stopasgroup=true
killasgroup=true
stopwaitsecs={patience}
redirect_stderr=true
stdout_logfile=../logs/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=1
"""


@dataclass(frozen=True)
class ProcessState:
    """One program as supervisord sees it."""

    name: str
    state: str
    pid: int
    why: str

    @property
    def alive(self) -> bool:
        return self.state in _ALIVE


class Supervisor:
    """The supervisord of one project.

    Args:
        home: the project's `.gaiaflow`; logs go to `logs/`, the rest to `run/`.
    """

    def __init__(self, home: Path) -> None:
        self.home, self.run, self.logs = home, home / "run", home / "logs"
        self._record = self.run / "supervisor.json"

    def running(self) -> bool:
        """Whether supervisord lives: the recorded pid, and begun when it was recorded."""
        return self._recorded_pid() is not None

    def _recorded_pid(self) -> int | None:
        """supervisord's pid; never that of a stranger who has its number by now."""
        record = privatefile.read_json(self._record)
        return living.recorded(record) if isinstance(record.get("socket"), str) else None

    def _end_strays(self) -> None:
        living.end(lambda: living.marked(MARK, str(self.run)))

    def make_folders(self) -> None:
        """Make what a start writes to; a look at the stack makes nothing."""
        for folder in (self.home, self.run, self.logs):
            privatefile.folder(folder)

    def ensure(self, names: Iterable[str]) -> None:
        """Start supervisord when it does not run."""
        if self.running():
            return
        self._end_strays()
        self.make_folders()
        socket = self._socket_path()
        socket.unlink(missing_ok=True)
        conf = privatefile.write(self.run / "supervisord.conf", configuration(socket, names))
        argv = [sys.executable, "-m", "supervisor.supervisord", "-c", conf.name]
        hint = f"read {self.logs / 'supervisord.log'}"
        env = {**os.environ, MARK: str(self.run)}
        try:
            process.run(argv, env=env, cwd=self.run, timeout=30, umask=0o077, hint=hint)
            pid = self._await_pid(socket)
        except BaseException:
            self._end_strays()  # nobody would know of it
            raise
        privatefile.write_json(
            self._record, {"pid": pid, "started": living.started(pid), "socket": str(socket)}
        )

    def _socket_path(self) -> Path:
        near = self.run / NEAR_SOCKET
        # supervisord binds `NAME.PID` first; the limit is in bytes.
        if len(os.fsencode(near)) + _PID_BYTES <= SOCKET_MAX:
            return near
        kept = privatefile.read_json(self._record).get("socket")
        if isinstance(kept, str) and Path(kept).name == FAR_SOCKET and Path(kept).parent.is_dir():
            return Path(kept)
        return Path(tempfile.mkdtemp(prefix=FAR_FOLDER)) / FAR_SOCKET

    def _await_pid(self, socket: Path) -> int:
        def answer() -> int:
            with contextlib.suppress(OSError, xmlrpc.client.Error):
                return int(_client(socket).getPID())
            return 0

        if pid := wait.until(answer, 20):
            return pid
        raise GaiaflowError("supervisord did not answer within 20 s", f"read {self.logs / 'supervisord.log'}")

    def _file(self, name: str) -> Path:
        return self.run / f"{name}.json"

    def log(self, name: str) -> Path:
        """Where a program's output goes."""
        return self.logs / f"{name}.log"

    def start(self, program: Program) -> None:
        """Start one program, without waiting for more than its process."""
        umask = None if program.private else _umask()
        content = {"argv": program.argv, "env": program.env, "cwd": str(program.cwd), "umask": umask}
        privatefile.write_json(self._file(program.name), content)
        try:
            self._call().startProcess(program.name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise GaiaflowError(f"`{program.name}` cannot start: {fault.faultString}") from None

    def states(self) -> dict[str, ProcessState]:
        """Each program's state by name; empty when supervisord does not run."""
        if not self.running():
            return {}
        try:
            found = self._call().getAllProcessInfo()
        except (OSError, xmlrpc.client.Error):  # it ends at this moment
            return {}
        return {i["name"]: ProcessState(i["name"], i["statename"], i["pid"], i["spawnerr"]) for i in found}

    def stop(self, names: Iterable[str]) -> None:
        """Stop these programs at the same time, with all of their group."""
        wanted = set(names)
        alive = [name for name, state in self.states().items() if state.alive and name in wanted]
        for name in alive:
            with contextlib.suppress(xmlrpc.client.Fault):
                self._call().stopProcess(name, False)
        wait.until(lambda: not self._stopping(alive), STOP_SECONDS + 2, 0.1)

    def _stopping(self, names: list[str]) -> bool:
        states = self.states()
        return any(states[name].pid for name in names if name in states)

    def shutdown(self) -> None:
        """End supervisord itself, and with it what still runs under it."""
        pid = self._recorded_pid()
        if pid is not None:
            with contextlib.suppress(OSError, xmlrpc.client.Error):
                self._call().shutdown()
            self._await_end(pid)
        self._end_strays()
        self._remove_far_socket()
        self._record.unlink(missing_ok=True)

    def _remove_far_socket(self) -> None:
        """Only what this made: the record is a file, and a file can hold anything."""
        socket = Path(str(privatefile.read_json(self._record).get("socket", "")))
        if socket.name == FAR_SOCKET and socket.parent.name.startswith(FAR_FOLDER):
            socket.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                socket.parent.rmdir()

    def _await_end(self, pid: int) -> None:
        if not wait.until(lambda: not self.running(), STOP_SECONDS + 2):
            living.signal(pid, signal.SIGKILL)

    def _call(self) -> Any:
        return _client(Path(privatefile.read_json(self._record)["socket"]))


def configuration(socket: Path, names: Iterable[str]) -> str:
    """supervisord.conf: where it listens, and every program by name."""
    near = socket.name if socket.name == NEAR_SOCKET else str(socket)
    start = [sys.executable, "-I", "-S", str(launch.__file__)]
    for path in (sys.executable, str(launch.__file__)):
        if _COMMENT.search(path):
            raise UsageError(
                f"`{path}` has a space before `#` or `;`, which supervisord reads as a comment",
                "rename the folder, then: make setup",
            )
    blocks = [
        _PROGRAM.format(
            name=name, command=shlex.join([*start, f"{name}.json"]).replace("%", "%%"), patience=STOP_SECONDS
        )
        for name in names
    ]
    return _HEAD.format(socket=near) + "".join(blocks)


def _client(socket: Path) -> Any:
    return unixrpc.connect(socket).supervisor


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current
