"""A command that is told to end says so in one line, with the shell's exit code, after it has cleaned up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[4]
TASKS = """
import os, time
from invoke import Collection
from gaiaflow.lifecycle.terminal import lifecycle_task, say

@lifecycle_task
def work(c):
    "Work until told to end."
    try:
        say("at work")
        time.sleep(60)
    finally:
        say("clean")

ns = Collection(work)
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_it_cleans_up_and_says_so(tmp_path: Path, number: signal.Signals, code: int) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    argv = [sys.executable, "-m", "invoke", "work"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    options: dict[str, Any] = {"cwd": tmp_path, "env": env, "stderr": subprocess.PIPE, "text": True}
    # Under nohup, and in the background of a script, signals are ignored, and children inherit that.
    heard = partial(signal.signal, number, signal.SIG_DFL)
    with subprocess.Popen(argv, **options, preexec_fn=heard) as child:  # noqa: PLW1509 - no threads here
        assert child.stderr is not None
        assert child.stderr.readline() == "at work\n"
        child.send_signal(number)
        told = child.stderr.read()
        assert child.wait(20) == code
    assert "clean" in told.splitlines()
    assert f"error: interrupted by {number.name}" in told.splitlines()
    assert "Traceback" not in told
