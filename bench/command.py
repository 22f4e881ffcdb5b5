"""What the command line costs: `inv --list` against a tasks.py of one task."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
from pathlib import Path

from measure import ROOT, TOOLS, Figure, child, paired

ONE_TASK = 'from invoke import task\n\n\n@task\ndef hello(c):\n    """Say hello."""\n'
LATE = ("airflow", "mlflow", "kubernetes", "docker")


def listing(folder: Path) -> float:
    """Processor seconds, with byte code kept as on every user's machine."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begun = _children()
    subprocess.run([TOOLS, "-m", "invoke", "--list"], cwd=folder, env=env, check=True, capture_output=True)
    return _children() - begun


def _children() -> float:
    """Of all processes that have ended; another program on the machine does not count."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


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
