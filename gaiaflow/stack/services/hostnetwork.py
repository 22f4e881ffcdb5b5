"""Mode dev_docker beside the embedded stack: containers share this machine's network, where the stack is."""

from __future__ import annotations

from pathlib import Path

from gaiaflow import envvar
from gaiaflow.infra.host import envfile as taskenv
from gaiaflow.infra.images import kind
from gaiaflow.project import Project
from gaiaflow.stack.services.program import Stack


def is_shared() -> bool:
    """Whether the engine has this machine's loopback for its host network."""
    return kind.find().shares_network


def write(stack: Stack) -> None:
    """Write the addresses and keys that containers of tasks get, 0600."""
    stack.folder("task")
    taskenv.write_variables(_file(stack.project), stack.task_environment())


def operator_variables(project: Project) -> dict[str, str]:
    """What the operator of dev_docker reads; empty where containers cannot reach the stack."""
    if not is_shared() or not _file(project).is_file():
        return {}
    return {envvar.TASK_ENV_DEV_DOCKER: str(_file(project)), envvar.NETWORK: "host"}


def _file(project: Project) -> Path:
    return project.home / "task" / "dev_docker.env"
