"""The stack's ports: free, ours, or taken by whom."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from gaiaflow.doctor.check import Check, failed, ok
from gaiaflow.doctor.place import Place
from gaiaflow.endpoints import service_of
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster import gateway
from gaiaflow.infra.host import ports
from gaiaflow.infra.images.engine import connect, list_containers
from gaiaflow.stack import backends


@dataclass(frozen=True)
class Port:
    """One port that the stack wants.

    Attributes:
        owner: who listens there; empty where it is free, ``ours`` where the stack itself does.
    """

    service: str
    number: int
    owner: str


def read(place: Place) -> list[Port]:
    """What runs keeps the ports that it has; the rest are those that the next start asks for."""
    wanted, held = ports.wanted(place.project, {}), _held(place)
    own = gateway.pids(place.project)
    return [
        Port(name, port, "ours" if held.get(name) == port else _owner(port, own))
        for name, port in {**wanted, **held}.items()
    ]


def _held(place: Place) -> dict[str, int]:
    """The ports of the services that run."""
    backend = backends.current(place.project)
    if backend is None:
        return {}
    up = {row.service for row in backend.status() if row.state in ("running", "starting")}
    return {name: port for name, port in backend.endpoints().ports.items() if service_of(name) in up}


def _owner(port: int, own: list[int]) -> str:
    return "" if ports.is_free(port, own) else _publisher(port) or ports.owner(port)


def _publisher(port: int) -> str:
    """The container that has the port; its process belongs to the engine, which tells nobody whose it is."""
    try:
        with contextlib.closing(connect(timeout=5)) as engine:
            found = list_containers(engine, filters={"publish": str(port)})
    except GaiaflowError:
        return ""
    return f"the container `{found[0].name}`" if found else ""


def free(found: list[Port]) -> Check:
    taken = [port for port in found if port.owner not in ("", "ours")]
    if taken:
        named = ", ".join(f"{port.number} of `{port.service}` by {port.owner}" for port in taken)
        return failed(f"taken ports: {named}", "inv dev.start --auto-ports")
    own = [port for port in found if port.owner == "ours"]
    numbers = ", ".join(str(port.number) for port in found)
    return ok(f"ports {numbers}: {'the stack listens' if own else 'free'}")
