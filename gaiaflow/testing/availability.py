"""Which modes this machine can run, and what is missing for the others."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from gaiaflow import envvar
from gaiaflow.errors import GaiaflowError
from gaiaflow.modes import Mode
from gaiaflow.project import Project

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_TIMEOUT = 5
_START = {
    Mode.DEV_DOCKER: "inv dev.start --backend docker --with dev_docker",
    Mode.PROD_LOCAL: "inv prodlocal.start",
}


def missing(mode: Mode, project: Project) -> str:
    """What a mode needs and this machine lacks; empty when it can run. The process has entered the project."""
    found = _CHECKS[mode]()
    if found or mode is Mode.DEV:
        return found
    return _missing_stack(mode, project)


def is_rendered(mode: Mode) -> bool:
    """Whether a mode is checked by rendering its pods: prod, anywhere but in a cluster."""
    return mode is Mode.PROD and not (os.environ.get("KUBERNETES_SERVICE_HOST") and _ACCOUNT.is_file())


def _missing_python() -> str:
    python = os.environ.get(envvar.PYTHON, "")
    return "" if Path(python).is_file() else "the project's environment: inv dev.start"


def _missing_docker() -> str:
    import docker

    image = os.environ.get(envvar.IMAGE)
    try:
        client = docker.from_env(timeout=_TIMEOUT)
        client.ping()
    except docker.errors.DockerException:
        return "a Docker engine that answers: docker info"
    if not image:
        return f"an image: {envvar.IMAGE}"
    try:
        client.images.get(image)
    except docker.errors.ImageNotFound:
        return f"image {image}: inv dev.dockerize"
    finally:
        client.close()
    return ""


def _missing_cluster() -> str:
    from urllib3.exceptions import HTTPError

    client: Any = import_module("kubernetes.client")
    config: Any = import_module("kubernetes.config")
    file = os.environ.get(envvar.KUBECONFIG, "")
    if not file:
        return "a cluster: GAIAFLOW_KUBECONFIG, inv prodlocal.start"
    if not Path(file).is_file():
        return f"kubeconfig {file}: inv prodlocal.start"
    try:
        with config.new_client_from_config(file) as api:
            api.rest_client.pool_manager.connection_pool_kw["retries"] = False
            client.VersionApi(api).get_code(_request_timeout=_TIMEOUT)
    except (HTTPError, OSError, config.ConfigException, client.ApiException) as error:
        return f"the cluster of {file}, which does not answer ({type(error).__name__}): inv prodlocal.start"
    return "" if os.environ.get(envvar.IMAGE) else f"an image: {envvar.IMAGE}"


def _missing_account() -> str:
    return ""


def _missing_stack(mode: Mode, project: Project) -> str:
    """A project that tracks with MLflow needs the stack where its functions have no file in common."""
    needs = [str(line) for line in project.pyproject.get("project", {}).get("dependencies", [])]
    file = envvar.task_environment(mode.value)
    if mode is not Mode.PROD and any(line.startswith("mlflow") for line in needs) and not os.environ.get(file):
        return f"the stack's addresses ({file}): {_START[mode]}"
    return ""


_CHECKS = {
    Mode.DEV: _missing_python,
    Mode.DEV_DOCKER: _missing_docker,
    Mode.PROD_LOCAL: _missing_cluster,
    Mode.PROD: _missing_account,
}


def required() -> set[str]:
    """The modes that must not be skipped."""
    return {name.strip() for name in os.environ.get(envvar.REQUIRE_MODES, "").split(",") if name.strip()}


def settle_image(project: Project, shared: bool) -> None:
    """Hold the project's image in ``GAIAFLOW_IMAGE``, so that all of its DAGs use it.

    Args:
        shared: several projects are tested, so the shell's image cannot be meant for each of them.
    """
    from gaiaflow.infra.images.image import image_name

    if shared:
        os.environ.pop(envvar.IMAGE, None)
    try:
        os.environ[envvar.IMAGE] = image_name(project)
    except GaiaflowError:
        os.environ.pop(envvar.IMAGE, None)
