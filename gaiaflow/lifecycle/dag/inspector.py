"""Airflow's environment of the project, made when it is missing, for the commands that look into DAGs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from gaiaflow.dags.inspector import Inspector
from gaiaflow.infra.environments.environment import ensure_environment, missing, title
from gaiaflow.lifecycle.terminal import Phases
from gaiaflow.project import Project


def inspector(project: Project, *environments: str, with_stack: bool = False) -> Inspector:
    """Ready to be asked; further environments that the work needs are made, too.

    Args:
        with_stack: what is asked may use the running stack's MLflow and S3.
    """
    return Inspector(project, airflow_python(project, {"airflow", *environments}), with_stack)


def airflow_python(project: Project, needed: Collection[str]) -> Path:
    """Airflow's interpreter; what is needed and missing or out of date is made, each in a phase."""
    absent = [name for name in missing(project) if name in needed]
    phases = Phases(len(absent))
    for name in absent:
        with phases.phase(title(project, name)):
            ensure_environment(project, name)
    return ensure_environment(project, "airflow")
