"""Run the DAGs of others on a stack through the REST API: `run.py RUN [--json FILE]`.

`embedded`, `docker` and `kubernetes` take Airflow's example DAGs: the first two are backends, the third is the
embedded one whose tasks are pods. `docker-provider` and `kubernetes-provider` take the system DAGs of these
providers, on the first and on the third. The exit code is 1 if a DAG does not succeed, unless it needs what is
outside.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import examples
import providers
import yaml
from examples import DAG_IDS, NEEDS
from providers import PROVIDERS, Provider

from gaiaflow.dags.api import FINISHED, AirflowApi, NotFoundError
from gaiaflow.dags.run import connect
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.environments.environment import ensure_environment
from gaiaflow.project import Project

ROOT = Path(__file__).parents[2]
EMBEDDED = (("dev.start", "--backend", "embedded", "--service", "airflow", "--auto-ports"),)
COMPOSE = (("dev.start", "--backend", "docker", "--service", "airflow", "--auto-ports"),)
IN_PODS = (("prodlocal.start", "--executor", "kubernetes", "--auto-ports"), ("prodlocal.dockerize",))
REMOVED = (("prodlocal.stop", "--delete"),)


@dataclass(frozen=True)
class Run:
    """One stack with some DAGs.

    Attributes:
        starts, stops: the commands.
        provider: whose DAGs; None for Airflow's examples.
    """

    starts: tuple[tuple[str, ...], ...]
    stops: tuple[tuple[str, ...], ...] = ()
    provider: Provider | None = None

    @property
    def needs(self) -> dict[str, str]:
        """What DAGs ask of the world outside."""
        return NEEDS if self.provider is None else self.provider.needs

    @property
    def dag_ids(self) -> tuple[str, ...]:
        return DAG_IDS if self.provider is None else self.provider.dag_ids


RUNS = {
    "embedded": Run(EMBEDDED),
    "docker": Run(COMPOSE),
    "kubernetes": Run(IN_PODS, REMOVED),
    "docker-provider": Run(EMBEDDED, provider=PROVIDERS["docker-provider"]),
    "kubernetes-provider": Run(IN_PODS, REMOVED, PROVIDERS["kubernetes-provider"]),
}
OLD_ZONE = "failure-domain.beta.kubernetes.io/zone"
PYPROJECT = '[project]\nname = "conformance"\nversion = "0.1"\n[tool.gaiaflow]\n'
TASKS = "from gaiaflow.lifecycle.namespace import namespace\n\nns = namespace()\n"
# Seconds until Airflow has read every file, and until every run is over.
READ = 180
PATIENCE = 1500


@dataclass(frozen=True)
class Outcome:
    """How one DAG's run ended.

    Attributes:
        state: Airflow's, `not read` or `not finished`.
        failed: the tasks that failed.
    """

    state: str
    failed: tuple[str, ...] = ()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", choices=list(RUNS), nargs="?", default="embedded")
    parser.add_argument("--json", type=Path, help="write the states to this file; those of other runs stay")
    wanted = parser.parse_args()
    run = RUNS[wanted.run]
    began = time.monotonic()
    with running(run) as project:
        outcomes = run_all(connect(project), run)
        versions = packages(project, run)
    seconds = round(time.monotonic() - began)
    for dag_id, outcome in outcomes.items():
        print(f"{outcome.state:13} {dag_id} {' '.join(outcome.failed)}")
    print(f"{sum(o.state == 'success' for o in outcomes.values())} of {len(outcomes)} succeeded in {seconds} s")
    if wanted.json:
        keep(wanted.json, wanted.run, outcomes, {**versions, "seconds": seconds})
    return int(any(o.state != "success" and not run.needs.get(name) for name, o in outcomes.items()))


@contextmanager
def running(run: Run) -> Iterator[Project]:
    """A project of these DAGs, and nothing else, on a stack of its own that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "pyproject.toml").write_text(PYPROJECT)
        (folder / "tasks.py").write_text(TASKS)
        project = Project.find(folder)
        put_dags(project, run)
        try:
            for command in run.starts:
                inv(folder, *command, **default_kubeconfig(project, run))
            if run.provider and run.starts == IN_PODS:
                prepare_cluster(project)
            yield project
        finally:
            for command in (*run.stops, ("dev.cleanup", "--yes")):
                with suppress(subprocess.CalledProcessError):
                    inv(folder, *command)


def put_dags(project: Project, run: Run) -> None:
    ensure_environment(project, "airflow")
    (site,) = sites(project)
    if run.provider is None:
        examples.copy(site, project.root)
        return
    version = packages(project, run)[run.provider.package]
    providers.copy(run.provider, version, project.root, replacement())


def replacement() -> str:
    """The image that takes the place of those of the system DAGs; empty for none."""
    return os.environ.get("GAIAFLOW_PYTHON_IMAGE", "")


