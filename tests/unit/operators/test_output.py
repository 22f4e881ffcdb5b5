"""What a child writes is read to its end, and no longer."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from gaiaflow.operators.output import output_of

LEAVES = """
import subprocess, sys
print("before", flush=True)
left = subprocess.Popen([sys.executable, "-c", {left!r}])
print(left.pid)
"""
QUIET = "import time; time.sleep(30)"
CHATTY = "import time\nfor _ in range(3000):\n    print('still here', flush=True); time.sleep(0.01)"


def start(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)


@pytest.mark.parametrize("left", [QUIET, CHATTY], ids=["quiet", "chatty"])
def test_a_process_left_behind_does_not_hold_up_the_end(left: str) -> None:
    began = time.monotonic()
    process = start(LEAVES.format(left=left))
    lines = b"".join(output_of(process)).decode().split("\n")
    pid = next(int(line) for line in lines if line.isdigit())
    subprocess.run(["kill", str(pid)], check=True)  # fails when it has ended by itself
    assert time.monotonic() - began < 15
    assert lines[0] == "before"
    assert process.wait() == 0


def test_all_that_was_written_is_read_when_the_reader_is_slow() -> None:
    process = start("import sys; sys.stdout.write('x' * 300_000)")
    size = 0
    for chunk in output_of(process):
        size += len(chunk)
        time.sleep(0.05)
    assert size == 300_000


def test_a_child_that_closes_its_output_goes_on() -> None:
    process = start("import os, time; os.close(1); time.sleep(0.5)")
    assert list(output_of(process)) == []
    assert process.wait() == 0
