"""The machine loses its power: engine and containers die at once; with the engine the stack comes back."""

from __future__ import annotations

import json
import os
import subprocess
import time

import pytest
from evidence import Evidence
from small_project import ROOT, SmallProject

pytestmark = pytest.mark.engine
REBOOT = "GAIAFLOW_TEST_REBOOT"
PATIENCE = 120


def _states(composed: SmallProject) -> set[str]:
    services = json.loads(composed.inv("dev.status", "--json"))["services"]
    return {services[name]["state"] for name in ("s3", "mlflow")}


@pytest.mark.full
def test_the_stack_is_there_after_a_reboot(composed: SmallProject, evidence: Evidence) -> None:
    if not (command := os.environ.get(REBOOT)):
        pytest.skip(f"`{REBOOT}` names no program that restarts the Docker engine")
    composed.start("--service", "mlflow", backend="docker")
    made = composed.clients("make", "reboot")
    subprocess.run([command], cwd=ROOT, check=True, timeout=300)
    begun = time.monotonic()
    while _states(composed) != {"running"} and time.monotonic() < begun + PATIENCE:
        time.sleep(1)
    assert _states(composed) == {"running"}
    assert composed.clients("list") == made
    composed.stop()
    assert composed.containers() == []
    assert composed.processes() == {}
    evidence.add(
        "kill",
        "reboot: SIGKILL to the engine and to everything in containers, then the engine again, docker",
        "s3 and mlflow come back by themselves; every object, run and model is there; stop leaves nothing",
    )