def default_kubeconfig(project: Project, run: Run) -> dict[str, str]:
    """What deferred tasks use, which the triggerer runs outside of the cluster."""
    if run.provider is None or run.starts != IN_PODS:
        return {}
    return {"KUBECONFIG": str(Target.choose(project).minikube.kubeconfig)}


def prepare_cluster(project: Project) -> None:
    """Make what the DAGs of the Kubernetes provider expect in the namespace `default`."""
    from kubernetes import utils

    target = Target.choose(project)
    client = target.connect()._client
    image = replacement() or "python:3.11-slim-bookworm"
    if replacement():
        providers.build_bash(image)
        load = ("minikube", "image", "load", providers.BASH_IMAGE, f"--profile={target.profile}")
        subprocess.run(load, check=True, timeout=300)
    text = (Path(__file__).parent / "objects.yaml").read_text(encoding="utf-8")
    text = text.replace("IMAGE", image).replace("NAMESPACE", target.namespace)
    utils.create_from_yaml(client, yaml_objects=list(yaml.safe_load_all(text)))
    label_nodes(client)


def label_nodes(client: Any) -> None:
    """The label of a zone by its old name, which `example_kubernetes.py` uses."""
    from kubernetes.client import CoreV1Api

    api = CoreV1Api(client)
    for node in api.list_node().items:
        api.patch_node(node.metadata.name, {"metadata": {"labels": {OLD_ZONE: "here"}}})


def inv(folder: Path, *command: str, **variables: str) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    subprocess.run([sys.executable, "-m", "invoke", *command], cwd=folder, env=env, check=True, timeout=1200)


def run_all(api: AirflowApi, run: Run) -> dict[str, Outcome]:
    """Start each DAG as soon as Airflow has read it, all of them side by side; how each ended."""
    runs = start(api, run)
    outcomes = {dag_id: Outcome("not read") for dag_id in run.dag_ids if dag_id not in runs}
    deadline = time.monotonic() + PATIENCE
    while open_runs := [dag_id for dag_id in runs if dag_id not in outcomes]:
        late = time.monotonic() > deadline
        for dag_id in open_runs:
            state = api.run_state(dag_id, runs[dag_id])
            if state in FINISHED or late:
                outcomes[dag_id] = outcome(api, dag_id, runs[dag_id], state)
        time.sleep(2)
    return {dag_id: outcomes[dag_id] for dag_id in run.dag_ids}


def start(api: AirflowApi, run: Run) -> dict[str, str]:
    """The id of each run that was begun."""
    runs: dict[str, str] = {}
    deadline = time.monotonic() + READ
    while len(runs) < len(run.dag_ids) and time.monotonic() < deadline:
        for dag_id in set(run.dag_ids) - set(runs):
            with suppress(NotFoundError):
                dag = api.dag(dag_id)
                api.unpause(dag_id)
                # A second run beside the scheduled one would make the same objects in the cluster.
                alone = run.provider and dag.get("timetable_summary")
                runs[dag_id] = first_run(api, dag_id) if alone else trigger(api, dag_id)
        time.sleep(1)
    return runs


def trigger(api: AirflowApi, dag_id: str) -> str:
    return api.trigger(dag_id, {}, {"logical_date": datetime.now(timezone.utc).isoformat()})


def first_run(api: AirflowApi, dag_id: str) -> str:
    """
    Raises:
        NotFoundError: its schedule has begun none yet.
    """
    for run in api.every(f"dags/{dag_id}/dagRuns", "dag_runs"):
        return str(run["dag_run_id"])
    raise NotFoundError(f"no run of {dag_id} yet")


def outcome(api: AirflowApi, dag_id: str, run_id: str, state: str) -> Outcome:
    if state == "success":
        return Outcome(state)
    tasks: list[dict[str, Any]] = api.every(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances")
    bad = [task for task in tasks if task["state"] == "failed"]
    for task in bad:
        print(f"{dag_id}.{task['task_id']}: {api.part(dag_id, run_id, task).error}", flush=True)
    failed = sorted({task["task_id"] for task in bad})
    return Outcome(state if state in FINISHED else "not finished", tuple(failed))


def sites(project: Project) -> list[Path]:
    return sorted((project.home / "envs" / "airflow" / "lib").glob("python*/site-packages"))


def packages(project: Project, run: Run) -> dict[str, str]:
    """The versions of the packages that the DAGs are from."""
    source = run.provider.package if run.provider else "apache-airflow-providers-standard"
    places = [str(place) for place in sites(project)]
    names = ("apache-airflow", source)
    found = {name: next(iter(metadata.distributions(name=name, path=places))) for name in names}
    return {name: one.version for name, one in found.items()}


def keep(file: Path, run: str, outcomes: dict[str, Outcome], facts: dict[str, Any]) -> None:
    """Replace the column of this run."""
    kept = json.loads(file.read_text()) if file.is_file() else {}
    states = {name: {"state": o.state, "failed": list(o.failed)} for name, o in outcomes.items()}
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    kept[run] = {"taken": date.today().isoformat(), "machine": machine, **facts, "dags": states}
    file.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
