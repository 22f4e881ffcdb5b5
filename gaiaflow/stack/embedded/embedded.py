"""The embedded backend: the stack as plain processes of this user, without Docker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

from gaiaflow import envvar
from gaiaflow.endpoints import EVERY, SERVICES, Endpoints, service_of
from gaiaflow.errors import GaiaflowError, StillStartingError
from gaiaflow.infra.cluster import gateway
from gaiaflow.infra.environments import environment
from gaiaflow.infra.host import living, ports, process
from gaiaflow.infra.host.progress import Phase, Tell
from gaiaflow.project import Project
from gaiaflow.stack.embedded import processes
from gaiaflow.stack.embedded.logfile import follow_files, last_lines
from gaiaflow.stack.embedded.supervisor import ProcessState, Supervisor
from gaiaflow.stack.services import (
    access,
    executor,
    folders,
    health,
    jupyter,
    keys,
    mlflow,
    mode as stackmode,
    model,
    s3,
    state,
)
from gaiaflow.stack.services.backend import (
    Credential,
    Holding,
    ServiceStatus,
    StartOptions,
    alone,
    choose_ports,
    start_with_ports,
)
from gaiaflow.stack.services.program import Stack

# What each service is made of: who prepares it, who names its programs, which environments it needs.
_PARTS = {
    "s3": (s3.prepare, s3.programs, ("services",)),
    "mlflow": (None, mlflow.programs, ("services",)),
    "airflow": (processes.prepare, processes.programs, ("airflow", "project")),
    "jupyter": (None, jupyter.programs, ("project", "jupyter")),
    "model": (None, model.programs, ("project",)),
}
_NAMES = {
    "s3": ("s3",),
    "mlflow": ("mlflow",),
    "airflow": ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"),
    "jupyter": ("jupyter",),
    "model": ("model",),
}
_STEPS = {"airflow": "migrate Airflow's database, then start airflow"}
# Quick ones first: Airflow's migration then runs while they come up.
_LAUNCH_ORDER = ("s3", "mlflow", "jupyter", "model", "airflow")


class Embedded:
    """The stack of one project as processes under a supervisor."""

    name = "embedded"

    def __init__(self, project: Project) -> None:
        self.project = project
        self.supervisor = Supervisor(project.home)
        self._begun: list[str] = []

    # Start

    def phases(self, options: StartOptions) -> int:
        return 2 + len(environments_of(self.project, options.services)) + len(options.services)

    def start(self, options: StartOptions, phase: Phase) -> Endpoints:
        with alone(self.project):
            return start_with_ports(self.project, self._start, options, phase)

    def _start(self, options: StartOptions, phase: Phase, claims: ports.Claims) -> Endpoints:
        with phase("choose ports and keys"):
            stack = self._settle(options, claims)
        for name in environments_of(self.project, options.services):
            with phase(environment.title(self.project, name)):
                environment.ensure_environment(self.project, name)
        starts_s3 = "s3" in options.services and "s3" not in self._running_services()
        try:
            with gateway.aside(self.project) if starts_s3 else nullcontext():
                pids = self._launch_all(stack, options.services, phase)
                deadline = time.monotonic() + options.wait
                for service in options.services:
                    with phase(f"wait until {service} answers") as tell:
                        self._await(stack, service, pids, deadline, tell)
        except StillStartingError:
            raise
        except (GaiaflowError, OSError, KeyboardInterrupt):
            self._stop(self._begun)
            raise
        return stack.endpoints

    def _settle(self, options: StartOptions, claims: ports.Claims) -> Stack:
        """Decide on the ports; refuse before anything has started."""
        up = self._running_services()
        if not up:
            self._sweep(list(EVERY))
            environment.prune(self.project)
        mode = stackmode.settle(self.project, options.mode, "airflow" in up)
        began = stackmode.began(self.project, "airflow" in up)
        runs_on = executor.settle(self.project, options.executor, "airflow" in up)
        settled, inner = self._ports(options, up, claims)
        remembered = state.Remembered(self.name, settled, inner, mode=mode, executor=runs_on, began=began)
        state.write(self.project, remembered)
        return Stack(self.project, settled, inner, keys.load(self.project), mode, runs_on)

    def _ports(
        self, options: StartOptions, up: set[str], claims: ports.Claims
    ) -> tuple[dict[str, int], list[int]]:
        kept = state.read(self.project)
        reach = {"s3-console": s3.CONSOLE_GRPC}
        settled = choose_ports(self.project, options, kept.ports, up, claims.take, reach)
        inner = kept.inner
        if "s3" not in up and not (len(inner) == s3.INNER_PORTS and all(map(ports.is_free, inner))):
            inner = ports.inner(self.project.id, s3.INNER_PORTS)
        return settled, inner

    def _launch_all(self, stack: Stack, services: list[str], phase: Phase) -> dict[str, int]:
        """Start the processes that do not run; the pids of all of them."""
        up = self._running_services()
        with phase("start the processes") as tell:
            self.supervisor.ensure([name for names in _NAMES.values() for name in names])
            self._begun = [s for s in _LAUNCH_ORDER if s in services and s not in up]
            for service in self._begun:
                tell(_STEPS.get(service, f"start {service}"))
                self._launch(stack, service)
        return {name: found.pid for name, found in self.supervisor.states().items()}

    def _launch(self, stack: Stack, service: str) -> None:
        prepare, programs, _ = _PARTS[service]
        if prepare:
            prepare(stack)
        for program in programs(stack):
            self.supervisor.start(program)

    def _await(self, stack: Stack, service: str, pids: dict[str, int], deadline: float, tell: Tell) -> None:
        url = stack.endpoints.url(service)
        while (parts := health.lacking(service, url)) or not self._is_ours(service, stack.ports[service]):
            tell(health.waiting(parts or [service]))
            self._raise_if_dead(stack, pids)
            if time.monotonic() > deadline:
                raise health.still_starting(service, url, parts or [service])
            time.sleep(0.3)
        self._raise_if_dead(stack, pids)

    def _is_ours(self, service: str, port: int) -> bool:
        """Whether the answer came from this stack: a stranger may have taken the port at this moment."""
        return ports.is_listened_on_by(living.marked(envvar.STACK, f"{self.project.id}/{service}"), port)

    def _raise_if_dead(self, stack: Stack, pids: dict[str, int]) -> None:
        """End the start when one of its processes ended: with its last lines, and with the rest stopped."""
        states = self.supervisor.states()
        for service in self._begun:
            for name in _NAMES[service]:
                if not states[name].alive or states[name].pid != pids.get(name):
                    self._stop(self._begun)
                    self._raise_if_taken(stack, service)
                    tail = "\n".join(last_lines(self.supervisor.log(name), process.TAIL))
                    raise GaiaflowError(
                        f"`{name}` exited during startup; what this command started is stopped. "
                        f"Its last lines:\n{tail}",
                        f"inv dev.logs --service {service}",
                    )

    def _raise_if_taken(self, stack: Stack, service: str) -> None:
        """Tell a port that another program has taken from other reasons to end."""
        chosen = {name: port for name, port in stack.ports.items() if service_of(name) == service}
        ports.refuse_lost(chosen, gateway.pids(self.project))

    # Stop

    def is_cold(self, options: StartOptions) -> bool:
        return bool({*environments_of(self.project, options.services)} & {*environment.missing(self.project)})

    def update_dependencies(self) -> bool:
        changed = "project" in environment.missing(self.project)
        environment.ensure_environment(self.project, "project")
        return changed

    def stop(self, services: list[str]) -> list[str]:
        with alone(self.project):
            return self._stop(services)

    def _stop(self, services: list[str]) -> list[str]:
        ran = [name for name in services if name in self._running_services()]
        self.supervisor.stop(name for service in services for name in _NAMES[service])
        self._sweep(services)
        if "s3" in services:
            self._remove_sockets()
        if not any(found.alive for found in self.supervisor.states().values()):
            self.supervisor.shutdown()
        return ran

    def _remove_sockets(self) -> None:
        kept = state.read(self.project)
        for path in s3.sockets(kept.inner, kept.ports["s3-console"]) if kept.inner else ():
            with suppress(PermissionError):  # another user's store had that number since
                path.unlink(missing_ok=True)

    def _sweep(self, services: list[str]) -> None:
        """End what left its process group: a task's child, a kernel, the orphans of a killed supervisor."""
        marks = {f"{self.project.id}/{service}" for service in services}
        living.end(
            lambda: [
                *(pid for pid, mark in living.marks(envvar.STACK).items() if mark in marks),
                *living.left(self.project.id),
            ]
        )

    def _running_services(self) -> set[str]:
        states = self.supervisor.states()
        return {
            s for s, names in _NAMES.items() if states and all(states[n].alive for n in names if n in states)
        }

    # Look

    def status(self) -> list[ServiceStatus]:
        states, endpoints = self.supervisor.states(), self.endpoints()
        rows = {
            name: _status(name, [states.get(n) for n in _NAMES[name]], endpoints)
            for name in (*SERVICES, *model.served(self.project))
        }
        return model.shown(self.project, rows)

    def logs(self, services: list[str], lines: int, follow: bool) -> Iterator[str]:
        files = {name: self.supervisor.log(name) for service in services for name in _NAMES[service]}
        for name, file in files.items():
            yield from (f"{name} | {line}" for line in last_lines(file, lines))
        if follow:
            yield from follow_files(files)

    def extras(self) -> tuple[str, ...]:
        return ()

    def endpoints(self) -> Endpoints:
        return access.endpoints(self.project)

    def credentials(self) -> list[Credential]:
        return access.credentials(self.project)

    # Remove

    def volumes(self) -> list[Holding]:
        return folders.holdings(self.project.home / "data", self.project.home / "airflow")

    def holdings(self) -> list[Holding]:
        return folders.holdings(self.project.home)

    def remove(self, holdings: list[Holding]) -> None:
        for holding in holdings:
            folders.remove(self.project, Path(holding.name))


def environments_of(project: Project, services: list[str]) -> list[str]:
    """The environments that some services need; one that is given is looked at and not made."""
    needed = {name for service in services for name in _PARTS[service][2]}
    made = {*environment.names(project), "project"}
    return [name for name in environment.NAMES if name in needed & made]


def _status(service: str, states: list[ProcessState | None], endpoints: Endpoints) -> ServiceStatus:
    url = endpoints.url(service)
    known = [found for found in states if found]
    dead = [found for found in known if found.state in ("FATAL", "EXITED", "BACKOFF", "UNKNOWN")]
    if dead:
        return ServiceStatus(service, "failed", url, ", ".join(f"`{s.name}` has ended" for s in dead))
    if not any(found.alive for found in known):
        return ServiceStatus(service, "stopped", url)
    if health.answers(service, url):
        return ServiceStatus(service, "running", url)
    return ServiceStatus(service, "starting", url, f"no answer yet at {EVERY[service].health}")
