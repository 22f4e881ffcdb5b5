"""The one door to other processes: run one and read it, or find out who one is."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM

from gaiaflow.errors import GaiaflowError, MissingError

TAIL = 20
# What is watched without a limit of its own.
LONGEST = 6 * 3600


@dataclass(frozen=True)
class Output:
    """What a finished process left."""

    code: int
    stdout: str
    stderr: str

    @property
    def tail(self) -> str:
        """The last lines of both streams, for an error message."""
        return "\n".join((self.stdout + self.stderr).splitlines()[-TAIL:])


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    check: bool = True,
    text: str | None = None,
    umask: int = -1,
    hint: str = "",
    tell: Callable[[str], None] | None = None,
) -> Output:
    """Run to the end, quietly; its output is shown only when it fails.

    Args:
        env: the whole environment; None inherits.
        text: what it reads on stdin; nothing by default, never the terminal.
        umask: which rights its files do not get; -1 inherits.
        hint: the next step for a person when it fails.
        tell: takes each line of either stream as it comes; both are then stdout in what is returned.

    Raises:
        MissingError: there is no such program.
        GaiaflowError: it ended with another code than 0 (with check), or took longer than timeout.
    """
    command = [str(part) for part in argv]
    try:
        if tell:
            output = _watched(command, env, timeout, hint, tell)
        else:
            done = subprocess.run(
                command,
                env=env,
                cwd=cwd,
                timeout=timeout,
                umask=umask,
                input=text or "",
                capture_output=True,
                text=True,
                check=False,
            )
            output = Output(done.returncode, done.stdout, done.stderr)
    except FileNotFoundError:
        raise MissingError(f"`{command[0]}` is not on PATH", hint) from None
    except subprocess.TimeoutExpired:
        raise GaiaflowError(f"`{' '.join(command[:4])}` did not end within {timeout:.0f} s", hint) from None
    if check and output.code:
        raise GaiaflowError(f"`{' '.join(command[:4])}` ended with {output.code}:\n{output.tail}", hint)
    return output


def _watched(
    command: list[str],
    env: Mapping[str, str] | None,
    timeout: float | None,
    hint: str,
    tell: Callable[[str], None],
) -> Output:
    """`subprocess.run` for long work that shows what it is at."""
    begun = time.monotonic()
    limit = timeout or LONGEST
    kept: list[str] = []
    report = lines(command, env=env, timeout=limit, hint=hint)
    while True:
        try:
            line = next(report)
        except StopIteration as end:
            if end.value == -SIGKILL and time.monotonic() - begun >= limit:
                raise subprocess.TimeoutExpired(command, limit) from None
            return Output(end.value, "".join(kept), "")
        kept.append(line)
        tell(line)


def lines(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, timeout: float, hint: str = ""
) -> Generator[str, None, int]:
    """What it prints on both streams, line by line as it comes; the generator returns its exit code.

    The process ends with the generator, and when it takes longer than timeout.

    Raises:
        MissingError: there is no such program.
    """
    try:
        child = subprocess.Popen(
            argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    except FileNotFoundError:
        raise MissingError(f"`{argv[0]}` is not on PATH", hint) from None
    watchdog = threading.Timer(timeout, child.kill)
    watchdog.start()
    try:
        yield from child.stdout or ()
        return child.wait()
    finally:
        watchdog.cancel()
        if child.poll() is None:
            child.terminate()
            child.wait()


def detach(argv: Sequence[str], *, env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start one that outlives this process, in a session of its own; both its streams go to the log."""
    with log.open("w", encoding="utf-8") as stream:
        return subprocess.Popen(
            argv,
            env=env,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def started(pid: int) -> str | None:
    """When a process began, as a word that another process of the same pid will not have; None without it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None if Path("/proc/self").exists() else _started_by_ps(pid)
    return None if fields[0] == "Z" else fields[19]


def _started_by_ps(pid: int) -> str | None:
    output = run(["ps", "-o", "lstart=", "-p", str(pid)], check=False)
    return output.stdout.strip() or None


def name_of(pid: int) -> str:
    """The program's name, for a message; its arguments may hold secrets and stay out."""
    return run(["ps", "-o", "comm=", "-p", str(pid)], check=False).stdout.strip() or "?"


def signal(pid: int, number: int) -> None:
    """Send a signal; a process that is gone by now is fine. Never to a group, which 0 and less would mean."""
    if pid > 0:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def marked(variable: str, value: str) -> list[int]:
    """The living processes of this user whose environment carries the mark, wherever they moved to.

    The mark is inherited, so it finds what left its process group. Empty where there is no /proc.
    """
    return [pid for pid, found in marks(variable).items() if found == value]


def marks(variable: str) -> dict[int, str]:
    """The variable's value in the living processes of this user that started with it, by pid."""
    needle = f"{variable}=".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        value = next((entry for entry in environment if entry.startswith(needle)), None)
        if value is not None and pid != os.getpid() and started(pid):
            found[pid] = os.fsdecode(value[len(needle) :])
    return found


def end(find: Callable[[], Iterable[int]]) -> None:
    """End the processes that `find` names: ask, wait 2 s, then kill, also what they made meanwhile."""
    for number, patience in ((SIGTERM, 2.0), (SIGKILL, 1.0)):
        deadline = time.monotonic() + patience
        left = list(find())
        for pid in left:
            signal(pid, number)
        while left and time.monotonic() < deadline:
            time.sleep(0.1)
            left = [pid for pid in left if started(pid)]
