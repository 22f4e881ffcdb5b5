"""Where Airflow's tasks run: beside the scheduler, or each in a worker pod of the local cluster."""

from __future__ import annotations

from pathlib import Path

from gaiaflow.errors import UsageError, near_miss
from gaiaflow.infra.cluster.target import FOLDER, WORKER, namespace_of
from gaiaflow.project import Project
from gaiaflow.stack.services import state

LOCAL, KUBERNETES = "local", "kubernetes"
EXECUTORS = (LOCAL, KUBERNETES)
SECRET = "gaiaflow-worker"  # noqa: S105 - the name of the object, not a value


def checked(name: str) -> str:
    """
    Raises:
        UsageError: no such executor.
    """
    if name and name not in EXECUTORS:
        raise UsageError(
            f"`{name}` is not an executor{near_miss(name, EXECUTORS)}", f"--executor {' or '.join(EXECUTORS)}"
        )
    return name


def kept(project: Project) -> str:
    """The executor that Airflow was last started with."""
    return state.read(project).executor or LOCAL


def settle(project: Project, wanted: str, airflow_runs: bool) -> str:
    """The executor for a start: a running Airflow keeps its own, one that starts is local unless told."""
    return kept(project) if airflow_runs else checked(wanted) or LOCAL


def options(project: Project, name: str, kubeconfig: Path) -> dict[str, str]:
    """What Airflow's configuration says of it, by ``section.option``; nothing for the local one."""
    if name != KUBERNETES:
        return {}
    return {
        "core.executor": "KubernetesExecutor",
        "kubernetes_executor.namespace": namespace_of(project),
        "kubernetes_executor.in_cluster": "False",
        "kubernetes_executor.config_file": str(kubeconfig),
        "kubernetes_executor.pod_template_file": str(project.home / FOLDER / WORKER),
        "logging.logging_config_class": "gaiaflow.operators.tasklog.LOGGING",
    }
