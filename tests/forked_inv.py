"""`inv` for the unit tests: a process that has loaded it once forks itself for each call.

To start Python and import a command takes a second, most of which a fork saves. Folder, environment, streams,
exit code and the end of the interpreter are the call's own. A test of how a program starts calls the program.
"""

from __future__ import annotations

import atexit
import json
import os
import pkgutil
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECONDS = 90
# What commands import late, and what depends on no variable when it is imported.
LATE = ("copier", "docker", "dotenv", "pydantic", "rich.live", "rich.table", "yaml")


def inv(
    folder: Path, *argv: str | Path, env: Mapping[str, str] | None = None, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """How `inv` ended there.

    Args:
        env: the whole environment; by default this process's.
        text: what stands on stdin, which is no terminal.
    """
    with tempfile.TemporaryDirectory() as streams:
        given, out, err = (Path(streams, name) for name in ("in", "out", "err"))
        given.write_text(text, encoding="utf-8")
        words = [str(word) for word in argv]
        call = {
            "argv": words,
            "cwd": str(folder),
            "env": dict(os.environ if env is None else env),
            "streams": [str(given), str(out), str(err)],
        }
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(call) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        told = (file.read_text(encoding="utf-8") for file in (out, err))
        return subprocess.CompletedProcess(["inv", *words], code, *told)


@cache
def _server() -> subprocess.Popen[str]:
    """It ends with this process."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("GAIAFLOW_", "PYTEST_"))}
    server = subprocess.Popen(
        [sys.executable, __file__],
        env={**env, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)
    return server


def _serve() -> None:
    """Answer each call with the exit code of a fork; the fork returns from here as a program that begins."""
    import gaiaflow.lifecycle as package

    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        import_module(module.name)
    for name in ("invoke.main", *LATE):
        import_module(name)
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    while line := requests.readline():
        child = os.fork()
        if not child:
            for end in (requests, answers):
                os.close(end.fileno())
            _become(json.loads(line))
            return
        answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        answers.flush()
    raise SystemExit


def _become(call: dict[str, list[str]]) -> None:
    signal.alarm(SECONDS)
    os.chdir(str(call["cwd"]))
    os.environ.clear()
    os.environ.update(dict(call["env"]))
    for number, file in enumerate(call["streams"]):
        opened = os.open(file, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv[1:] = call["argv"]
    sys.path[0] = str(call["cwd"])


if __name__ == "__main__":
    _serve()
    runpy.run_module("invoke", run_name="__main__", alter_sys=True)
