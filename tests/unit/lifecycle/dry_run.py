"""Runs commands under a guard that lets nothing start, connect or be written; JSON in, JSON out.

stdin: `[["dev.start", "--dry"], ...]`; argv[1]: the socket of the one engine that may be asked.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import platform
import sys
import traceback
from typing import Any

import urllib3.util.connection  # noqa: F401 - looks for IPv6 when it is imported
from invoke.program import Program

from gaiaflow.lifecycle.namespace import namespace

STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.system"}
REACHES = {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "os.kill", "os.killpg"}
CHANGES = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
           "os.chown", "shutil.rmtree", "tempfile.mkstemp", "tempfile.mkdtemp"}  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Guard:
    """Refuses what a dry run must not do, and remembers it in case the refusal is swallowed."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and self.forbids(event, arguments):
            self.on = False  # the traceback reads files, and says where
            where = traceback.extract_stack()[-2]
            self.seen.append(f"{event} {arguments[:2]!r} at {where.filename}:{where.lineno}")
            self.on = True
            raise RuntimeError(f"a dry run does not do this: {event} {arguments!r}")

    def forbids(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open":
            path, _, flags = arguments
            return bool(flags & WRITING) and path != os.devnull and not is_temporary(path)
        if event == "socket.connect":
            return bool(arguments[1] != self.engine)
        if event in CHANGES:
            return not is_temporary(arguments[0])
        return event in STARTS | REACHES


def is_temporary(path: object) -> bool:
    """What goes again by itself; the test looks that nothing of it stays."""
    return str(path).startswith(os.environ["TMPDIR"])


def run(guard: Guard, words: list[str]) -> dict[str, Any]:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    guard.seen = []
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        guard.on = True
        try:
            Program(namespace=namespace()).run(["inv", *words])
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            guard.on = False
    return {"code": code, "stdout": out.getvalue(), "stderr": err.getvalue(), "did": guard.seen}


if __name__ == "__main__":
    platform.processor()  # asks `uname` once, and keeps the answer; copier wants it when it is imported
    guard = Guard(sys.argv[1])
    json.dump([run(guard, words) for words in json.load(sys.stdin)], sys.stdout)
