"""The matrix in one process against one process a mode."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from measure import ROOT, Figure

DAG = "parity_large"
# Those that run in the process of the test itself or beside it on this machine; a pod's time is the cluster's.
MODES = ("dev", "dev_docker", "prod")


def seconds(*modes: str) -> float:
    """One process for these modes."""
    command = [
        sys.executable,
        "-m",
        "gaiaflow.testing.matrix",
        "--here",
        "--project",
        "tests/dags",
        "--dag",
        DAG,
    ]
    env = {k: v for k, v in os.environ.items() if k != "GAIAFLOW_REQUIRE_MODES"}
    begun = time.perf_counter()
    subprocess.run(
        [*command, "--modes", ",".join(modes), "--artefacts", str(ROOT / "artefacts" / "bench")],
        cwd=ROOT,
        env={**env, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - begun


def figures() -> list[Figure]:
    seconds("dev")  # makes the database
    together = seconds(*MODES)
    apart = sum(seconds(mode) for mode in MODES)
    detail = f"{together:.1f} s against {apart:.1f} s for {', '.join(MODES)} of `{DAG}`"
    return [Figure("modes in one process against a process each", together / apart, 0.4, detail)]
