"""Which ports are free, who holds the others, and which to take instead."""

from __future__ import annotations

import errno
import hashlib
import socket
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from gaiaflow.endpoints import LOOPBACK, MODEL, PORTS, Service
from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.infra.host.living import name_of
from gaiaflow.project import Project

# Below the range that the kernel gives to outgoing connections, above the well-known defaults.
INNER_FIRST, INNER_LAST = 20000, 31000
# Linux refuses the wildcard where any address has a listener; macOS only the very address that is taken.
_ADDRESSES = ("0.0.0.0", LOOPBACK, "::", "::1")  # noqa: S104 - looked at, never listened on
_NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class PortLostError(UsageError):
    """Another process took a port between the check and the start."""


class Claims(ExitStack):
    """The ports that a start has chosen: no other start on this machine gets them until somebody listens.

    Each is held as the name of an abstract Unix socket. Linux keeps those as it keeps ports, by network
    namespace, and lets them go when the process ends, however it ends. Elsewhere nothing is held.

    Args:
        own: the processes whose listeners do not count, as `is_free` has them.
    """

    def __init__(self, own: Callable[[], Collection[int]] = tuple) -> None:
        super().__init__()
        self._own = own
        self._held: set[int] = set()

    def take(self, port: int) -> bool:
        """Whether the port is free and nobody else's; it is this start's from then on."""
        if port in self._held:
            return is_free(port, self._own())
        name = self.enter_context(socket.socket(socket.AF_UNIX))
        try:
            name.bind(f"\0gaiaflow-port-{port}")
            self._held.add(port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
        return is_free(port, self._own())  # looked at last: who held the name before may listen by now


def is_free(port: int, own: Collection[int] = ()) -> bool:
    """Whether no address of this machine has a listener there, by IPv4 or IPv6.

    One on another address than loopback counts too: the S3 store does not start beside it, and the cluster's
    way to this stack would find its port taken.

    Args:
        own: pids of this project's forwarding, which listens at the services' ports on another address.
    """
    if own and (inodes := _listening_inodes(port)):
        ours = set().union(*(_sockets(Path(f"/proc/{pid}/fd")) for pid in own))
        return inodes <= ours and can_listen(LOOPBACK, port)
    return all(can_listen(address, port) for address in _ADDRESSES)


def can_listen(address: str, port: int) -> bool:
    """Whether a service could listen at this address now; an address that this machine lacks is no obstacle."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
    except OSError as error:
        return error.errno in _NO_SUCH_ADDRESS
    return True


def wanted(project: Project, flags: Mapping[str, int]) -> dict[str, int]:
    """Each service's port: the flag, then the variable, then the table."""
    return {name: flags.get(name) or from_variable(project, PORTS[name]) for name in PORTS}


def from_variable(project: Project, entry: Service) -> int:
    """The port of a service: the variable, then the table."""
    text = project.setting(entry.variable, str(entry.port))
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise UsageError(f"`{entry.variable}` is `{text}`: not a port", f"export {entry.variable}={entry.port}")
    return int(text)


def settle(
    ports: Mapping[str, int],
    auto: bool,
    reach: Mapping[str, int] | None = None,
    take: Callable[[int], bool] = is_free,
) -> dict[str, int]:
    """The ports to use.

    Args:
        ports: what is wanted, by service.
        auto: move a taken one to the next free one.
        reach: services that take a second port this far above their own.
        take: whether a port is to be had; Claims.take keeps it too.

    Raises:
        UsageError: one is taken and may not move, two want the same, or one is out of range.
    """
    settled: dict[str, int] = {}
    for name, port in ports.items():
        used = set(settled.values())
        offset = (reach or {}).get(name, 0)
        settled[name] = (
            _next_free(port, used, offset, take) if auto else _checked(name, port, used, offset, take)
        )
    return settled


def _checked(name: str, port: int, used: Iterable[int], offset: int, take: Callable[[int], bool]) -> int:
    if not 0 < port + offset < 65536:
        raise UsageError(f"port {port} of `{name}` is out of range", f"choose a port below {65536 - offset}")
    if port in used:
        raise UsageError(
            f"port {port} of `{name}` is also the port of another service",
            f"inv dev.start --{name}-port {port + 1}",
        )
    for taken in {port, port + offset}:
        if not take(taken):
            by = "another stack that starts now" if is_free(taken) else owner(taken)
            raise UsageError(
                f"port {taken} of `{name}` is taken by {by}",
                f"inv dev.start --{name}-port {port + 1}, or inv dev.start --auto-ports",
            )
    return port


def _next_free(port: int, used: Iterable[int], offset: int, take: Callable[[int], bool]) -> int:
    for candidate in range(port, 65536 - offset):
        if candidate == MODEL.port != port:  # `model.serve` looks for it there
            continue
        if candidate not in used and take(candidate) and take(candidate + offset):
            return candidate
    raise GaiaflowError(f"no free port above {port}", "stop programs that use ports, or choose a lower port")


def inner(project_id: str, count: int) -> list[int]:
    """A block of free neighbouring ports that differs between projects: for what only a service itself uses."""
    span = (INNER_LAST - INNER_FIRST) // count
    begin = int(hashlib.sha256(project_id.encode()).hexdigest()[:8], 16)
    for step in range(span):
        first = INNER_FIRST + (begin + step) % span * count
        block = list(range(first, first + count))
        if all(map(is_free, block)):
            return block
    raise GaiaflowError(
        f"no {count} free ports between {INNER_FIRST} and {INNER_LAST}", "stop the programs that use them"
    )


def lost(name: str, port: int) -> PortLostError:
    """What to say of a port that was free when it was chosen and is not now."""
    return PortLostError(
        f"port {port} of `{name}` was taken at this moment by {owner(port)}",
        f"inv dev.start --{name}-port {port + 1}, or inv dev.start --auto-ports",
    )


def refuse_lost(chosen: Mapping[str, int], own: Collection[int] = ()) -> None:
    """Tell a port that another program has taken from other reasons to end.

    Args:
        own: as `is_free` has it.

    Raises:
        PortLostError: one of them is taken.
    """
    for name, port in chosen.items():
        if not is_free(port, own):
            raise lost(name, port)


def is_listened_on_by(pids: Iterable[int], port: int) -> bool:
    """Whether one of the processes listens there; also where that cannot be told."""
    inodes = _listening_inodes(port)
    return not inodes or any(_sockets(Path(f"/proc/{pid}/fd")) & inodes for pid in pids)


def _sockets(folder: Path) -> set[str]:
    found = set()
    with suppress(OSError):
        for link in folder.iterdir():
            with suppress(OSError):
                found.add(str(link.readlink()).removeprefix("socket:[").rstrip("]"))
    return found


def owner(port: int) -> str:
    """Who listens there: ``python (pid 4711)``, or that it cannot be told."""
    inodes = _listening_inodes(port)
    for link in Path("/proc").glob("[0-9]*/fd/*") if inodes else ():
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.removeprefix("socket:[").rstrip("]") in inodes:
            pid = int(link.parts[2])
            return f"`{name_of(pid)}` (pid {pid})"
    return "another process"


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        rows = table.read_text(encoding="utf-8").splitlines()[1:] if table.exists() else []
        for row in (line.split() for line in rows):
            if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port:
                found.add(row[9])
    return found
