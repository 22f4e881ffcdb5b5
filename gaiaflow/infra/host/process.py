"""The one place that starts other processes: run one and read it, or find out who one is."""

from __future__ import annotations

import codecs
import io
import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from signal import SIGKILL, SIGTERM
from subprocess import DEVNULL, PIPE, STDOUT, Popen, TimeoutExpired
from typing import Any

from gaiaflow.errors import GaiaflowError, MissingError

TAIL = 20
# For what has no limit of its own.
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
        MissingError: there is no such program, or no such folder.
        GaiaflowError: it ended with another code than 0 (with check), or took longer than timeout.
    """
    command = [str(part) for part in argv]
    limit = timeout or LONGEST
    try:
        if tell:
            output = _watched(command, env, cwd, limit, hint, tell)
        else:
            child = _open(command, hint, env=env, cwd=cwd, umask=umask, stdin=PIPE, stderr=PIPE)
            output = _quiet(child, text, limit)
    except TimeoutExpired:
        raise GaiaflowError(f"`{' '.join(command[:4])}` did not end within {limit:.0f} s", hint) from None
    if check and output.code:
        raise GaiaflowError(f"`{' '.join(command[:4])}` ended with {output.code}:\n{output.tail}", hint)
    return output


def _open(argv: Sequence[str], hint: str, *, cwd: Path | None = None, **settings: Any) -> Popen[str]:
    """A child with a process group of its own, so that a time-out ends whatever it started too.

    Raises:
        MissingError: there is no such program, or no such folder.
    """
    if cwd and not cwd.is_dir():
        raise MissingError(f"no folder `{cwd}` to run `{argv[0]}` in", hint)
    try:
        return Popen(
            argv, cwd=cwd, stdout=PIPE, encoding="utf-8", errors="replace", start_new_session=True, **settings
        )
    except FileNotFoundError:
        raise MissingError(f"`{argv[0]}` is not on PATH", hint) from None


def _quiet(child: Popen[str], text: str | None, limit: float) -> Output:
    with child:
        try:
            stdout, stderr = child.communicate(text or "", timeout=limit)
        except BaseException:
            _end_group(child)
            raise
    return Output(child.returncode, stdout, stderr)


def _end_group(child: Popen[str]) -> None:
    """End the child and what it started: ask, wait, then kill."""
    for number, patience in ((SIGTERM, 2.0), (SIGKILL, None)):
        with suppress(ProcessLookupError, PermissionError):  # macOS refuses a group of zombies
            os.killpg(child.pid, number)
        with suppress(TimeoutExpired):
            child.wait(patience)


def _watched(
    command: list[str],
    env: Mapping[str, str] | None,
    cwd: Path | None,
    limit: float,
    hint: str,
    tell: Callable[[str], None],
) -> Output:
    """For long work that shows what it is at."""
    kept: list[str] = []
    report = lines(command, env=env, cwd=cwd, timeout=limit, hint=hint)
    while True:
        try:
            line = next(report)
        except StopIteration as end:
            return Output(end.value, "".join(kept), "")
        kept.append(line)
        tell(line)


def lines(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float,
    hint: str = "",
) -> Generator[str, None, int]:
    """What it prints on both streams, line by line as it comes; the generator returns its exit code.

    The process, and what it started, ends with the generator.

    Args:
        timeout: seconds until it has to be at its end.

    Raises:
        MissingError: there is no such program.
        TimeoutExpired: it took longer.
    """
    with _open(argv, hint, env=env, cwd=cwd, stdin=DEVNULL, stderr=STDOUT) as child:
        deadline = time.monotonic() + timeout
        try:
            yield from _until(child, deadline, timeout)
            return child.wait(max(0.1, deadline - time.monotonic()))
        except BaseException:
            _end_group(child)
            raise


def _until(child: Popen[str], deadline: float, limit: float) -> Iterator[str]:
    """Its lines up to the deadline, also when a process that left its group holds the pipe."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")("replace"), translate=True)
    rest = ""
    for chunk in _chunks(child, deadline, limit):
        *whole, rest = (rest + decoder.decode(chunk, final=not chunk)).split("\n")
        yield from (f"{line}\n" for line in whole)
    if rest:
        yield rest


def _chunks(child: Popen[str], deadline: float, limit: float) -> Iterator[bytes]:
    """What comes through the pipe; the last chunk is empty."""
    if child.stdout is None:
        return
    with DefaultSelector() as selector:
        selector.register(child.stdout, EVENT_READ)
        chunk = b" "
        while chunk:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutExpired(child.args, limit)
            yield (chunk := os.read(child.stdout.fileno(), 1 << 16))


def detach(argv: Sequence[str], *, env: Mapping[str, str], log: Path) -> Popen[bytes]:
    """Start one that outlives this process, in a session of its own; both its streams go to the log."""
    with log.open("w", encoding="utf-8") as stream:
        return Popen(
            argv,
            env=env,
            cwd="/",
            stdin=DEVNULL,
            stdout=stream,
            stderr=STDOUT,
            start_new_session=True,
        )
