"""The cluster's network for Airflow in containers: without it they reach no node of the cluster."""

from __future__ import annotations

from typing import Any

from gaiaflow.infra.images.engine import PROJECT_LABEL, connect, list_containers
from gaiaflow.project import Project

_SERVICE = "com.docker.compose.service"
# Those that start pods and follow them, or show the log of a running one.
_CALLERS = ("airflow-scheduler", "airflow-triggerer", "airflow-api-server")


def join(project: Project, network: str) -> list[str]:
    """Have Airflow's containers of the stack join; the names of those that were not in it.

    Where the cluster has no network of this machine's engine, nothing is done.
    """
    joined = []
    for container, there in _callers(project, network):
        if not there:
            connect().networks.get(network).connect(container)
            joined.append(str(container.name))
    return joined


def outside(project: Project, network: str) -> list[str]:
    """The running ones that are not in it."""
    return [str(c.name) for c, there in _callers(project, network) if not there and c.status == "running"]


def leave(project: Project, network: str) -> list[str]:
    """Have them leave, so that the network can be removed; the names of those that were in it."""
    left = []
    for container, there in _callers(project, network):
        if there:
            connect().networks.get(network).disconnect(container, force=True)
            left.append(str(container.name))
    return left


def _callers(project: Project, network: str) -> list[tuple[Any, bool]]:
    """The containers that call the API server, and whether each is in the network."""
    client = connect()
    if not client.networks.list(names=[f"^{network}$"]):
        return []
    mine = list_containers(client, all=True, filters={"label": f"{PROJECT_LABEL}={project.id}"})
    return [
        (container, network in container.attrs["NetworkSettings"]["Networks"])
        for container in mine
        if container.labels.get(_SERVICE) in _CALLERS
    ]
