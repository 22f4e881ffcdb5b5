"""Sends a signal to a command at a chosen moment: after a line that it printed, and a little later."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass

from small_project import SmallProject


@dataclass(frozen=True)
class Moment:
    """When a command gets which signal.

    Attributes:
        after: a pattern of the line that it has printed; empty for the very beginning.
        delay: seconds after that line.
        group: the whole process group gets it, as from Ctrl-C on a terminal.
    """

    command: tuple[str, ...]
    after: str
    delay: float
    number: signal.Signals
    group: bool = False

    def __str__(self) -> str:
        whom = " to the group" if self.group else ""
        return (
            f"{self.command[0]} {self.number.name}{whom} {self.delay} s after {self.after or 'the beginning'}"
        )


def interrupt(small: SmallProject, moment: Moment) -> tuple[int, str]:
    """Run the command, signal it, wait for its end; its code and what it said."""
    child = small.begin(*moment.command)
    try:
        said = _until(child, moment.after)
        time.sleep(moment.delay)
        if child.poll() is None:
            (os.killpg if moment.group else os.kill)(child.pid, moment.number)
        rest, _ = child.communicate(timeout=60)
        return child.returncode, said + rest
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()


def _until(child: subprocess.Popen[str], pattern: str) -> str:
    """What it says up to the line; all, where the line never comes."""
    assert child.stdout is not None
    said = ""
    while pattern and (line := child.stdout.readline()):
        said += line
        if re.search(pattern, line):
            break
    return said


def assert_told_to_end(moment: Moment, code: int, said: str) -> None:
    """It died of SIGKILL, or ended with the shell's code and one line; or it had ended before."""
    if moment.number is signal.SIGKILL or code == 0:
        assert code in (0, -9)
        return
    if not moment.after and code in (-moment.number, 1):  # Python itself had not come to the command yet
        assert "backend" not in said
        return
    assert code == 128 + moment.number, f"{moment}: {code}\n{said}"
    assert f"error: interrupted by {moment.number.name}" in said
    assert "Traceback" not in said
