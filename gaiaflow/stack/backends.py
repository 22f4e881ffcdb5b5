"""The backends that are built, which one to use, and which one runs now."""

from __future__ import annotations

from collections.abc import Callable

from gaiaflow.errors import GaiaflowError, MissingError, UsageError, near_miss
from gaiaflow.infra.environments import interpreter
from gaiaflow.models.registry import ModelRegistry
from gaiaflow.project import Project
from gaiaflow.stack.services import state
from gaiaflow.stack.services.backend import Backend, Credential

AUTO = "auto"
NAMES = (AUTO, "embedded", "docker")


def _embedded(project: Project) -> Backend:
    from gaiaflow.stack.embedded.embedded import Embedded  # late, like the other: `inv --list` needs neither

    return Embedded(project)


def _docker(project: Project) -> Backend:
    from gaiaflow.stack.composed.compose import Compose

    return Compose(project)


BACKENDS: dict[str, Callable[[Project], Backend]] = {"embedded": _embedded, "docker": _docker}


def choose(project: Project, wanted: str, engine_answers: Callable[[], bool]) -> tuple[Backend, str]:
    """The backend to use, and why.

    Args:
        wanted: one of NAMES.
        engine_answers: asked for auto only, and only when a docker backend is built.

    Raises:
        UsageError: no such backend, or the stack runs on another one.
        MissingError: it is not built yet.
    """
    if wanted not in NAMES:
        raise UsageError(f"unknown backend `{wanted}`{near_miss(wanted, NAMES)}", f"one of {', '.join(NAMES)}")
    running = current(project)
    if running and any(s.state != "stopped" for s in running.status()):
        if state.is_lost(project):
            raise GaiaflowError(
                f"the stack runs, but `{state.place(project)}` cannot be read: it is cut or was changed",
                "inv dev.stop, then inv dev.start; no data is lost",
            )
        if wanted not in (AUTO, running.name):
            raise UsageError(f"the stack runs on the backend `{running.name}`", "inv dev.stop")
        return running, "it runs already"
    if wanted == AUTO:
        name, why = _automatic(project, engine_answers)
    else:
        name, why = wanted, "as asked"
        if wanted == "docker" and (python := interpreter.given(project)):
            raise UsageError(
                f"`{python}` is a Python of this machine, which containers do not have",
                "inv dev.start --backend embedded",
            )
    if name not in BACKENDS:
        raise MissingError(f"the backend `{name}` is not built yet", "inv dev.start --backend embedded")
    return BACKENDS[name](project), why


def _automatic(project: Project, engine_answers: Callable[[], bool]) -> tuple[str, str]:
    if interpreter.given(project):
        return "embedded", "the interpreter that the project names is of this machine"
    if "docker" not in BACKENDS:
        return "embedded", "plain processes; there is no docker backend yet"
    if engine_answers():
        return "docker", "a Docker engine answers"
    return "embedded", "no Docker engine answers"


def current(project: Project) -> Backend | None:
    """The backend that the stack was last started on; None when it never was."""
    name = state.read(project).get("backend")
    if name is None and state.is_lost(project):
        name = "docker" if (project.home / "compose").is_dir() and not _supervised(project) else "embedded"
    return BACKENDS[name](project) if name in BACKENDS else None


def _supervised(project: Project) -> bool:
    from gaiaflow.stack.embedded.supervisor import Supervisor

    return Supervisor(project.home).running()


def airflow_access(project: Project) -> Credential:
    """Address, user and password of the running Airflow, for a REST client.

    Raises:
        MissingError: it does not run.
    """
    backend = current(project)
    states = {s.service: s.state for s in backend.status()} if backend else {}
    if backend is None or states.get("airflow") not in ("running", "starting"):
        raise MissingError("Airflow does not run", "inv dev.start")
    return next(c for c in backend.credentials() if c.service == "airflow")


def model_registry(project: Project) -> ModelRegistry:
    """The model registry of the running stack.

    Raises:
        MissingError: its MLflow does not run.
    """
    backend = current(project)
    states = {row.service: row.state for row in backend.status()} if backend else {}
    if backend is None or states.get("mlflow") != "running":
        raise MissingError("no registry of models: MLflow does not run", "inv dev.start --service mlflow")
    return ModelRegistry(backend.endpoints().url("mlflow"))
