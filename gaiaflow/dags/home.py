"""The environment in which DAGs are tested: an Airflow home of the project's own, apart from the stack's."""

from __future__ import annotations

import sys
from pathlib import Path

from gaiaflow import envvar
from gaiaflow.infra.environments import interpreter
from gaiaflow.infra.environments.environment import python_of
from gaiaflow.infra.environments.source import NOTHING, source
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project
from gaiaflow.stack import backends
from gaiaflow.stack.composed.composition import host_operator_variables
from gaiaflow.stack.services import hostnetwork
from gaiaflow.stack.services.airflow import airflow_environment
from gaiaflow.stack.services.backend import Backend

# Files that only a stack writes: without one, functions run without its addresses.
_ADDRESSES = envvar.TASK_ENVIRONMENT


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
    project: Project, home: Path | None = None, airflow_python: str = sys.executable, with_stack: bool = True
) -> dict[str, str]:
    """The whole environment of a process that tests the project's DAGs.

    MLflow is the running stack's, else a file in the test home, so that no service is needed.

    Args:
        with_stack: functions may use the running stack; without it they do not see its MLflow and S3.
    """
    place = home or test_home(project)
    stack = running_stack(project) if with_stack else None
    variables = airflow_environment(project, place, stack.endpoints() if stack else None)
    if stack is not None and stack.name == "docker":
        variables |= host_operator_variables(project)
    if stack is not None and stack.name == "embedded":
        variables = {**hostnetwork.operator_variables(project), **variables}
    if stack is None:
        variables["MLFLOW_TRACKING_URI"] = f"sqlite:///{place / 'mlflow.db'}"
        # By no other variable does MLflow keep artifacts out of ./mlruns, which is the project's tree.
        variables["_MLFLOW_SERVER_ARTIFACT_ROOT"] = str(place / "mlartifacts")
    promised = {name: Path(value) for name, value in variables.items() if name.startswith(_ADDRESSES)}
    for name in [name for name, file in promised.items() if not (with_stack and file.is_file())]:
        del variables[name]
    return {**variables, envvar.PYTHON: project_python(project, airflow_python)}
