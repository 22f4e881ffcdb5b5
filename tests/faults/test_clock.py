"""The clock was ahead when the stack started and was put right: what is dated in the future blocks nothing.

The clock itself is not moved: under libfaketime Python's own sleep fails (EINVAL), and the S3 store is a static
program that no preloaded library reaches. The traces of a jump are made instead: remembered start and DAG
file lie two hours ahead.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest
from evidence import Evidence
from small_project import SmallProject

from gaiaflow.stack.services import state

pytestmark = pytest.mark.stack
AHEAD = 7200


@pytest.mark.full
def test_a_run_after_the_clock_was_put_back(small: SmallProject, evidence: Evidence) -> None:
    small.start()
    future = time.time() + AHEAD
    state.write(small.project, replace(state.read(small.project), began=future))
    os.utime(small.root / "dags" / "kept.py", (future, future))
    small.inv("dag.run", "kept", "--wait", "120")
    small.inv("dev.status")
    small.stop()
    small.assert_nothing_left()
    evidence.add(
        "fault",
        "the clock was two hours ahead at the start and is put right (its traces are made)",
        "the next `dag.run` succeeds; stop leaves nothing",
    )
