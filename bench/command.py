"""What the command line costs: `inv --list` against a tasks.py of one task."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from measure import ROOT, TOOLS, Figure, child, paired, processor_seconds

ONE_TASK = 'from invoke import task\n\n\n@task\ndef hello(c):\n    """Say hello."""\n'
LATE = ("airflow", "mlflow", "kubernetes", "docker")


def listing(folder: Path) -> float:
    """Processor seconds, with byte code kept as on every user's machine."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    words = [TOOLS, "-m", "invoke", "--list"]
    return processor_seconds(
        lambda: subprocess.run(words, cwd=folder, env=env, check=True, capture_output=True)
    )


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tasks.py").write_text(ONE_TASK)
        listing(ROOT)  # writes it
        ratio = paired(
            "inv --list against a tasks.py of one task",
            1.2,
            lambda: listing(ROOT),
            lambda: listing(Path(folder)),
            21,
        )
    code = f"import sys, json, tasks; print(json.dumps({{'n': sum(m in sys.modules for m in {LATE!r})}}))"
    loaded = child(code, TOOLS, PYTHONPATH=str(ROOT))["n"]
    return [ratio, Figure("of airflow, mlflow, kubernetes, docker it loads", loaded, 0, "count")]
