"""What `dag.check` and `dag.test` of a DAG of three tasks cost, against the work that cannot be left out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from measure import ROOT, TOOLS, Figure, paired, processor_seconds

ROUNDS = 5
FILE = """
from datetime import datetime
from airflow.sdk import DAG
from gaiaflow.tasks import FromTask, create_task

with DAG("three", schedule=None, start_date=datetime(2025, 1, 1)):
    create_task("one", "three:add", func_kwargs={"n": 1})
    create_task("two", "three:add", func_kwargs={"n": FromTask("one")})
    create_task("last", "three:add", func_kwargs={"n": FromTask("two")})
"""
HEAD = """
import sys
from pathlib import Path
from gaiaflow.project import Project
project, airflow = Project.find(Path.cwd()), Path(sys.argv[1])
"""
# As the commands do it, but for the look whether Airflow's environment is there.
CHECK = f"""{HEAD}
from gaiaflow.dags.inspector import Inspector
from gaiaflow.lifecycle.dag.check import run_checks
assert run_checks(Inspector(project, airflow), "three", "dev", 1000.0, 2).ok
"""
TEST = f"""{HEAD}
from gaiaflow.dags import test
assert test.run(project, airflow, "three", "dev")["state"] == "success"
"""
CALL = {"protocol": 1, "function": "three:add", "args": [], "kwargs": {"n": 1}, "params": {}}


def project(folder: Path) -> Path:
    """A project with one DAG and the module of its function."""
    (folder / "dags").mkdir()
    (folder / "pyproject.toml").write_text("[tool.gaiaflow]\nname = 'three'\n")
    (folder / "three.py").write_text("def add(n):\n    return n + 1\n")
    (folder / "dags" / "flow.py").write_text(FILE)
    # Airflow's environment of a project has gaiaflow; that of the bench finds it by a variable.
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return folder


def run(folder: Path, *words: str | Path, **variables: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", "AIRFLOW_HOME": str(folder / "home"), **variables}
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{words[-1]}: {done.stderr[-2000:]}")


def import_once(folder: Path) -> None:
    """One interpreter imports Airflow and the DAG file."""
    run(folder, sys.executable, folder / "dags" / "flow.py", GAIAFLOW_MODE="dev")


def bare(folder: Path) -> None:
    """Airflow is imported once, and the runner called three times."""
    import_once(folder)
    variables = {"GAIAFLOW_CALL": json.dumps(CALL), "GAIAFLOW_RESULT_FILE": str(folder / "result.json")}
    for _ in range(3):
        run(folder, sys.executable, ROOT / "gaiaflow" / "runner.py", **variables)


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as place:
        folder = project(Path(place))
        check, test = (
            partial(run, folder, TOOLS, "-c", code, folder / "bin" / "python") for code in (CHECK, TEST)
        )
        for warm in (check, test):  # the test home's database, and byte code
            warm()
        return [
            paired(name, goal, partial(processor_seconds, ours), partial(processor_seconds, theirs), ROUNDS)
            for name, goal, ours, theirs in (
                (
                    "dag.check of one DAG against importing its file once",
                    3,
                    check,
                    partial(import_once, folder),
                ),
                (
                    "dag.test of three tasks against three bare calls and importing Airflow",
                    1.3,
                    test,
                    partial(bare, folder),
                ),
            )
        ]
