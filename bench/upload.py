"""An artifact of 1 GiB through MLflow's server, in parts and in one piece; needs a running stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import Figure, paired

NAME = "an artifact of 1 GiB in parts against one piece"
ROUNDS = 3
WANTED = ("MLFLOW_TRACKING_URI", "MLFLOW_PYTHON")
CODE = """
import json, sys, time, mlflow
mlflow.set_experiment("bench")
with mlflow.start_run():
    begun = time.perf_counter()
    mlflow.log_artifact(sys.argv[1])
    seconds = time.perf_counter() - begun
print(json.dumps({"seconds": seconds}))
"""


def figures() -> list[Figure]:
    """Both ways in turn, by a Python that has mlflow."""
    if missing := [name for name in WANTED if not os.environ.get(name)]:
        print(f"   left out: an upload to MLflow: {', '.join(missing)} not set")
        return []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "artifact.bin"
        file.write_bytes(os.urandom(2**20) * 2**10)
        return [paired(NAME, 1, lambda: seconds(file, "true"), lambda: seconds(file, "false"), ROUNDS)]


def seconds(file: Path, in_parts: str) -> float:
    """How long one upload takes."""
    done = subprocess.run(
        [os.environ["MLFLOW_PYTHON"], "-c", CODE, file],
        env={**os.environ, "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": in_parts},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    if done.returncode:
        raise SystemExit(f"the upload failed: {done.stderr[-2000:]}")
    return float(json.loads(done.stdout.splitlines()[-1])["seconds"])


if __name__ == "__main__":
    sys.stdout.write(f"{figures()}\n")
