"""The backends that are built, which one to use, and which one runs now."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gaiaflow import envvar
from gaiaflow.errors import GaiaflowError, MissingError, UsageError, near_miss
from gaiaflow.project import Project
from gaiaflow.stack.services import state

if TYPE_CHECKING:  # late, like the rest: `inv --list` needs only names
    from gaiaflow.models.registry import ModelRegistry
    from gaiaflow.stack.services.backend import Backend, Credential, Holding

AUTO = "auto"
NAMES = (AUTO, "embedded", "docker")
# What a start leaves below `.gaiaflow/`.
_TRACES = {"embedded": "data", "docker": "compose"}


def _embedded(project: Project) -> Backend:
    from gaiaflow.stack.embedded.embedded import Embedded  # late, like the other: `inv --list` needs neither

    return Embedded(project)


def _docker(project: Project) -> Backend:
    from gaiaflow.stack.composed.compose import Compose

    return Compose(project)


BACKENDS: dict[str, Callable[[Project], Backend]] = {"embedded": _embedded, "docker": _docker}


def choose(project: Project, wanted: str = AUTO) -> tuple[Backend, str]:
    """The backend to use, and why.

    Args:
        wanted: one of NAMES; `auto` is the project's own.

    Raises:
        UsageError: no such backend, or the stack runs on another one.
    """
    from gaiaflow.infra.environments import interpreter

    _check(wanted)
    running = current(project)
    if running and any(s.state != "stopped" for s in running.status()):
        if state.is_lost(project):
            raise GaiaflowError(
                f"the stack runs, but `{state.place(project)}` cannot be read: it is truncated or was changed",
                "inv dev.stop, then inv dev.start; no data is lost",
            )
        if wanted not in (AUTO, running.name):
            raise UsageError(f"the stack runs on the backend `{running.name}`", "inv dev.stop")
        return running, "it runs already"
    name, why = (wanted, "as asked") if wanted != AUTO else _own(project)
    if name == "docker" and (python := interpreter.given(project)):
        raise UsageError(
            f"`{python}` is a Python of this machine, which containers cannot use",
            "inv dev.start --backend embedded",
        )
    return BACKENDS[name](project), why


def of(project: Project) -> Backend:
    """The project's own backend: what it last ran on, else what it is set to."""
    return current(project) or choose(project)[0]


def _own(project: Project) -> tuple[str, str]:
    """No Docker engine is asked: a stack that moves by itself hides the data of the other backend."""
    if last := current(project):
        return last.name, "as the last time"
    settings = {
        envvar.BACKEND: project.setting(envvar.BACKEND, AUTO),
        "[tool.gaiaflow] backend": project.settings.backend or AUTO,
    }
    for place, name in settings.items():
        _check(name)
        if name != AUTO:
            return name, f"by {place}"
    return "embedded", "the default"


def _check(name: str) -> None:
    if name not in NAMES:
        raise UsageError(f"unknown backend `{name}`{near_miss(name, NAMES)}", f"one of {', '.join(NAMES)}")


def elsewhere(project: Project, backend: Backend) -> dict[str, list[Holding]]:
    """The data that the project has on other backends, by backend; what cannot be listed has no size."""
    others = [name for name in BACKENDS if name != backend.name and _was_used(project, name)]
    return {name: held for name in others if (held := _volumes(project, name))}


def check_stays(project: Project, backend: Backend) -> None:
    """Refuse a backend that would leave data behind, where no question can be asked.

    Raises:
        UsageError: the project has data on the backend that it last ran on.
    """
    last = current(project)
    if last and last.name != backend.name and last.name in elsewhere(project, backend):
        raise UsageError(
            f"the project has its data on the backend `{last.name}`",
            f"inv dev.start --backend {backend.name}, which asks first",
        )


def _was_used(project: Project, name: str) -> bool:
    """Whether there is a trace of a backend, so that no engine is asked in a project that never used one."""
    return (project.home / _TRACES[name]).is_dir()


def _volumes(project: Project, name: str) -> list[Holding]:
    try:
        return BACKENDS[name](project).volumes()
    except MissingError:
        from gaiaflow.stack.services.backend import Holding

        return [Holding("data", "that cannot be listed: no Docker engine answers", None)]


def current(project: Project) -> Backend | None:
    """The backend that the stack was last started on; None when it never was."""
    name = state.read(project).backend
    if not name and state.is_lost(project):
        name = "docker" if _was_used(project, "docker") and not _supervised(project) else "embedded"
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
        raise MissingError("Airflow is not running", "inv dev.start")
    return next(c for c in backend.credentials() if c.service == "airflow")


def model_registry(project: Project) -> ModelRegistry:
    """The model registry of the running stack.

    Raises:
        MissingError: its MLflow is not running.
    """
    from gaiaflow.models.registry import ModelRegistry

    backend = current(project)
    states = {row.service: row.state for row in backend.status()} if backend else {}
    if backend is None or states.get("mlflow") != "running":
        raise MissingError("no registry of models: MLflow is not running", "inv dev.start --service mlflow")
    return ModelRegistry(backend.endpoints().url("mlflow"))
