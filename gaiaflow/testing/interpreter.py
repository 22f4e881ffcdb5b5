"""The Python that DAG tests run in, for a project's own noxfile."""

from __future__ import annotations

from pathlib import Path

from gaiaflow.project import Project


def airflow_python(project: Project | None = None) -> Path:
    """The interpreter of the stack's Airflow environment, which is made when it is missing.

    Args:
        project: by default the project of the current folder.

    Raises:
        GaiaflowError: there is no project, or the environment could not be made.
    """
    from gaiaflow.infra.environments.environment import (
        ensure_environment,
    )  # late: Airflow's environment has no use for it

    return ensure_environment(project or Project.find(), "airflow")
