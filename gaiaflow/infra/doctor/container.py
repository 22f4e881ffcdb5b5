"""Requests from a container of the stack's network, which is started for it and gone afterwards."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.docker import PROJECT_LABEL, connect
from gaiaflow.infra.doctor import address, request
from gaiaflow.infra.doctor.address import Facts
from gaiaflow.infra.doctor.place import Place

VANTAGE = "a container"
KIND_LABEL, KIND = "gaiaflow.kind", "doctor"
_SECONDS = 40
# Its image has Python and is there whenever MLflow is.
_MODEL = "mlflow"


def read(place: Place) -> Facts:
    if place.backend != "docker":
        said = "the stack is no composed one: containers do not reach it"
        return Facts(VANTAGE, unasked=(said, "inv dev.start --backend docker --with dev_docker"))
    try:
        with contextlib.closing(connect(timeout=_SECONDS)) as engine:
            return _from_network(place, engine)
    except GaiaflowError as error:
        return Facts(VANTAGE, unasked=(error.message, error.hint))


def _from_network(place: Place, engine: Any) -> Facts:
    from dotenv import dotenv_values

    labels = [f"{PROJECT_LABEL}={place.project.id}", f"com.docker.compose.service={_MODEL}"]
    running = engine.containers.list(filters={"label": labels})
    if not running:
        return Facts(VANTAGE, unasked=("no MLflow runs in a container: nothing was asked", "inv dev.start"))
    if not place.starts:
        return Facts(VANTAGE, unasked=("nothing was started to ask from", "inv doctor"))
    file = place.project.home / "compose" / "task" / "dev_docker.env"
    asked = address.urls({k: v for k, v in dotenv_values(file).items() if v})
    _clear(engine, place)
    begun = time.time()
    told = _run(engine, place, running[0], [f"{name}={url}" for name, url in asked.items()])
    return address.heard(VANTAGE, asked, told, begun)


def _run(engine: Any, place: Place, model: Any, pairs: list[str]) -> dict[str, Any]:
    """What the script prints in a container like the model's, with no right but to ask."""
    from docker.errors import APIError, ContainerError

    try:
        output = engine.containers.run(
            model.image.id,
            ["python", "-IS", "-c", text(), *pairs],
            network=f"{place.project.id}_default",
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
        raise GaiaflowError(f"no container could ask: {type(error).__name__}", "docker info") from None


def _clear(engine: Any, place: Place) -> None:
    """Remove what a doctor that was killed left."""
    labels = [f"{PROJECT_LABEL}={place.project.id}", f"{KIND_LABEL}={KIND}"]
    for left in engine.containers.list(all=True, filters={"label": labels, "status": "exited"}):
        left.remove()


def text() -> str:
    """The script as it is sent into containers and pods."""
    return Path(request.__file__).read_text(encoding="utf-8")
