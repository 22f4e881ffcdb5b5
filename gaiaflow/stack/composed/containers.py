"""The containers of one project's Compose stack, by label: their states and their logs."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from gaiaflow.endpoints import Endpoints
from gaiaflow.infra.images.engine import PROJECT_LABEL, connect, list_containers
from gaiaflow.project import Project
from gaiaflow.stack.services import health
from gaiaflow.stack.services.backend import ServiceStatus

# The containers that each service is made of; those that end by themselves are in ONCE.
PARTS: dict[str, tuple[str, ...]] = {
    "s3": ("s3",),
    "mlflow": ("postgres", "databases", "bucket", "mlflow"),
    "airflow": (
        "postgres",
        "databases",
        "airflow-api-server",
        "airflow-scheduler",
        "airflow-dag-processor",
        "airflow-triggerer",
    ),
    "jupyter": ("jupyter",),
    "model": ("model",),
}
ONCE = {"databases", "bucket", "s3-volume", "environment"}
# Exit codes of what was stopped: it ended by itself when asked, or by SIGINT, SIGKILL, SIGTERM.
_STOPPED = (0, 130, 137, 143)
_COMPOSE_PROJECT = "com.docker.compose.project"
_COMPOSE_SERVICE = "com.docker.compose.service"


@dataclass(frozen=True)
class Container:
    """One container of the stack.

    Attributes:
        part: its name in compose.yml.
        state: Docker's word: created, running, restarting, exited, …
        health: healthy, starting, unhealthy, or empty where nobody asks.
    """

    part: str
    name: str
    state: str
    health: str
    code: int
    restarts: int

    @property
    def failed(self) -> bool:
        """Whether it ended though it should not have, or ended badly."""
        if self.part in ONCE:
            return self.state == "exited" and self.code != 0
        return self.state in ("exited", "dead", "restarting") or self.restarts > 0

    @property
    def detail(self) -> str:
        return (
            f"ended with {self.code}"
            if self.state == "exited"
            else f"is {self.state}, restarts: {self.restarts}"
        )


def lasting(parts: Iterable[str]) -> set[str]:
    """Those of the containers that go on running."""
    return set(parts) - ONCE


def of(project: Project) -> list[Container]:
    """The containers of the project's stack, also those that have ended."""
    with closing(connect()) as client:
        return [_container(found) for found in _found(client, project)]


def _found(client: Any, project: Project) -> list[Any]:
    labels = [f"{PROJECT_LABEL}={project.id}", f"{_COMPOSE_PROJECT}={project.id}"]
    found = list_containers(client, all=True, filters={"label": labels})
    return [c for c in found if c.labels.get("com.docker.compose.oneoff") != "True"]


def _container(found: Any) -> Container:
    state = found.attrs["State"]
    return Container(
        part=found.labels[_COMPOSE_SERVICE],
        name=found.name,
        state=state["Status"],
        health=state.get("Health", {}).get("Status", ""),
        code=state["ExitCode"],
        restarts=found.attrs.get("RestartCount", 0),
    )


def status(service: str, found: Mapping[str, Container], endpoints: Endpoints) -> ServiceStatus:
    """One service now, from its containers and its own answer."""
    url = endpoints.url(service)
    if service == "s3" and endpoints.store:
        up = health.answers(service, url)
        return ServiceStatus(service, "running" if up else "failed", url, "external" if up else "no answer")
    own = [found[part] for part in PARTS[service] if part in found]
    running = {c.part for c in own if c.state == "running"}
    broken = [c for c in own if c.state in ("restarting", "dead") or (c.part in ONCE and c.failed)]
    broken += [c for c in own if c.part not in ONCE and c.state == "exited" and c.code not in _STOPPED]
    if broken:
        return ServiceStatus(service, "failed", url, f"{broken[0].part} {broken[0].detail}")
    absent = lasting(PARTS[service]) - running
    if absent:
        only_shared = running <= {"postgres"}
        return ServiceStatus(service, "stopped" if only_shared else "failed", url,
                             "" if only_shared else f"not running: {', '.join(sorted(absent))}")  # fmt: skip
    if health.answers(service, url):
        return ServiceStatus(service, "running", url)
    waiting = [c.part for c in own if c.health == "starting"]
    return ServiceStatus(service, "starting", url, f"waiting for {', '.join(waiting or [service])}")


def tail(project: Project, part: str, lines: int) -> list[str]:
    """The last lines of one container."""
    return [line.partition(" | ")[2] for line in logs(project, [part], lines, follow=False)]


def logs(project: Project, parts: list[str], lines: int, follow: bool) -> Iterator[str]:
    """The last lines of the containers, each headed by its name; then what comes, until closed."""
    with closing(connect(timeout=86400 if follow else 60)) as client:
        found = {c.labels[_COMPOSE_SERVICE]: c for c in _found(client, project)}
        chosen = [found[part] for part in parts if part in found]
        if follow:
            yield from _followed(chosen, lines)
            return
        for container in chosen:
            text = container.logs(tail=lines).decode(errors="replace")
            yield from (f"{container.labels[_COMPOSE_SERVICE]} | {line}" for line in text.splitlines())


def _followed(chosen: list[Any], lines: int) -> Iterator[str]:
    """All of them as their lines come."""
    arrived: queue.Queue[str | None] = queue.Queue()

    def read(container: Any) -> None:
        for raw in container.logs(tail=lines, stream=True, follow=True):
            for line in raw.decode(errors="replace").splitlines():
                arrived.put(f"{container.labels[_COMPOSE_SERVICE]} | {line}")
        arrived.put(None)

    for container in chosen:
        threading.Thread(target=read, args=(container,), daemon=True).start()
    ended = 0
    while ended < len(chosen):
        line = arrived.get()
        ended += line is None
        if line is not None:
            yield line
