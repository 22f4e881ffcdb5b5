"""What the command line costs: `inv --list` against a tasks.py of one task."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

from measure import ROOT, TOOLS, Figure, child, paired

ONE_TASK = 'from invoke import task\n\n\n@task\ndef hello(c):\n    """Say hello."""\n'
LATE = ("airflow", "mlflow", "kubernetes", "docker")


def listing(folder: Path) -> float:
    begun = time.perf_counter()
    subprocess.run([TOOLS, "-m", "invoke", "--list"], cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - begun


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tasks.py").write_text(ONE_TASK)
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
