"""What worker pods of the KubernetesExecutor need: image, secret, template."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from gaiaflow import envvar, podrule
from gaiaflow.endpoints import Endpoints, Vantage
from gaiaflow.errors import UsageError
from gaiaflow.infra.cluster import gateway, image as nodeimage
from gaiaflow.infra.cluster.api import Cluster
from gaiaflow.infra.cluster.manifests import ACCOUNT
from gaiaflow.infra.cluster.secretstore import ClusterStore
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.environments import interpreter
from gaiaflow.infra.environments.source import source
from gaiaflow.infra.host import privatefile
from gaiaflow.infra.host.envfile import read_variables, text_of
from gaiaflow.infra.host.progress import Tell, silent
from gaiaflow.infra.host.shipped import shipped
from gaiaflow.infra.images import image
from gaiaflow.infra.images.context import digest, open_to_all
from gaiaflow.infra.images.engine import PROJECT_LABEL
from gaiaflow.infra.images.secretfile import is_never_for_images
from gaiaflow.project import Project
from gaiaflow.projects import dagfile
from gaiaflow.stack.composed import image as stackimage
from gaiaflow.stack.services import additions, airflow, executor, state
from gaiaflow.stack.services.executor import SECRET

KIND = "worker"


def refresh(target: Target, cluster: Cluster, endpoints: Endpoints, tell: Tell = silent) -> str:
    """Have the next worker pods run the code and the DAG files as they are now; the image's name.

    Raises:
        GaiaflowError: a build failed; the message ends with its last lines.
    """
    made = bring(target, tell)
    store = ClusterStore(cluster, target.project, target.namespace)
    store.create(executor.SECRET, secret_values(target))
    write_template(target, made, replace(endpoints, gateway=gateway.find(target).name))
    return made


def bring(target: Target, tell: Tell = silent) -> str:
    """Build it, with what it is made of where that is not there, and bring it into the cluster; its name.

    Raises:
        GaiaflowError: a build failed; the message ends with its last lines.
    """
    project = target.project
    if missing := [name for name in stackimage.missing(project, ["airflow"]) if name == "airflow"]:
        stackimage.build(project, missing, tell=tell)
    _check_python(project)
    base = stackimage.names(project)["airflow"]
    own = image.build(project, tell=tell)
    with tempfile.TemporaryDirectory(prefix="gaiaflow-worker-") as name:
        folder = Path(name)
        fill(project, folder)
        made = f"{project.id}/worker:{digest(folder, base, own.content)}"
        labels = {PROJECT_LABEL: project.id, image.KIND_LABEL: KIND}
        parts = {envvar.AIRFLOW_IMAGE: base, envvar.IMAGE: own.content}
        image.run_build(
            "the image of worker pods", folder, folder / "Dockerfile", [made], labels, parts, tell=tell
        )
    nodeimage.load(target, made)
    return made


def _check_python(project: Project) -> None:
    """A worker pod has one Python for Airflow and for what uv made; conda's packages bring their own."""
    own = image.python_image(project)
    if not source(project).is_conda and own != project.setting(envvar.PYTHON_IMAGE, image.DEFAULT_PYTHON_IMAGE):
        asked = interpreter.wanted(project)
        raise UsageError(
            f"worker pods run functions with Airflow's Python, but the project requires `{asked}`",
            "use `--executor local`, or set that Python in environment.yml",
        )


# Where worker.Dockerfile puts them.
_DAGS = Path("/opt/dags")
_PROJECT = Path("/opt/project")
_PYTHON = Path("/opt/env/project/bin/python")
_TASK_ENVIRONMENT = "/opt/gaiaflow/worker"


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
    """What the worker's secret holds: what the project adds to its Airflow, and addresses and keys of S3, as
    variables and as the operators' file."""
    found = read_variables(target.task_environment)
    added = additions.variables(target.project, _PROJECT)
    return {**added, **found, "task.env": text_of(found)}


def _pod(target: Target, image: str, endpoints: Endpoints) -> dict[str, object]:
    container = {
        "name": "base",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": k, "value": v} for k, v in sorted(_environment(target, endpoints).items())],
        "envFrom": [{"secretRef": {"name": SECRET}}],
        "securityContext": podrule.CONTAINER,
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
            "securityContext": {**podrule.POD, "runAsUser": podrule.USER},
            "containers": [container],
            "volumes": [{"name": "task-environment", "secret": named}],
        },
    }


def _environment(target: Target, endpoints: Endpoints) -> dict[str, str]:
    """Airflow's settings and the operators' variables inside a worker pod; no key among them."""
    project = target.project
    options = {
        "core.execution_api_server_url": endpoints.url("airflow", Vantage.POD) + "/execution/",
        "core.dags_folder": str(_DAGS),
        "core.load_examples": "False",
        "core.executor": "LocalExecutor",  # the worker starts no worker
        "dag_processor.dag_bundle_config_list": airflow.bundles(_DAGS),
        "logging.base_log_folder": "/tmp/airflow/logs",  # noqa: S108 - of the pod alone
        "logging.logging_config_class": "gaiaflow.operators.tasklog.LOGGING",
        "usage_data_collection.enabled": "False",
    }
    return {
        **{additions.variable(name): value for name, value in options.items()},
        "AIRFLOW_HOME": "/tmp/airflow",  # noqa: S108 - of the pod alone
        envvar.WORKER: "1",
        envvar.MODE: state.read(project).mode,
        **airflow.project_variables(project, _PROJECT, (_PROJECT / "src", _PROJECT), _PYTHON),
        envvar.NAMESPACE: target.namespace,
        envvar.KUBECONFIG: "in-cluster",
        envvar.TASK_ENV_PROD_LOCAL: f"{_TASK_ENVIRONMENT}/task.env",
    }


def fill(project: Project, folder: Path) -> None:
    """What the image is built from: the Dockerfile and a copy of every DAG file that is no key.

    Raises:
        UsageError: a link leads out of the project.
    """
    shutil.copyfile(shipped("compose") / "worker.Dockerfile", folder / "Dockerfile")
    (folder / "dags").mkdir()
    for name, file in dagfile.dag_files(project).items():
        if is_never_for_images(project.dags, name):
            continue
        copy = folder / "dags" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    open_to_all(folder)
