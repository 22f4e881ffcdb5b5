"""From an edit of a DAG file to the moment when Airflow has it: the stack's settings against Airflow's own."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import Figure

EDITS = 3
PATIENCE = 180
FILE = """
from datetime import datetime
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("seen", schedule=None, start_date=datetime(2025, 1, 1)):
    EmptyOperator(task_id="{task}")
"""


def environment(home: Path, ours: bool) -> dict[str, str]:
    """A configuration of its own: the stack's, or Airflow's defaults with the same folder of DAGs."""
    from gaiaflow.project import Project
    from gaiaflow.stack.services import airflow, keys

    plain = {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags")}
    if not ours:
        return {**os.environ, **plain, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    project = Project.find(home)
    return {**os.environ, **airflow.settings(project, home, keys.load(project)), **plain}


class Processor:
    """A DAG processor with a database of its own."""

    def __init__(self, home: Path, ours: bool) -> None:
        self.home = home
        (home / "dags").mkdir(parents=True)
        (home / "pyproject.toml").write_text("[project]\nname = 'seen'\n[tool.gaiaflow]\n")
        self.write("first")
        self.env = environment(home, ours)
        self.log = (home / "log").open("wb")
        self.run("db", "migrate").wait(300)
        self.process = self.run("dag-processor")
        self.await_task("first")

    def run(self, *argv: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "airflow", *argv]
        return subprocess.Popen(command, env=self.env, stdout=self.log, stderr=self.log)

    def write(self, task: str) -> None:
        (self.home / "dags" / "seen.py").write_text(FILE.format(task=task))

    def await_task(self, task: str) -> None:
        ends = time.monotonic() + PATIENCE
        while task not in self.known():
            if time.monotonic() > ends:
                raise SystemExit(f"the edit did not show within {PATIENCE} s: {self.home / 'log'}")
            time.sleep(0.1)

    def known(self) -> str:
        """The newest form of the DAG in the database, as text."""
        with sqlite3.connect(self.home / "airflow.db", timeout=30) as database:
            row = database.execute(
                "select data from serialized_dag order by created_at desc limit 1"
            ).fetchone()
        return str(row[0]) if row else ""

    def edit(self, task: str) -> float:
        """Seconds from the edit until it is known."""
        self.write(task)
        begun = time.monotonic()
        self.await_task(task)
        return time.monotonic() - begun

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


def figures() -> list[Figure]:
    """Both are edited in turn, at moments that fall anywhere in the intervals of either."""
    with tempfile.TemporaryDirectory() as name:
        pair = [Processor(Path(name) / "ours", True), Processor(Path(name) / "default", False)]
        try:
            taken = []
            for number in range(EDITS):
                time.sleep(3 + 7 * number)
                taken.append([one.edit(f"edit_{number}") for one in pair])
        finally:
            for one in pair:
                one.end()
    ours, default = (sum(column) / EDITS for column in zip(*taken, strict=True))
    detail = f"{ours:.1f} s against {default:.1f} s on average, {EDITS} edits"
    return [Figure("an edit of a DAG file shows, against Airflow's settings", ours / default, 0.5, detail)]
