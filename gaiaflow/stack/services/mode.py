"""The mode of a running stack: where the tasks of its Airflow run that name no mode themselves."""

from __future__ import annotations

import time

from gaiaflow import envvar
from gaiaflow.errors import UsageError
from gaiaflow.modes import Mode, resolve_mode
from gaiaflow.project import Project
from gaiaflow.stack.services import state


def kept(project: Project) -> str:
    """The mode that Airflow was last started in."""
    return state.read(project).mode or Mode.DEV.value


def asked(project: Project, mode: str) -> str:
    """The mode of a flag, else of the variable in the shell or in .env; empty when neither says one.

    Raises:
        UsageError: no such mode.
    """
    named = mode or project.setting(envvar.MODE, "")
    return resolve_mode(named).value if named else ""


def again(project: Project, mode: str) -> str:
    """What a restart asks for: the flag, else what the variable says by now, else the mode that was.

    Raises:
        UsageError: no such mode.
    """
    if mode:
        return resolve_mode(mode).value
    return "" if asked(project, "") else kept(project)


def settle(project: Project, mode: str, airflow_runs: bool) -> str:
    """The mode for a start: a running Airflow keeps its own.

    Args:
        mode: what the flag asked for; may be empty.

    Raises:
        UsageError: Airflow runs in another one, or there is no such mode.
    """
    if not airflow_runs:
        return asked(project, mode) or Mode.DEV.value
    running = kept(project)
    if mode and resolve_mode(mode).value != running:
        raise UsageError(
            f"`airflow` is already running, in mode `{running}`",
            f"inv dev.restart --service airflow --mode {mode}",
        )
    return running


def began(project: Project, airflow_runs: bool) -> float:
    """When Airflow was last started, in seconds since the epoch; now where a start is about to do it.

    What Airflow read of the DAGs before that may be of another mode.
    """
    return kept_began(project) if airflow_runs else time.time()


def kept_began(project: Project) -> float:
    """When Airflow was last started; 0 where nobody knows, and where a clock that was ahead said it."""
    began = state.read(project).began
    return began if began <= time.time() else 0
