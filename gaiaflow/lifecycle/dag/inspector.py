"""Airflow's environment of the project, made when it is missing, for the verbs that look into DAGs."""

from __future__ import annotations

from gaiaflow.dags.inspector import Inspector
from gaiaflow.infra.host.environment import ensure_environment, missing, title
from gaiaflow.lifecycle.terminal import Phases
from gaiaflow.project import Project


def inspector(project: Project, *environments: str) -> Inspector:
    """Ready to be asked; further environments that the work needs are made, too."""
    wanted = {"airflow", *environments}
    absent = [name for name in missing(project) if name in wanted]
    phases = Phases(len(absent))
    for name in absent:
        with phases.phase(title(project, name)):
            ensure_environment(project, name)
    return Inspector(project, ensure_environment(project, "airflow"))
