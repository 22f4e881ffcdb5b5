"""What a soak does to a stack: a DAG each minute, and by turns an edit, a restart and a killed service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))

from small_project import FILES, SmallProject
from usage import ComposeUsage, EmbeddedUsage

from gaiaflow.infra.environments.environment import ensure_environment
from gaiaflow.stack import backends
from gaiaflow.stack.services.access import shell_environment

# Far from the defaults, which another stack of this machine may have.
PORTS = {
    "GAIAFLOW_AIRFLOW_PORT": "13080",
    "GAIAFLOW_MLFLOW_PORT": "13050",
    "GAIAFLOW_S3_PORT": "13090",
    "GAIAFLOW_S3_CONSOLE_PORT": "13091",
    "GAIAFLOW_JUPYTER_PORT": "13895",
}
PERIOD = 5
EDIT, RESTART, KILL = 1, 2, 4
RESTARTED = ("airflow", "mlflow", "s3", "jupyter")
# An object and a run with a metric, as a user's program leaves them.
_LEAVE = """
import os, sys, boto3
from mlflow import MlflowClient
c = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"], region_name="us-east-1")
c.put_object(Bucket="mlflow", Key="soak/" + sys.argv[1], Body=b"x" * 100_000)
assert c.get_object(Bucket="mlflow", Key="soak/" + sys.argv[1])["ContentLength"] == 100_000
m = MlflowClient()
e = m.get_experiment_by_name("soak")
run = m.create_run(e.experiment_id if e else m.create_experiment("soak"))
m.log_metric(run.info.run_id, "number", 42)
m.log_text(run.info.run_id, sys.argv[1], "kept.txt")
m.set_terminated(run.info.run_id)
"""


def planned(minute: int) -> str:
    """What is done in a minute besides the run: `edit`, `restart`, `kill` or nothing."""
    return {EDIT: "edit", RESTART: "restart", KILL: "kill"}.get(minute % PERIOD, "")


class Work:
    """One project under a soak.

    Attributes:
        edited: the minute of the last edit, which the results of the DAG depend on; 0 before the first.
    """

    def __init__(self, small: SmallProject, usage: EmbeddedUsage | ComposeUsage) -> None:
        self.small, self.usage = small, usage
        self.edited = 0

    def do(self, minute: int) -> list[tuple[str, Callable[[], object]]]:
        """The steps of a minute, by name."""
        turn = minute // PERIOD
        step = planned(minute)
        steps: list[tuple[str, Callable[[], object]]] = []
        if step == "edit":
            steps.append((step, lambda: self.edit(minute)))
        if step == "restart":
            service = RESTARTED[turn % len(RESTARTED)]
            steps.append((f"restart {service}", lambda: self.restart(service)))
        if step == "kill":
            names = list(self.usage.targets())
            name = names[turn % len(names)]
            steps.append((f"kill {name}", lambda: self.kill(name)))
        return [*steps, ("run", self.run), ("objects", lambda: self.leave(minute))]

    def edit(self, minute: int) -> None:
        """Change the function and the DAG file, so that both tasks return something else."""
        code = FILES["faulty/work.py"].replace("two=1", f"two={minute}")
        dag = FILES["dags/kept.py"].replace("40", str(40 + minute))
        (self.small.root / "faulty" / "work.py").write_text(code)
        (self.small.root / "dags" / "kept.py").write_text(dag)
        self.edited = minute

    def expected(self) -> dict[str, int]:
        """What the two tasks return after the last edit."""
        one = 1 + (self.edited or 1)
        return {"one": one, "two": one + 40 + self.edited}

    def run(self) -> None:
        found = json.loads(self.small.inv("dag.run", "kept", "--json", "--wait", "120"))
        values = {name: (task["value"] or {}).get("sum") for name, task in found["tasks"].items()}
        assert values == self.expected(), f"{values} instead of {self.expected()}"

    def leave(self, minute: int) -> None:
        values = shell_environment(self.small.project, backends.current(self.small.project))
        python = str(ensure_environment(self.small.project, "services"))
        env = {**os.environ, **values, "MLFLOW_DISABLE_TELEMETRY": "true"}
        argv = [python, "-c", _LEAVE, f"{minute}"]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr

    def restart(self, service: str) -> None:
        self.small.inv("dev.restart", "--service", service)

    def kill(self, name: str) -> None:
        """Kill it, and start what does not run, as its user does."""
        self.usage.kill(name)
        self.small.inv("dev.start", "--wait", "300")
