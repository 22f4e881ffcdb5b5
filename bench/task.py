"""What a warm dev task costs, against the operators that people would write by hand."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from measure import Figure, run_tasks

TASKS = 12
FILE = """
import sys
from datetime import datetime
from airflow.sdk import DAG
from airflow.providers.standard.operators.python import ExternalPythonOperator, PythonOperator
from gaiaflow.tasks import create_task

def plain(n):
    return n + 1

def external(n):
    return n + 1

with DAG("cost", schedule=None, start_date=datetime(2025, 1, 1)):
    before = None
    for i in range({count}):
        ours = create_task(f"ours_{{i}}", "cost:add", func_kwargs={{"n": i}})
        python = PythonOperator(task_id=f"python_{{i}}", python_callable=plain, op_kwargs={{"n": i}})
        raw = ExternalPythonOperator(task_id=f"raw_{{i}}", python=sys.executable, python_callable=external,
                                     op_kwargs={{"n": i}}, expect_airflow=False)
        if before is not None:
            before >> ours
        ours >> python >> raw
        before = raw
"""


def project(folder: Path) -> Path:
    """A project with one DAG, in which the three kinds of task alternate."""
    (folder / "dags").mkdir()
    (folder / "pyproject.toml").write_text("[tool.gaiaflow]\nname = 'cost'\n")
    (folder / "cost.py").write_text("def add(n):\n    return n + 1\n")
    (folder / "dags" / "cost.py").write_text(FILE.format(count=TASKS))
    return folder


def seconds() -> dict[str, float]:
    """Median seconds of a task of each kind; the first of each warms up."""
    os.environ["GAIAFLOW_PYTHON"] = sys.executable
    from gaiaflow.project import Project
    from gaiaflow.testing import run_dag

    with tempfile.TemporaryDirectory() as folder:
        run = run_dag("cost", "dev", project=Project.find(project(Path(folder))))
    if run.state != "success":
        raise SystemExit(f"the bench DAG failed: {run}")
    return {
        kind: statistics.median(run.tasks[f"{kind}_{i}"].seconds for i in range(1, TASKS))
        for kind in ("ours", "python", "raw")
    }


def figures() -> list[Figure]:
    taken = run_tasks(Path(__file__))
    return [
        Figure(
            f"a warm dev task against {label}",
            taken["ours"] / taken[kind],
            goal,
            f"{taken['ours']:.3f} s against {taken[kind]:.3f} s, {TASKS - 1} tasks each",
        )
        for kind, label, goal in (
            ("python", "PythonOperator", 2.2),
            ("raw", "ExternalPythonOperator", 1.2),
        )
    ]


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(seconds()) + "\n")
