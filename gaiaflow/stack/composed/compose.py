"""The docker backend: the stack as containers, by Docker Compose v2."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gaiaflow.endpoints import SERVICES, Endpoints, service_of
from gaiaflow.errors import GaiaflowError, MissingError, UsageError, near_miss
from gaiaflow.infra.cluster import gateway
from gaiaflow.infra.host import living, ports, process
from gaiaflow.infra.host.progress import Phase, Tell
from gaiaflow.infra.images import kind
from gaiaflow.project import Project
from gaiaflow.stack.composed import belongings, containers, dependency, image as stackimage
from gaiaflow.stack.composed.composition import DEV_DOCKER, Composition
from gaiaflow.stack.composed.containers import ONCE, PARTS, Container
from gaiaflow.stack.services import access, executor, health, mode as stackmode, model, state
from gaiaflow.stack.services.backend import (
    Credential,
    Holding,
    ServiceStatus,
    StartOptions,
    alone,
    choose_ports,
    start_with_ports,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

UP_SECONDS = 900
_REFUSED = "password authentication failed"
_NEEDS_ENVIRONMENT = {"airflow", "jupyter", "model"}


class Compose:
    """The stack of one project as containers."""

    name = "docker"

    def __init__(self, project: Project) -> None:
        self.project = project

    # Start

    def phases(self, options: StartOptions) -> int:
        return 3 + bool(_NEEDS_ENVIRONMENT & set(options.services)) + len(options.services)

    def start(self, options: StartOptions, phase: Phase) -> Endpoints:
        with alone(self.project):
            return start_with_ports(self.project, self._start, options, phase)

    def _start(self, options: StartOptions, phase: Phase, claims: ports.Claims) -> Endpoints:
        with phase("choose ports and keys"):
            composition = self._settle(options, claims)
        with phase("check the stack's images") as tell:
            self._build(composition, options, tell)
        if _NEEDS_ENVIRONMENT & set(options.services):
            with phase(dependency.title(composition)):
                dependency.ensure(composition)
        with phase("start the containers") as tell:
            begun = self._up(composition, options, tell)
        deadline = time.monotonic() + options.wait
        try:
            for service in self._awaited(composition, options.services):
                with phase(f"wait until {service} answers") as tell:
                    self._await(composition, service, begun, deadline, tell)
        except KeyboardInterrupt:
            self._stop_parts(begun)
            raise
        return composition.endpoints

    def _settle(self, options: StartOptions, claims: ports.Claims) -> Composition:
        """Decide on the ports, refuse before anything has started, and write what the containers read."""
        kind.refuse_for_stack()
        living.end_left(self.project.id)
        up = self._running_services()
        running = "airflow" in up
        mode = stackmode.settle(self.project, options.mode, running)
        began = stackmode.began(self.project, running)
        runs_on = executor.settle(self.project, options.executor, running)
        chosen = choose_ports(self.project, options, self._kept().ports, up, claims.take)
        composition = Composition(self.project, chosen, self._extras(options, running), mode, runs_on)
        composition.write()
        self._remember(composition, self._kept().made, began)
        return composition

    def _extras(self, options: StartOptions, airflow_runs: bool) -> tuple[str, ...]:
        for name in set(options.extras) - {DEV_DOCKER}:
            near = near_miss(name, [DEV_DOCKER])
            raise UsageError(f"`--with {name}` is not known{near}", f"inv dev.start --with {DEV_DOCKER}")
        kept = self.extras() if airflow_runs else ()
        return tuple(sorted({*options.extras, *kept}))

    def _remember(self, composition: Composition, made: str, began: float) -> None:
        remembered = state.Remembered(
            self.name,
            composition.ports,
            extras=list(composition.extras),
            mode=composition.mode,
            executor=composition.executor,
            made=made,
            began=began,
        )
        state.write(self.project, remembered)

    def _kept(self) -> state.Remembered:
        kept = state.read(self.project)
        return kept if kept.backend == self.name else state.NOTHING

    def _build(self, composition: Composition, options: StartOptions, tell: Tell) -> None:
        needed = stackimage.needed(options.services)
        missing = needed if options.docker_build else stackimage.missing(self.project, options.services)
        if missing:
            stackimage.build(self.project, missing, options.cache or not options.docker_build, tell)
        if "s3" in options.services:
            composition.make_certificates()

    def _up(self, composition: Composition, options: StartOptions, tell: Tell) -> set[str]:
        """Start the containers; the names of those that this call began."""
        running = {c.part for c in self._containers() if c.state == "running"}
        parts = self._parts(composition, options.services)
        begun = set(parts) - running
        made = composition.fingerprint()
        if not begun - ONCE and not options.force_new and self._kept().made == made:
            return set()
        flags = ["--force-recreate"] if options.force_new else []
        try:
            self._compose(composition, "up", "--detach", "--no-build", *flags, *parts, tell=tell)
            self._remember(composition, made, stackmode.kept_began(self.project))
        except GaiaflowError as error:
            # Before the stop, or what it had to kill looks like what failed.
            explained = self._explained(error, parts)
            self._stop_parts(begun)
            self._raise_if_taken(composition, options)
            raise explained from None
        except KeyboardInterrupt:
            self._stop_parts(begun)
            raise
        return begun

    def _raise_if_taken(self, composition: Composition, options: StartOptions) -> None:
        """Tell a port that another program has taken from other reasons to fail."""
        up = self._running_services()
        begun = set(options.services) - up
        chosen = {name: port for name, port in composition.ports.items() if service_of(name) in begun}
        ports.refuse_lost(chosen, gateway.pids(self.project))

    def _explained(self, error: GaiaflowError, parts: Sequence[str]) -> GaiaflowError:
        """The error with the last lines of the container that failed, when one did."""
        failed = next((c for c in self._containers() if c.part in parts and c.failed), None)
        if failed is None:
            return error
        tail = "\n".join(containers.tail(self.project, failed.part, process.TAIL))
        if _REFUSED in tail:
            return GaiaflowError(
                "the database's volume is from an earlier clone in this folder and has another password; "
                "what this command started is stopped",
                "restore that clone's .gaiaflow/keys.json, or remove its data: inv dev.cleanup",
            )
        return GaiaflowError(
            f"`{failed.part}` {failed.detail}; what this command started is stopped. Its last lines:\n{tail}",
            f"docker logs {failed.name}",
        )

    def _await(
        self, composition: Composition, service: str, begun: set[str], deadline: float, tell: Tell
    ) -> None:
        url = composition.endpoints.url(service)
        while parts := health.lacking(service, url):
            tell(health.waiting(parts))
            found = {c.part: c for c in self._containers()}
            dead = next((c for part, c in found.items() if part in begun and c.failed), None)
            if dead:
                error = self._explained(GaiaflowError(dead.detail), [dead.part])
                self._stop_parts(begun)
                raise error
            if time.monotonic() > deadline:
                raise health.still_starting(service, url, parts)
            time.sleep(0.5)

    def _awaited(self, composition: Composition, services: Iterable[str]) -> list[str]:
        return [s for s in services if s != "s3" or composition.provider != "external"]

    def _parts(self, composition: Composition, services: Sequence[str]) -> list[str]:
        """The containers of some services."""
        parts = [part for service in self._awaited(composition, services) for part in PARTS[service]]
        proxy = ["docker-proxy"] if "airflow" in services and DEV_DOCKER in composition.extras else []
        return list(dict.fromkeys([*parts, *proxy]))

    # Stop

    def is_cold(self, options: StartOptions) -> bool:
        made = (self.project.home / "compose" / dependency.RECORD).exists()
        return options.docker_build or not made or bool(stackimage.missing(self.project, options.services))

    def stop(self, services: list[str]) -> list[str]:
        with alone(self.project):
            return self._stop(services)

    def _stop(self, services: list[str]) -> list[str]:
        living.end_left(self.project.id)
        ran = [service for service in services if service in self._running_services()]
        going = {part for service in services for part in (*PARTS[service], "docker-proxy")}
        left = {s for s in self._running_services() if s not in services}
        staying = {part for service in left for part in PARTS[service]}
        if "airflow" in left:
            staying.add("docker-proxy")
        self._stop_parts(going - staying)
        return ran

    def _stop_parts(self, parts: set[str]) -> None:
        running = [
            c.part for c in self._containers() if c.part in parts and c.state not in ("exited", "created")
        ]
        if running:
            self._compose(self._composition(), "stop", *running)

    def _compose(self, composition: Composition, *arguments: str, tell: Tell | None = None) -> process.Output:
        hint = "docker compose version" if arguments[0] == "up" else ""
        env = {**composition.variables(), **living.mark(self.project.id)}
        command = composition.command(*arguments)
        return process.run(command, env=env, timeout=UP_SECONDS, hint=hint, tell=tell)

    def _composition(self) -> Composition:
        mode, runs_on = stackmode.kept(self.project), executor.kept(self.project)
        return Composition(self.project, dict(self.endpoints().ports), self.extras(), mode, runs_on)

    # Look

    def _containers(self) -> list[Container]:
        return containers.of(self.project)

    def _running_services(self) -> set[str]:
        running = {c.part for c in self._containers() if c.state in ("running", "restarting")}
        return {s for s, parts in PARTS.items() if containers.lasting(parts) <= running}

    def status(self) -> list[ServiceStatus]:
        endpoints = self.endpoints()
        try:
            found = {c.part: c for c in self._containers()}
        except MissingError as error:  # without an engine no container runs
            return [ServiceStatus(name, "stopped", endpoints.url(name), error.message) for name in SERVICES]
        shown = (*SERVICES, *model.served(self.project))
        return model.shown(self.project, {name: containers.status(name, found, endpoints) for name in shown})

    def logs(self, services: list[str], lines: int, follow: bool) -> Iterator[str]:
        parts = [part for service in services for part in PARTS[service]]
        return containers.logs(self.project, list(dict.fromkeys(parts)), lines, follow)

    def extras(self) -> tuple[str, ...]:
        return tuple(self._kept().extras)

    def endpoints(self) -> Endpoints:
        return access.endpoints(self.project)

    def credentials(self) -> list[Credential]:
        return access.credentials(self.project)

    def resolved(self) -> str:
        """The composition with everything filled in, as one compose file; it holds the keys."""
        composition = self._composition()
        composition.write()
        return self._compose(composition, "config").stdout

    def update_dependencies(self) -> bool:
        """Bring the project's dependencies into the running stack; whether anything changed."""
        composition = self._composition()
        composition.write()
        wanted = ["airflow", "jupyter"]
        if missing := stackimage.missing(self.project, wanted):
            stackimage.build(self.project, missing)
        changed = dependency.ensure(composition)
        if changed and "jupyter" in self._running_services():
            self._compose(composition, "restart", "jupyter")
        return changed

    # Remove

    def volumes(self) -> list[Holding]:
        return belongings.volumes(self.project)

    def holdings(self) -> list[Holding]:
        return belongings.everything(self.project)

    def remove(self, holdings: list[Holding]) -> None:
        belongings.remove(self.project, holdings)
