"""A worker that is killed while it writes a result, and a clock that jumps: all of a result or none of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from evidence import Evidence

RUNNER = Path(__file__).parents[2] / "gaiaflow" / "runner.py"
MODULE = "def large(size):\n    return ['x' * 1000] * size\n"
TRIES = 12
ENTRIES = 30_000


def _begin(folder: Path, result: Path) -> subprocess.Popen[bytes]:
    call = {"protocol": 1, "function": "large:large", "args": [ENTRIES], "kwargs": {}, "params": {}}
    environ = {
        "GAIAFLOW_CALL": json.dumps(call),
        "GAIAFLOW_RESULT_FILE": str(result),
        "GAIAFLOW_CODE": str(folder),
        "PATH": os.defpath,
    }
    return subprocess.Popen([sys.executable, str(RUNNER)], env=environ)


def test_a_killed_worker_leaves_all_of_a_result_or_none(tmp_path: Path, evidence: Evidence) -> None:
    (tmp_path / "large.py").write_text(MODULE)
    cut = 0
    for number in range(TRIES):
        result = tmp_path / f"result{number}.json"
        child = _begin(tmp_path, result)
        deadline = time.monotonic() + 60
        while child.poll() is None and not list(tmp_path.glob(f"{result.name}*.tmp")):
            assert time.monotonic() < deadline
        time.sleep(0.002 * number)
        child.kill()
        child.wait()
        if result.exists():
            assert len(json.loads(result.read_text())) == ENTRIES
        cut += not result.exists()
    assert cut
    evidence.add(
        "fault",
        f"a worker killed while it writes a result of 30 MB, {TRIES} moments",
        "the file holds all of it or is not there",
    )
