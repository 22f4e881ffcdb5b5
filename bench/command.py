"""What the command line costs: `inv --list` against a tasks.py of one task."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from measure import ROOT, TOOLS, Figure, child, paired

ONE_TASK = 'from invoke import task\n\n\n@task\ndef hello(c):\n    """Say hello."""\n'
LATE = ("airflow", "mlflow", "kubernetes", "docker")


def listing(folder: Path) -> float:
    """Seconds, with byte code kept as on every user's machine."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    subprocess.run([TOOLS, "-m", "invoke", "--list"], cwd=folder, env=env, check=True, capture_output=True)
    return time.perf_counter() - begun


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tasks.py").write_text(ONE_TASK)
        listing(ROOT)  # writes it
        ratio = paired(
            "inv --list against a tasks.py of one task",
            1.3,
            lambda: listing(ROOT),
            lambda: listing(Path(folder)),
            9,
        )
    code = f"import sys, json, tasks; print(json.dumps({{'n': sum(m in sys.modules for m in {LATE!r})}}))"
    loaded = child(code, TOOLS, PYTHONPATH=str(ROOT))["n"]
    return [ratio, Figure("of airflow, mlflow, kubernetes, docker it loads", loaded, 0, "count")]
