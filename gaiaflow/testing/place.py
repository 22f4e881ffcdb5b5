"""Where DAGs are tested: an Airflow home of the project's own, apart from the stack's, migrated once."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.environments import interpreter
from gaiaflow.infra.environments.source import NOTHING, source
from gaiaflow.infra.host import privatefile
from gaiaflow.infra.host.environment import python_of
from gaiaflow.project import Project
from gaiaflow.stack import backends
from gaiaflow.stack.composed.composition import host_contract
from gaiaflow.stack.services import hostnetwork
from gaiaflow.stack.services.airflow import airflow_environment
from gaiaflow.stack.services.backend import Backend

PYTHON = "GAIAFLOW_PYTHON"
# A function must not see a mode, a call or an address that was left by another run.
_OURS = ("AIRFLOW_", "GAIAFLOW_CALL", "GAIAFLOW_RESULT", "GAIAFLOW_TASK_ENV_", "MLFLOW_TRACKING_URI")
# Files that only a stack writes: without one, functions run without its addresses.
_ADDRESSES = "GAIAFLOW_TASK_ENV_"
_KEPT = ("AIRFLOW__LOGGING__",)

# What `enter` set, and what was there before it.
_settled: dict[str, tuple[str, str | None]] = {}


def test_home(project: Project) -> Path:
    """AIRFLOW_HOME of test runs."""
    return privatefile.folder(privatefile.folder(project.home) / "test")


def running_stack(project: Project) -> Backend | None:
    """The project's stack while its MLflow answers."""
    backend = backends.current(project)
    if backend and any(s.service == "mlflow" and s.state == "running" for s in backend.status()):
        return backend
    return None


def project_python(project: Project, airflow_python: str) -> str:
    """The interpreter for functions in mode dev: one that is given, else the project's environment.

    A project without dependencies needs no environment of its own; Airflow's interpreter serves.
    """
    own = python_of(project, "project")
    return str(own) if interpreter.given(project) or own.exists() or needs_packages(project) else airflow_python


def needs_packages(project: Project) -> bool:
    """Whether the project's functions need packages, or another Python than Airflow's."""
    return source(project).kind != NOTHING or not interpreter.is_own(project)


def environment(
    project: Project, home: Path | None = None, airflow_python: str = sys.executable
) -> dict[str, str]:
    """The whole environment of a process that tests the project's DAGs.

    MLflow is the running stack's, else a file in the test home, so that no service is needed.
    """
    place = home or test_home(project)
    stack = running_stack(project)
    variables = airflow_environment(project, place, stack.endpoints() if stack else None)
    if stack is not None and stack.name == "docker":
        variables |= host_contract(project)
    if stack is not None and stack.name == "embedded":
        variables = {**hostnetwork.contract(project), **variables}
    if stack is None:
        variables["MLFLOW_TRACKING_URI"] = f"sqlite:///{place / 'mlflow.db'}"
        # By no other variable does MLflow keep artifacts out of ./mlruns, which is the project's tree.
        variables["_MLFLOW_SERVER_ARTIFACT_ROOT"] = str(place / "mlartifacts")
    absent = [n for n, value in variables.items() if n.startswith(_ADDRESSES) and not Path(value).is_file()]
    for name in absent:
        del variables[name]
    return {**variables, PYTHON: project_python(project, airflow_python)}


def enter(
    project: Project,
    home: Path | None = None,
    setenv: Callable[[str, str], Any] = os.environ.__setitem__,
    delenv: Callable[[str], Any] = os.environ.__delitem__,
) -> None:
    """Point this process at the project, and make the database when it is not there yet.

    Args:
        setenv, delenv: change the environment; a test that takes its changes back gives its own.

    Raises:
        GaiaflowError: Airflow was imported before, with another home.
    """
    _take_back()
    variables = environment(project, home)
    _refuse_other_home(variables["AIRFLOW_HOME"])
    for name in [name for name in os.environ if name.startswith(_OURS) and not name.startswith(_KEPT)]:
        delenv(name)
    for name, value in variables.items():
        if name.startswith("GAIAFLOW_"):
            _settled[name] = (value, os.environ.get(name))
        setenv(name, value)
    if str(project.dags) not in sys.path:
        sys.path.append(str(project.dags))
    _migrate(Path(variables["AIRFLOW_HOME"]))


def _take_back() -> None:
    """Leave the project before: its variables must not pass for the shell's."""
    for name, (ours, before) in _settled.items():
        if os.environ.get(name) == ours:
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before
    _settled.clear()


def _refuse_other_home(home: str) -> None:
    if "airflow" in sys.modules and os.environ.get("AIRFLOW_HOME") != home:
        raise GaiaflowError(
            "Airflow is imported already, with another home: this process cannot be pointed at the test home",
            "import airflow inside of tests and fixtures, not at the top of the file",
        )


def _migrate(home: Path) -> None:
    """Make or upgrade the database once for each version of Airflow; processes take turns."""
    from airflow import __version__
    from airflow.utils.db import initdb

    marker = home / "migrated"
    with (home / "migrating").open("w", encoding="utf-8") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        done = marker.read_text(encoding="utf-8") if marker.exists() else ""
        if done != __version__ or not (home / "airflow.db").exists():
            initdb()
            privatefile.write(marker, __version__)
