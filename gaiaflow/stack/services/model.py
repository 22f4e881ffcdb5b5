"""The model that the stack serves: which one, its files, and MLflow's own scoring server on them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from gaiaflow.endpoints import LOOPBACK, MODEL
from gaiaflow.errors import MissingError
from gaiaflow.infra.host import ports, privatefile
from gaiaflow.models.registry import ModelRegistry, Version
from gaiaflow.project import Project
from gaiaflow.stack.services import state
from gaiaflow.stack.services.backend import ServiceStatus
from gaiaflow.stack.services.program import Program, Stack

# The application behind `mlflow models serve`, which would put a shell and a second process around it.
SERVER = ("-m", "uvicorn", "mlflow.pyfunc.scoring_server.app:app")
PLACE = "__pyfunc_model_path__"
FOLDER = "model"
_CHOSEN = "served.json"


def folder(project: Project) -> Path:
    """Where the files of the served model lie."""
    return privatefile.folder(privatefile.folder(project.home) / FOLDER)


def chosen(project: Project) -> Version | None:
    """The model that the stack serves, or goes on serving when it starts again; None until one is chosen."""
    kept = privatefile.read_json(project.home / FOLDER / _CHOSEN)
    try:
        return Version(**kept) if kept else None
    except TypeError:  # cut, or another version's
        return None


def files(project: Project) -> Path:
    """The files of the chosen model.

    Raises:
        MissingError: none is chosen, or its files are gone.
    """
    version = chosen(project)
    if version is None:
        raise MissingError("no model is served", "inv model.serve MODEL, one of inv model.list")
    found = project.home / FOLDER / version.key
    if not found.is_dir():
        raise MissingError(f"the files of model `{version.spec}` are gone", f"inv model.serve {version.spec}")
    return found


def example(project: Project) -> Path | None:
    """A request that the chosen model was logged with, as a file to send; None where it was logged without."""
    file = files(project) / "serving_input_example.json"
    return file if file.is_file() else None


def choose(project: Project, registry: ModelRegistry, version: Version) -> None:
    """Bring the files of a version here and remember it; those of others go."""
    place = folder(project)
    kept = registry.download(version, place)
    for other in place.iterdir():
        if other.is_dir() and other != kept:
            shutil.rmtree(other)
    privatefile.write_json(place / _CHOSEN, asdict(version))


def forget(project: Project) -> None:
    """The stack serves no model any more."""
    shutil.rmtree(project.home / FOLDER, ignore_errors=True)


def programs(stack: Stack) -> list[Program]:
    """The scoring server in the project's environment, whose programs a model may call."""
    python = stack.python("project")
    env = {**stack.environment(MODEL.name), **stack.task_environment(), PLACE: str(files(stack.project))}
    env["PATH"] = os.pathsep.join([str(Path(python).parent), env.get("PATH", os.defpath)])
    argv = [python, *SERVER, "--host", LOOPBACK, "--port", str(stack.ports[MODEL.name])]
    return [Program(MODEL.name, argv, env, stack.folder(FOLDER))]


def location(project: Project, mount: Path) -> dict[str, str]:
    """The scoring server's variable in a container that has the folder of models there; none chosen, none."""
    version = chosen(project)
    return {PLACE: str(mount / version.key)} if version else {}


def port(project: Project, wanted: int = 0) -> int:
    """Where the model is to answer: as asked, as it does already, as the variable or the table says."""
    kept = state.read(project).ports
    return wanted or kept.get(MODEL.name) or ports.from_variable(project, MODEL)


def served(project: Project) -> tuple[str, ...]:
    """The service, where a model is chosen."""
    return (MODEL.name,) if chosen(project) else ()


def shown(project: Project, rows: Mapping[str, ServiceStatus]) -> list[ServiceStatus]:
    """The rows of `inv dev.status`, that of the model with its name."""
    version = chosen(project)
    if version is None:
        return list(rows.values())
    row = rows[MODEL.name]
    named = replace(row, detail=", ".join(filter(None, [version.spec, row.detail])))
    return list({**rows, MODEL.name: named}.values())
