"""The Pythons that DAGs and functions are tested in, for a project's own noxfile."""

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
    return _python(project, "airflow")


def project_python(project: Project | None = None) -> Path:
    """The interpreter of the environment that tasks run in, which is made when it is missing.

    Args:
        project: by default the project of the current folder.

    Raises:
        GaiaflowError: there is no project, or the environment could not be made.
    """
    return _python(project, "project")


def _python(project: Project | None, name: str) -> Path:
    # Late: Airflow's environment has no use for it.
    from gaiaflow.infra.environments.environment import ensure_environment

    return ensure_environment(project or Project.find(), name)
