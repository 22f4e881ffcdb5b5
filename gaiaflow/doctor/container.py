"""Requests from a container like a task's, which is started for it and gone afterwards."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gaiaflow import envvar
from gaiaflow.doctor import address, request
from gaiaflow.doctor.address import Facts
from gaiaflow.doctor.place import Place
from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.infra.host.envfile import read_variables
from gaiaflow.infra.images import kind
from gaiaflow.infra.images.engine import PROJECT_LABEL, connect, list_containers
from gaiaflow.infra.images.image import image_name
from gaiaflow.stack.services import access, health, hostnetwork

VANTAGE = "a container"
KIND_LABEL, KIND = "gaiaflow.kind", "doctor"
_SECONDS = 40
# Its image has Python and is there whenever MLflow is.
_MODEL = "mlflow"


@dataclass(frozen=True)
class _Way:
    """How a task's container gets to the stack: an image with Python, a network, a file of variables."""

    image: str
    network: str
    file: Path


def read(place: Place) -> Facts:
    if place.backend != "docker" and not hostnetwork.is_shared():
        said = "the stack listens on this machine alone, whose network containers of this engine do not share"
        other = (
            "--backend embedded --mode dev" if kind.find().no_stack else "--backend docker --with dev_docker"
        )
        return Facts(VANTAGE, unasked=(said, f"inv dev.start {other}"))
    try:
        with contextlib.closing(connect(timeout=_SECONDS)) as engine:
            return _ask(place, engine)
    except GaiaflowError as error:
        return Facts(VANTAGE, unasked=(error.message, error.hint))


def _ask(place: Place, engine: Any) -> Facts:
    way = (_in_network if place.backend == "docker" else _beside)(place, engine)
    if not place.starts:
        return Facts(VANTAGE, unasked=("nothing was started to check from", "inv doctor"))
    asked = address.urls(read_variables(way.file))
    _clear(engine, place)
    begun = time.time()
    told = _run(engine, place, way, [f"{name}={url}" for name, url in asked.items()])
    return address.heard(VANTAGE, asked, told, begun)


def _in_network(place: Place, engine: Any) -> _Way:
    """The Compose stack's own network."""
    labels = [f"{PROJECT_LABEL}={place.project.id}", f"com.docker.compose.service={_MODEL}"]
    running = list_containers(engine, filters={"label": labels})
    if not running:
        raise MissingError("MLflow is not running in a container: not checked", "inv dev.start")
    file = place.project.home / "compose" / "task" / "dev_docker.env"
    return _Way(running[0].image.id, f"{place.project.id}_default", file)


def _beside(place: Place, engine: Any) -> _Way:
    """This machine's network, for an embedded stack."""
    from docker.errors import ImageNotFound

    found = hostnetwork.operator_variables(place.project)
    if not found or not health.answers(_MODEL, access.endpoints(place.project).url(_MODEL)):
        raise MissingError("MLflow is not running: not checked", "inv dev.start")
    try:
        image = engine.images.get(image_name(place.project))
    except ImageNotFound:
        raise MissingError("the project has no image to check from", "inv dev.dockerize") from None
    return _Way(image.id, found[envvar.NETWORK], Path(found[envvar.TASK_ENV_DEV_DOCKER]))


def _run(engine: Any, place: Place, way: _Way, pairs: list[str]) -> dict[str, Any]:
    """What the script prints in a container that has no right but to ask."""
    from docker.errors import APIError, ContainerError

    try:
        output = engine.containers.run(
            way.image,
            ["-IS", "-c", text(), *pairs],
            entrypoint=["python"],
            network=way.network,
            labels={PROJECT_LABEL: place.project.id, KIND_LABEL: KIND},
            user="10001:0",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            read_only=True,
            mem_limit="256m",
            pids_limit=32,
            remove=True,
        )
        return dict(json.loads(output))
    except (APIError, ContainerError, ValueError) as error:
        raise GaiaflowError(
            f"no container could run the check: {type(error).__name__}", "docker info"
        ) from None


def _clear(engine: Any, place: Place) -> None:
    """Remove what a doctor that was killed left."""
    labels = [f"{PROJECT_LABEL}={place.project.id}", f"{KIND_LABEL}={KIND}"]
    for left in list_containers(engine, all=True, filters={"label": labels, "status": "exited"}):
        left.remove()


def text() -> str:
    """The script as it is sent into containers and pods."""
    return Path(request.__file__).read_text(encoding="utf-8")
