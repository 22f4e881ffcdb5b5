"""What worker pods of the KubernetesExecutor need: image, secret, template."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from gaiaflow.endpoints import Endpoints
from gaiaflow.infra.cluster import gateway
from gaiaflow.infra.cluster import image as nodeimage
from gaiaflow.infra.cluster.secretstore import ClusterStore
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.host.shipped import shipped
from gaiaflow.infra.images import image
from gaiaflow.infra.images.context import digest, open_to_all
from gaiaflow.infra.images.engine import PROJECT_LABEL
from gaiaflow.project import Project
from gaiaflow.projects import dagfile
from gaiaflow.stack.composed import image as stackimage
from gaiaflow.stack.services import executor
from gaiaflow.stack.services.backend import Tell, silent

KIND = "worker"


def refresh(target: Target, endpoints: Endpoints, tell: Tell = silent) -> str:
    """Have the next worker pods run the code and the DAG files as they are now; the image's name.

    Raises:
        GaiaflowError: a build failed; the message ends with its last lines.
    """
    made = bring(target, tell)
    store = ClusterStore(target.connect(), target.project, target.namespace)
    store.create(executor.SECRET, executor.secret_values(target))
    executor.write_template(target, made, replace(endpoints, gateway=gateway.find(target).name))
    return made


def bring(target: Target, tell: Tell = silent) -> str:
    """Build it, with what it is made of where that is not there, and bring it into the cluster; its name.

    Raises:
        GaiaflowError: a build failed; the message ends with its last lines.
    """
    project = target.project
    if missing := [name for name in stackimage.missing(project, ["airflow"]) if name == "airflow"]:
        stackimage.build(project, missing, tell=tell)
    airflow = stackimage.names(project)["airflow"]
    own = image.build(project, tell=tell)
    with tempfile.TemporaryDirectory(prefix="gaiaflow-worker-") as name:
        folder = Path(name)
        fill(project, folder)
        made = f"{project.id}/worker:{digest(folder, airflow, own.content)}"
        labels = {PROJECT_LABEL: project.id, image.KIND_LABEL: KIND}
        parts = {"GAIAFLOW_AIRFLOW_IMAGE": airflow, "GAIAFLOW_IMAGE": own.content}
        image.run_build(
            "the image of worker pods", folder, folder / "Dockerfile", [made], labels, parts, tell=tell
        )
    nodeimage.load(target, made)
    return made


def fill(project: Project, folder: Path) -> None:
    """What the image is built from: the Dockerfile and a copy of every DAG file.

    Raises:
        UsageError: a link leads out of the project.
    """
    shutil.copyfile(shipped("compose") / "worker.Dockerfile", folder / "Dockerfile")
    (folder / "dags").mkdir()
    for name, file in dagfile.dag_files(project).items():
        copy = folder / "dags" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    open_to_all(folder)
