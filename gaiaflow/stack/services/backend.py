"""What a backend of the stack is: the questions and orders that `inv dev` has for it, and their answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gaiaflow.endpoints import Endpoints, service_of
from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project

if TYPE_CHECKING:
    from gaiaflow.infra.host.ports import Claims
    from gaiaflow.infra.host.progress import Phase


@dataclass(frozen=True)
class StartOptions:
    """What `inv dev.start` was told.

    Attributes:
        services: what to start, with what it needs, in start order (endpoints.with_needs).
        ports: the ports a person asked for by flag or variable; the rest is the table's.
        auto_ports: take the next free port where one is taken, instead of refusing.
        wait: seconds to wait for a service.
        extras: what runs beside the services; on the docker backend ``dev_docker``.
        docker_build: build the images although they are there.
        cache: let that build take layers from earlier ones.
        force_new: recreate the containers.
        mode: the default mode of tasks; empty where nobody asked for one.
        executor: Airflow's, of executor.EXECUTORS; empty where nobody asked for one.
    """

    services: list[str]
    ports: Mapping[str, int] = field(default_factory=dict)
    auto_ports: bool = False
    wait: float = 180
    extras: tuple[str, ...] = ()
    docker_build: bool = False
    cache: bool = False
    force_new: bool = False
    mode: str = ""
    executor: str = ""


@dataclass(frozen=True)
class ServiceStatus:
    """One service now.

    Attributes:
        state: ``running``, ``starting``, ``stopped`` or ``failed``.
        url: its address on the host.
        detail: why, when it does not run; empty otherwise.
    """

    service: str
    state: str
    url: str
    detail: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Credential:
    """How a person gets into a service.

    Attributes:
        secret: the password, token or secret key.
        place: the file that it is kept in.
    """

    service: str
    url: str
    user: str
    secret: str = field(repr=False)
    place: Path


@dataclass(frozen=True)
class Holding:
    """Something that lies on this machine because of the stack and can be removed.

    Attributes:
        name: what it is called: a path, a volume, a network.
        size: bytes, or None where nobody knows.
    """

    kind: str
    name: str
    size: int | None


class Backend(Protocol):
    """One way to run the stack of a project. It returns or raises GaiaflowError; it prints nothing."""

    name: str

    def __init__(self, project: Project) -> None: ...

    def phases(self, options: StartOptions) -> int:
        """How many phases `start` will show."""

    def start(self, options: StartOptions, phase: Phase) -> Endpoints:
        """Start what does not run yet and wait for each to answer; what runs is left alone.

        Raises:
            UsageError: a wanted port is taken (before anything starts).
            StillStartingError: a service did not answer in time; it keeps running.
            GaiaflowError: a service died; all that this call started is stopped.
        """

    def is_cold(self, options: StartOptions) -> bool:
        """Whether `start` has to make environments or images first."""

    def update_dependencies(self) -> bool:
        """Bring a change of the project's dependencies into its environment; whether anything changed."""

    def stop(self, services: list[str]) -> list[str]:
        """Stop these and leave data; the names of those that ran."""

    def status(self) -> list[ServiceStatus]:
        """All services in the table's order."""

    def logs(self, services: list[str], lines: int, follow: bool) -> Iterator[str]:
        """The last lines, each headed by its service; `follow` goes on until closed."""

    def extras(self) -> tuple[str, ...]:
        """What ran beside the services the last time; see StartOptions."""

    def endpoints(self) -> Endpoints:
        """The addresses of the stack, running or as it last ran."""

    def credentials(self) -> list[Credential]:
        """How to get into each service."""

    def volumes(self) -> list[Holding]:
        """The data that `stop --delete-volume` removes."""

    def holdings(self) -> list[Holding]:
        """All that `cleanup` removes: data, environments, logs, state."""

    def remove(self, holdings: list[Holding]) -> None:
        """Remove what `volumes` or `holdings` named, after the stack has stopped."""


@contextmanager
def alone(project: Project) -> Iterator[None]:
    """One start or stop of a project at a time, whichever backend it is on.

    Raises:
        GaiaflowError: another command starts or stops this stack.
    """
    with ExitStack() as held:
        try:
            held.enter_context(privatefile.locked(privatefile.folder(project.home) / "lock", wait=False))
        except BlockingIOError:
            raise GaiaflowError(
                "another `inv dev` command is changing this stack", "wait until it has ended, then repeat"
            ) from None
        yield


def choose_ports(
    project: Project,
    options: StartOptions,
    old: Mapping[str, int],
    up: set[str],
    take: Callable[[int], bool],
    reach: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """The port of every service: of one that runs its own, of the others what is wanted and to be had.

    Args:
        old: the ports of the last start.
        up: the services that run.
        take, reach: as ports.settle has them.

    Raises:
        UsageError: another port is asked for than that of a running service, or one is not to be had.
    """
    from gaiaflow.infra.host import ports

    fixed = {name: port for name, port in old.items() if service_of(name) in up}
    for name, port in fixed.items():
        if options.ports.get(name, port) != port:
            raise UsageError(
                f"`{name}` is already running, on port {port}", f"inv dev.stop --service {service_of(name)}"
            )
    wanted = {**ports.wanted(project, {}), **(old if up else {}), **options.ports}
    free = {name: port for name, port in wanted.items() if name not in fixed}
    started = {name: port for name, port in free.items() if service_of(name) in options.services}
    return {**free, **fixed, **ports.settle(started, options.auto_ports, reach, take)}


def start_with_ports(
    project: Project,
    start: Callable[[StartOptions, Phase, Claims], Endpoints],
    options: StartOptions,
    phase: Phase,
) -> Endpoints:
    """Start; a port that a stranger took after the look at it is chosen again where that was asked for.

    Pods are then led to ports that the stack has, and to no others.
    """
    from gaiaflow.infra.cluster import gateway
    from gaiaflow.infra.host.ports import Claims

    with Claims(partial(gateway.pids, project)) as claims:
        endpoints = _start_again(start, options, phase, claims)
    gateway.drop_others(project, endpoints.ports.values())
    return endpoints


def _start_again(
    start: Callable[[StartOptions, Phase, Claims], Endpoints],
    options: StartOptions,
    phase: Phase,
    claims: Claims,
) -> Endpoints:
    from gaiaflow.infra.host.ports import PortLostError
    from gaiaflow.infra.host.progress import silent

    try:
        return start(options, phase, claims)
    except PortLostError:
        if not options.auto_ports:
            raise
    with phase("a port was taken meanwhile: once more"):
        return start(options, lambda _: nullcontext(silent), claims)
