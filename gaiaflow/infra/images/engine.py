"""The Docker engine: whether it answers, and the one client to it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gaiaflow.errors import GaiaflowError, MissingError

if TYPE_CHECKING:
    from docker import DockerClient

PROJECT_LABEL = "gaiaflow.project"
_PING_SECONDS = 5
_PAUSE = 0.3
# The packages whose errors mean the Docker engine: the cluster's client explains its own.
_CLIENTS = ("docker", "requests", "urllib3")


def engine_address() -> str | None:
    """The engine that the docker command talks to: ``DOCKER_HOST``, else the current context's, or None."""
    if host := os.environ.get("DOCKER_HOST"):
        return host
    from docker.context import ContextAPI
    from docker.errors import DockerException

    try:
        context = ContextAPI.get_current_context()
    except (DockerException, OSError, ValueError):
        return None
    return str(context.Host) if context and context.Host else None


def connect(timeout: int = 60, engine: Mapping[str, str] | None = None) -> DockerClient:
    """A client of the engine that has answered.

    Args:
        timeout: seconds for one answer.
        engine: variables that lead to another engine, as ``minikube docker-env`` prints them.

    Raises:
        MissingError: none answers; the message says why.
    """
    import docker
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        client = docker.DockerClient(**_way(engine), version="auto", timeout=_PING_SECONDS)
        client.ping()
    except (DockerException, RequestException, OSError, ValueError) as error:
        raise _no_engine(error) from None
    client.api.timeout = timeout
    return client


def compresses_layers(client: Any) -> bool:
    """Whether the engine compresses each layer that it builds: the containerd image store does.

    The store of older engines compresses only what it pushes.
    """
    return ["driver-type", "io.containerd.snapshotter.v1"] in (client.info().get("DriverStatus") or [])


def list_containers(client: Any, looks: int = 5, **asked: Any) -> list[Any]:
    """Containers as docker-py lists them, without those that are gone by now.

    An engine of today refuses the whole list while it removes one of them, so it is asked again.
    """
    from docker.errors import APIError

    try:
        return list(client.containers.list(ignore_removed=True, **asked))
    except APIError as error:
        if looks == 1 or "snapshot not found" not in str(error):
            raise
    time.sleep(_PAUSE)
    return list_containers(client, looks - 1, **asked)


def _way(engine: Mapping[str, str] | None) -> dict[str, Any]:
    """How docker-py gets to an engine; the certificates are read only where the variables ask for TLS."""
    from docker.utils import kwargs_from_env

    if engine is None:
        return {"base_url": engine_address()}
    asked = engine if engine.get("DOCKER_TLS_VERIFY") else {"DOCKER_HOST": engine["DOCKER_HOST"]}
    return dict(kwargs_from_env(environment=dict(asked)))


def engine_answers() -> bool:
    """Whether there is an engine that this user may talk to."""
    try:
        connect().close()
    except MissingError:
        return False
    return True


def _no_engine(error: Exception) -> MissingError:
    text = str(error)
    if "Permission denied" in text:
        return MissingError(
            "the Docker engine refuses this user: permission denied on its socket",
            'sudo usermod -aG docker "$USER", then log in again',
        )
    cause = "no such socket" if "FileNotFound" in text or "No such file" in text else text.splitlines()[0][:200]
    return MissingError(f"no Docker engine answers: {cause}", "start Docker, then: docker info")


def explained(error: BaseException) -> GaiaflowError | None:
    """The error, when it is one of an engine that refused or went away; else None."""
    package = type(error).__module__.partition(".")[0]
    if package not in _CLIENTS:
        return None
    if said := getattr(error, "explanation", None):
        return GaiaflowError(f"the Docker engine refuses: {said}", "docker info")
    cause = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return MissingError(f"the Docker engine stopped answering: {cause}", "docker info, then repeat")
