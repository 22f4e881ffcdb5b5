"""atheris on the same input: so many runs each, or ten minutes in all; for Linux and some Pythons only."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from evidence import Evidence

RUNS = int(os.environ.get("GAIAFLOW_FUZZ_RUNS", "3000"))
TARGETS = ("call", "secret", "names", "conf", "project")
MINUTES = 10 if os.environ.get("GAIAFLOW_FULL_FAULTS") else 0
LIMIT = f"-max_total_time={MINUTES * 60 // len(TARGETS)}" if MINUTES else f"-runs={RUNS}"
TRIED = f"{MINUTES} minutes in all" if MINUTES else f"{RUNS} runs each"


@pytest.mark.timeout(1200)
@pytest.mark.skipif(not importlib.util.find_spec("atheris"), reason="atheris does not come for this Python")
def test_no_input_crashes(tmp_path: Path, evidence: Evidence) -> None:
    for target in TARGETS:
        argv = [sys.executable, str(Path(__file__).parent / "fuzz.py"), target]
        done = subprocess.run(
            [*argv, LIMIT, "-seed=1", "-verbosity=0"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{target}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
    evidence.add("input", f"atheris on {', '.join(TARGETS)}, {TRIED}", "no crash")
