"""What the Compose stack of one project left on the engine: found by label, named with its size, removed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.images.engine import PROJECT_LABEL, connect, list_containers
from gaiaflow.project import Project
from gaiaflow.stack.services import folders
from gaiaflow.stack.services.backend import Holding

# The Docker socket proxy puts it on the containers of tasks; see compose/scripts/docker_proxy/container.py.
TASK_LABEL = "gaiaflow.task-of"


def volumes(project: Project) -> list[Holding]:
    """The volumes with their sizes."""
    with closing(connect()) as client:
        return _volumes(client, project)


def everything(project: Project) -> list[Holding]:
    """Containers, networks, volumes, images, and the project's home."""
    with closing(connect()) as client:
        own = _own(project)
        found = [Holding("container", str(c.name), None) for c in _containers(client, project)]
        found += [Holding("network", str(n.name), None) for n in client.networks.list(filters=own)]
        found += _volumes(client, project)
        images = client.images.list(filters=own)
        found += [Holding("image", tag, i.attrs["Size"]) for i in images for tag in i.tags]
    return found + folders.holdings(project.home)


def _containers(client: Any, project: Project) -> list[Any]:
    """The stack's, and those that a killed Airflow left of its tasks."""
    labels = (f"{PROJECT_LABEL}={project.id}", f"{TASK_LABEL}={project.id}")
    found = [list_containers(client, all=True, filters={"label": label}) for label in labels]
    return list({c.id: c for some in found for c in some}.values())


def _own(project: Project) -> dict[str, Any]:
    return {"label": f"{PROJECT_LABEL}={project.id}"}


def _volumes(client: Any, project: Project) -> list[Holding]:
    names = {v.name for v in client.volumes.list(filters=_own(project))}
    if not names:
        return []
    used = {v["Name"]: (v.get("UsageData") or {}).get("Size") for v in client.df().get("Volumes") or []}
    return [Holding("volume", name, used.get(name)) for name in sorted(names)]


def remove(project: Project, holdings: list[Holding]) -> None:
    """Remove what was named: each is looked up again, and must still carry the project's label.

    Raises:
        GaiaflowError: one of them is not the project's, or is in use.
    """
    if any(h.kind == "volume" for h in holdings):
        _remove_containers(project)
    order = ("container", "network", "volume", "image", "folder")
    for holding in sorted(holdings, key=lambda h: order.index(h.kind)):
        if holding.kind == "folder":
            folders.remove(project, Path(holding.name))
        else:
            _remove_one(project, holding)


def _remove_containers(project: Project) -> None:
    """A volume can go only after the containers that know it, also those that have ended."""
    with closing(connect()) as client:
        for container in _containers(client, project):
            container.remove(force=True)


def _remove_one(project: Project, holding: Holding) -> None:
    from docker.errors import APIError, NotFound

    with closing(connect()) as client, suppress(NotFound):
        found, labels, go = _look_up(client, holding)
        own = project.id in (labels.get(PROJECT_LABEL), labels.get(TASK_LABEL))
        if not own and holding.kind == "image":
            return  # another clone has built an image of that name meanwhile: the name is its by now
        if not own:
            raise GaiaflowError(f"{holding.kind} `{holding.name}` is not this project's: not removed")
        try:
            go(found)
        except NotFound:
            return
        except APIError as error:
            raise GaiaflowError(
                f"cannot remove {holding.kind} `{holding.name}`: {error.explanation}", "docker ps --all"
            ) from None


def _look_up(client: Any, holding: Holding) -> tuple[Any, dict[str, str], Callable[[Any], None]]:
    """The thing itself, its labels, and how it is removed."""
    name = holding.name
    if holding.kind == "container":
        found = client.containers.get(name)
        return found, found.labels, lambda it: it.remove(force=True)
    if holding.kind == "network":
        found = client.networks.get(name)
        return found, found.attrs.get("Labels") or {}, lambda it: it.remove()
    if holding.kind == "volume":
        found = client.volumes.get(name)
        return found, found.attrs.get("Labels") or {}, lambda it: it.remove()
    found = client.images.get(name)
    return found, found.labels, lambda _: client.images.remove(name)
