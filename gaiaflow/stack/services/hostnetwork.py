"""Mode dev_docker beside the embedded stack: containers share this machine's network, where the stack is."""

from __future__ import annotations

import sys
from pathlib import Path

from gaiaflow import envvar
from gaiaflow.infra.host import envfile as taskenv
from gaiaflow.infra.images.engine import engine_address
from gaiaflow.project import Project
from gaiaflow.stack.services.program import Stack

# Sockets of engines whose host network is another machine's: virtual machines, and rootless Docker's namespace.
_ELSEWHERE = ("/.docker/", "/.rd/", "/.colima/", "/.lima/", "/.orbstack/", "/run/user/")
# Rootless, and yet in this machine's network.
_HERE = "/podman/podman.sock"


def is_shared() -> bool:
    """Whether the engine, once it runs, has this machine's loopback for its host network."""
    address = engine_address() or ""
    local = not address or address.startswith("unix://")
    elsewhere = any(part in address for part in _ELSEWHERE) and not address.endswith(_HERE)
    return sys.platform == "linux" and local and not elsewhere


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
