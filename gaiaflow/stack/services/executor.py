"""Where Airflow's tasks run: beside the scheduler, or each in a worker pod of the local cluster."""

from __future__ import annotations

from pathlib import Path

from gaiaflow.endpoints import Endpoints, Vantage
from gaiaflow.errors import UsageError, near_miss
from gaiaflow.infra.cluster.manifests import ACCOUNT
from gaiaflow.infra.cluster.target import FOLDER, WORKER, Target, namespace_of
from gaiaflow.infra.host import privatefile
from gaiaflow.infra.host.envfile import text_of
from gaiaflow.modes import VARIABLE
from gaiaflow.project import Project
from gaiaflow.stack.services import state

LOCAL, KUBERNETES = "local", "kubernetes"
EXECUTORS = (LOCAL, KUBERNETES)
SECRET = "gaiaflow-worker"  # noqa: S105 - the name of the object, not a value
_TASK_ENVIRONMENT = "/opt/gaiaflow/worker"
_RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def checked(name: str) -> str:
    """
    Raises:
        UsageError: no such executor.
    """
    if name and name not in EXECUTORS:
        raise UsageError(
            f"`{name}` is no executor{near_miss(name, EXECUTORS)}", f"--executor {' or '.join(EXECUTORS)}"
        )
    return name


def kept(project: Project) -> str:
    """The executor that Airflow was last started with."""
    return str(state.read(project).get("executor") or LOCAL)


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


def write_template(target: Target, image: str, endpoints: Endpoints) -> Path:
    """Write what a worker pod is made of; Airflow reads it for each task, so that a new image counts at once.

    Args:
        image: with Airflow, the project and the DAG files, on the cluster's nodes.
        endpoints: with the gateway's name as pods call it.
    """
    from yaml import safe_dump  # late: `inv --list` has no need of it

    text = safe_dump(_pod(target, image, endpoints), sort_keys=False)
    return privatefile.write(target.worker_template, text)


def secret_values(target: Target) -> dict[str, str]:
    """What the worker's secret holds: addresses and keys of S3, as variables and as the operators' file."""
    from dotenv import dotenv_values

    found = {k: v for k, v in dotenv_values(target.task_environment, interpolate=False).items() if v}
    return {**found, "task.env": text_of(found)}


def _pod(target: Target, image: str, endpoints: Endpoints) -> dict[str, object]:
    container = {
        "name": "base",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": k, "value": v} for k, v in sorted(_environment(target, endpoints).items())],
        "envFrom": [{"secretRef": {"name": SECRET}}],
        "securityContext": _RESTRICTED,
        "volumeMounts": [{"name": "task-environment", "mountPath": _TASK_ENVIRONMENT, "readOnly": True}],
    }
    named = {"secretName": SECRET, "items": [{"key": "task.env", "path": "task.env"}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "worker",
            "labels": {"app.kubernetes.io/managed-by": "gaiaflow", "gaiaflow/part": "worker"},
        },
        "spec": {
            # The operators in it start pods of their own, with the same rights as from outside.
            "serviceAccountName": ACCOUNT,
            "automountServiceAccountToken": True,
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [{"name": "task-environment", "secret": named}],
        },
    }


def _environment(target: Target, endpoints: Endpoints) -> dict[str, str]:
    """Airflow's settings and the operators' variables inside a worker pod; no key among them."""
    from gaiaflow.infra.images.image import image_name

    project = target.project
    bundle = (
        '[{"name": "dags", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", '
        '"kwargs": {"path": "/opt/dags"}}]'
    )
    airflow = {
        "core__execution_api_server_url": endpoints.url("airflow", Vantage.POD) + "/execution/",
        "core__dags_folder": "/opt/dags",
        "core__load_examples": "False",
        "core__executor": "LocalExecutor",  # the worker starts no worker
        "dag_processor__dag_bundle_config_list": bundle,
        "logging__base_log_folder": "/tmp/airflow/logs",  # noqa: S108 - of the pod alone
        "logging__logging_config_class": "gaiaflow.operators.tasklog.LOGGING",
        "usage_data_collection__enabled": "False",
    }
    return {
        **{f"AIRFLOW__{name.upper()}": value for name, value in airflow.items()},
        "AIRFLOW_HOME": "/tmp/airflow",  # noqa: S108 - of the pod alone
        "GAIAFLOW_WORKER": "1",
        VARIABLE: str(state.read(project).get("mode") or ""),
        "GAIAFLOW_IMAGE": image_name(project),
        "GAIAFLOW_PROJECT": "/opt/project",
        "GAIAFLOW_PROJECT_NAME": project.name,
        "GAIAFLOW_PROJECT_ID": project.id,
        "GAIAFLOW_CODE": "/opt/project/src:/opt/project",
        "GAIAFLOW_PYTHON": "/opt/env/project/bin/python",
        "GAIAFLOW_NAMESPACE": target.namespace,
        "GAIAFLOW_KUBECONFIG": "in-cluster",
        "GAIAFLOW_TASK_ENV_PROD_LOCAL": f"{_TASK_ENVIRONMENT}/task.env",
    }
