"""How pods reach the services of this machine: under which address, and who listens there for them.

The services listen on loopback. Where the cluster's gateway is an address of this machine (minikube's and
kind's networks), one forwarding process listens on that address, at the services' ports, and nowhere else.
Where it is not (a virtual machine that carries connections to the host's loopback), nothing is needed.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from ipaddress import ip_network

from gaiaflow import envvar
from gaiaflow.endpoints import GATEWAY, LOOPBACK
from gaiaflow.errors import GaiaflowError, MissingError, UsageError
from gaiaflow.infra.cluster import forward
from gaiaflow.infra.cluster.forwarder import Forwarder
from gaiaflow.infra.cluster.target import OWN_FOLDER, Target
from gaiaflow.infra.host import privatefile
from gaiaflow.infra.host.interface import network_of
from gaiaflow.project import Project

# What pods ask for.
SERVICES = ("s3", "mlflow")
# Clusters in a virtual machine that carries this name to the host's loopback.
_DESKTOPS = {"docker-desktop": "host.docker.internal", "rancher-desktop": "host.docker.internal"}
_START_SECONDS = 10
_FACTS = {"address": str, "ports": list}


@dataclass(frozen=True)
class Gateway:
    """Where the host is for pods.

    Attributes:
        name: what pods call it.
        address: the address on this machine to listen on, empty where none is needed.
    """

    name: str
    address: str


@dataclass(frozen=True)
class Forwarding:
    """The forwarding process, and where it listens."""

    pid: int
    started: str
    address: str
    ports: list[int]


def find(target: Target) -> Gateway:
    """The gateway of the project's cluster.

    Raises:
        MissingError: nobody knows it for this kind of cluster.
        UsageError: the setting means every interface of this machine.
    """
    if wanted := target.project.setting(envvar.GATEWAY, ""):
        _refuse_every_interface(wanted)
        return Gateway(wanted, wanted if _is_ours(wanted) else "")
    if target.profile:
        address = gateway_address(target)
        return Gateway(GATEWAY, address if _is_ours(address) else "")
    if name := _DESKTOPS.get(target.context):
        return Gateway(name, "")
    address = gateway_address(target)
    return Gateway(address, address if _is_ours(address) else "")


def gateway_address(target: Target) -> str:
    """The address of this machine as the nodes of the cluster see it."""
    if target.profile:
        return target.minikube.gateway()
    return network_gateway("kind" if target.context.startswith("kind-") else target.context)


def refuse_unknown_host(name: str, mlflow_port: int) -> None:
    """Stop where MLflow would answer pods with 403: it serves only the hosts that it was started for.

    Raises:
        GaiaflowError: it does not know the gateway's name.
    """
    connection = HTTPConnection(LOOPBACK, mlflow_port, timeout=_START_SECONDS)
    try:
        connection.request("GET", "/api/2.0/mlflow/experiments/get", headers={"Host": f"{name}:{mlflow_port}"})
        refused = connection.getresponse().status == HTTPStatus.FORBIDDEN
    except OSError:
        return
    finally:
        connection.close()
    if refused:
        raise GaiaflowError(
            f"MLflow does not answer pods: it was not started for the host `{name}`",
            f"GAIAFLOW_GATEWAY={name} in .env, then inv dev.restart --service mlflow",
        )


def open_ports(project: Project, address: str, ports: list[int]) -> Forwarding:
    """Have these ports forwarded; a process that does just that already is left alone.

    Raises:
        GaiaflowError: it could not listen.
    """
    running = current(project)
    if running and (running.address, running.ports) == (address, ports):
        return running
    close(project)
    forwarder = _forwarder(project)
    folder = privatefile.folder(privatefile.folder(project.home) / OWN_FOLDER)
    # An address that the user chose may be for nodes of other networks.
    callers = "" if project.setting(envvar.GATEWAY, "") else network_of(address)
    argv = [sys.executable, "-I", "-S", forward.__file__, str(folder), address, callers, *map(str, ports)]
    try:
        made = forwarder.start(argv, {}, {"address": address, "ports": ports}, _START_SECONDS)
    except GaiaflowError as error:
        raise GaiaflowError(
            f"cannot listen on the gateway `{address}` at {', '.join(map(str, ports))}: {error.message}",
            "stop the program that uses the port, or move the service: inv dev.start --auto-ports",
        ) from None
    return Forwarding(**made)


def close(project: Project) -> bool:
    """End the forwarding; False when there was none."""
    return _forwarder(project).close()


def current(project: Project) -> Forwarding | None:
    """What is forwarded for the project, whichever cluster it is for, while the process lives."""
    kept = _forwarder(project).known()
    return Forwarding(**kept) if kept else None


def pids(project: Project) -> list[int]:
    """The project's forwarding process, where there is one: its listeners are no strangers."""
    running = current(project)
    return [running.pid] if running else []


def drop_others(project: Project, held: Collection[int]) -> None:
    """Forward only ports that the stack has now: at one that it has left, a pod would reach a stranger."""
    running = current(project)
    if running and (kept := [port for port in running.ports if port in held]) != running.ports:
        close(project)
        if kept:
            open_ports(project, running.address, kept)


@contextmanager
def aside(project: Project) -> Iterator[None]:
    """The forwarding ends for a while: the S3 store starts only where its port is free on every address."""
    running = current(project)
    if running is None:
        yield
        return
    close(project)
    try:
        yield
    finally:
        open_ports(project, running.address, running.ports)


def _forwarder(project: Project) -> Forwarder:
    folder = project.home / OWN_FOLDER
    return Forwarder(folder / "gateway.json", folder / "gateway.log", _FACTS)


def _refuse_every_interface(address: str) -> None:
    """MLflow asks for no password: nobody on the network may reach it."""
    try:
        every = not any(socket.inet_aton(address))  # any spelling, as `0`
    except OSError:
        every = set(address) <= set("0:")
    if every:
        raise UsageError(
            f"`GAIAFLOW_GATEWAY` is `{address}`: every interface of this machine, for the whole network",
            "GAIAFLOW_GATEWAY=<the one address of this machine that pods reach> in .env",
        )


def _is_ours(address: str) -> bool:
    """Whether this machine has the address."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def network_gateway(network: str) -> str:
    """The IPv4 gateway of a Docker network here: as the engine shows it, else the subnet's first address.

    Raises:
        MissingError: there is no such network, or it has no IPv4 addresses.
    """
    from docker.errors import NotFound

    from gaiaflow.infra.images.engine import connect

    try:
        pools = connect().networks.get(network).attrs["IPAM"]["Config"] or ()
    except NotFound:
        raise _no_way(network, "no docker network of that name") from None
    if address := next(filter(None, map(_pool_gateway, pools)), ""):
        return address
    raise _no_way(network, "its docker network has no IPv4 address")


def _pool_gateway(pool: Mapping[str, str]) -> str:
    """The gateway of a pool of addresses, which some engines leave out; empty for a pool of IPv6."""
    gateway, subnet = pool.get("Gateway", ""), pool.get("Subnet", "")
    if not gateway and "." in subnet:
        gateway = str(next(ip_network(subnet, strict=False).hosts()))
    return gateway if "." in gateway else ""


def _no_way(network: str, why: str) -> MissingError:
    return MissingError(
        f"cannot find the address at which pods of `{network}` reach this machine: {why}",
        "GAIAFLOW_GATEWAY=<address of this machine that pods reach> in .env",
    )
