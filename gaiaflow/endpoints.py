"""Where a service is, by who asks: the one table of addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from gaiaflow import envvar
from gaiaflow.errors import UsageError, near_miss

LOOPBACK = "127.0.0.1"
ALL = "all"
# What pods of the local cluster call this machine.
GATEWAY = "host.minikube.internal"


class Vantage(str, Enum):
    """Who asks for an address."""

    HOST = "host"
    CONTAINER = "container"
    POD = "pod"


@dataclass(frozen=True)
class Service:
    """One service of the stack.

    Attributes:
        port: the default port on the host.
        inner_port: the port inside a container of the stack's network.
        health: the path that answers 200 when the service is up.
        needs: services that must run for this one to be of use.
    """

    name: str
    port: int
    inner_port: int
    health: str
    needs: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        """The variable that moves the port, e.g. ``GAIAFLOW_S3_PORT``."""
        return envvar.port(self.name)


SERVICES: dict[str, Service] = {
    s.name: s
    for s in (
        Service("s3", 9000, 9000, "/healthz"),
        Service("mlflow", 5000, 5000, "/health", needs=("s3",)),
        Service("airflow", 8080, 8080, "/api/v2/monitor/health", needs=("mlflow",)),
        Service("jupyter", 8895, 8895, "/api", needs=("mlflow",)),
    )
}
# A second port of s3, not a service of its own.
S3_CONSOLE = Service("s3-console", 9001, 9001, "/")
PORTS: dict[str, Service] = {**SERVICES, S3_CONSOLE.name: S3_CONSOLE}
# Runs only when a model is named: `inv model.serve`. It reads files, so it needs no other service.
MODEL = Service("model", 5001, 5001, "/ping")
EVERY: dict[str, Service] = {**SERVICES, MODEL.name: MODEL}
_ADDRESSES: dict[str, Service] = {**PORTS, MODEL.name: MODEL}
ALIASES = {"minio": "s3"}


def service_of(port_name: str) -> str:
    """The service that a port belongs to: ``s3`` for ``s3-console``."""
    return port_name.partition("-")[0]


def service_names(wanted: list[str] | tuple[str, ...], every: bool = False) -> list[str]:
    """The services meant by names, aliases or ``all``, in the table's order, without what they need.

    Args:
        every: no name and ``all`` mean the model too, which starts only by its name.

    Raises:
        UsageError: a name is unknown.
    """
    known = [*EVERY, *ALIASES, ALL]
    for name in wanted:
        if name not in known:
            raise UsageError(f"unknown service `{name}`{near_miss(name, known)}", f"one of {', '.join(known)}")
    if not wanted or ALL in wanted:
        return list(EVERY if every or MODEL.name in wanted else SERVICES)
    meant = {ALIASES.get(name, name) for name in wanted}
    return [name for name in EVERY if name in meant]


def with_needs(names: list[str]) -> list[str]:
    """The services and all that they depend on, in start order."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += EVERY[name].needs
    return [name for name in EVERY if name in found]


@dataclass(frozen=True)
class Endpoints:
    """The addresses of one running stack.

    Attributes:
        ports: the host's port of each entry of PORTS, and of the model once one is served.
        gateway: the name or address under which pods of the local cluster reach the host.
        store: the address of an external S3 store, for everyone the same; empty for the stack's own.
    """

    ports: Mapping[str, int]
    gateway: str = GATEWAY
    store: str = ""

    def url(self, name: str, vantage: Vantage = Vantage.HOST) -> str:
        """``http://host:port`` of a service as the vantage point sees it."""
        if name == "s3" and self.store:
            return self.store
        entry = _ADDRESSES[name]
        outer = self.ports[name] if name in PORTS else self.ports.get(name, entry.port)
        host, port = {
            Vantage.HOST: (LOOPBACK, outer),
            Vantage.CONTAINER: (service_of(name), entry.inner_port),
            Vantage.POD: (self.gateway, outer),
        }[vantage]
        return f"http://{host}:{port}"

    def task_environment(self, vantage: Vantage, server: Vantage | None = None) -> dict[str, str]:
        """What a user's function needs to find MLflow and S3; no keys.

        MLflow sends a client that uploads a large file in parts to the store, at the address that the server
        itself uses. Who does not reach it there uploads through the server.

        Args:
            server: the vantage point of MLflow's server, where it is known.
        """
        direct = bool(self.store) or vantage == server
        return {
            "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
            "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "true" if direct else "false",
            "MLFLOW_TRACKING_URI": self.url("mlflow", vantage),
            "AWS_ENDPOINT_URL_S3": self.url("s3", vantage),
            "MLFLOW_S3_ENDPOINT_URL": self.url("s3", vantage),
        }
