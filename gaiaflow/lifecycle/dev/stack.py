"""`inv dev.*`: the stack of services for the project in the current folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from invoke.context import Context

from gaiaflow.endpoints import MODEL, PORTS, service_names, with_needs
from gaiaflow.errors import MissingError, UsageError
from gaiaflow.lifecycle.dev import ending, moving
from gaiaflow.lifecycle.dev.timing import timed
from gaiaflow.lifecycle.terminal import Phases, confirm, emit_json, emit_table, lifecycle_task, say
from gaiaflow.project import Project
from gaiaflow.stack import backends
from gaiaflow.stack.services import mode as stackmode

if TYPE_CHECKING:
    from gaiaflow.stack.services.backend import Backend, Credential, Holding, StartOptions

_SERVICE = (
    "a service: airflow, mlflow, s3 (or minio), jupyter, model (after inv model.serve), all; may be repeated"
)
_START_HELP = {
    "service": f"{_SERVICE}; also starts the services that it needs",
    "backend": "embedded or docker; by default that of the last start, or else GAIAFLOW_BACKEND or "
    "[tool.gaiaflow] backend, else embedded",
    "yes": "do not ask before the stack moves to another backend",
    "auto-ports": "take the next free port if one is taken",
    "mode": "the default mode of tasks: dev, dev_docker, prod_local or prod; "
    "else GAIAFLOW_MODE, in the shell or in .env, else dev",
    "wait": "seconds to wait for a service",
    "with": "docker only: `dev_docker` lets Compose's Airflow start containers, through a socket proxy",
    "docker-build": "docker only: rebuild the stack's images",
    "cache": "docker only: let --docker-build reuse unchanged layers",
    "force-new": "docker only: recreate the containers; data stays",
    **{
        f"{name}-port": f"the port of {name}, or the variable {entry.variable}" for name, entry in PORTS.items()
    },
}


NOTHING = "nothing is running"
_RESTART_FLAGS = ("mode", "wait", "jupyter-port", "docker-build", "cache", "force-new")


@lifecycle_task(iterable=["service", "with_"], help=_START_HELP)
def start(
    c: Context,
    service: list[str],
    backend: str = backends.AUTO,
    airflow_port: int = 0,
    mlflow_port: int = 0,
    s3_port: int = 0,
    s3_console_port: int = 0,
    jupyter_port: int = 0,
    auto_ports: bool = False,
    mode: str = "",
    wait: int = 180,
    with_: list[str] | None = None,
    docker_build: bool = False,
    cache: bool = False,
    force_new: bool = False,
    yes: bool = False,
) -> None:
    """Start the stack, or some of its services, and wait until each answers."""
    from gaiaflow.stack.services.backend import StartOptions

    flags = {
        "airflow": airflow_port,
        "mlflow": mlflow_port,
        "s3": s3_port,
        "s3-console": s3_console_port,
        "jupyter": jupyter_port,
    }
    given = {name: port for name, port in flags.items() if port}
    extras = tuple(with_ or ())
    names = with_needs(service_names(service))
    if MODEL.name in names:
        from gaiaflow.stack.services import model

        given[MODEL.name] = model.port(Project.find())
    options = StartOptions(names, given, auto_ports, wait, extras, docker_build, cache, force_new, mode)
    project = Project.find()
    chosen, why = backends.choose(project, backend)
    say(f"backend {chosen.name}: {why}")
    if not moving.agreed(project, chosen, yes or c.config.run.dry):
        return
    if chosen.name == "embedded" and (extras or docker_build or cache or force_new):
        say("--with, --docker-build, --cache and --force-new say nothing to the backend embedded")
    _start(c, chosen, options, "dev.start")


@lifecycle_task(
    iterable=["service"],
    help={"service": _SERVICE, "delete-volume": "remove the data too", "yes": "do not ask"},
)
def stop(c: Context, service: list[str], delete_volume: bool = False, yes: bool = False) -> None:
    """Stop the stack, or some of its services; data stays."""
    chosen = _current()
    if delete_volume and service and service_names(service) != service_names([]):
        raise UsageError("`--delete-volume` removes the data of all services", "inv dev.stop --delete-volume")
    if chosen is None:
        say(NOTHING)
        return
    held = chosen.volumes() if delete_volume else []
    agreed = bool(held) and _named(c, held, yes)
    if held and not agreed and not c.config.run.dry:
        return
    _stop(c, chosen, service_names(service, every=True))
    if agreed:
        chosen.remove(held)
        say("removed")


@lifecycle_task(
    iterable=["service"],
    help={
        "service": _SERVICE,
        **{name: _START_HELP[name] for name in _RESTART_FLAGS},
        "start": "start the stack if it is not running",
    },
)
def restart(
    c: Context,
    service: list[str],
    mode: str = "",
    wait: int = 180,
    jupyter_port: int = 0,
    docker_build: bool = False,
    cache: bool = False,
    force_new: bool = False,
    start: bool = False,
) -> None:
    """Stop and start the stack, or some of its services, on the same ports."""
    from gaiaflow.stack.services.backend import StartOptions

    project = Project.find()
    chosen = backends.of(project)
    names = service_names(service)
    if mode and "airflow" not in names:
        hint = f"inv dev.restart --service airflow --mode {mode}"
        raise UsageError("`--mode` works only with the service `airflow`", hint)
    mode = stackmode.again(project, mode)
    if not start and all(row.state == "stopped" for row in chosen.status()):
        if c.config.run.dry:
            say(f"{NOTHING}; would start nothing")
            return
        raise MissingError(NOTHING, "inv dev.start, or inv dev.restart --start")
    ports = {**chosen.endpoints().ports, **({"jupyter": jupyter_port} if jupyter_port else {})}
    extras = chosen.extras()
    _stop(c, chosen, names)
    needed = with_needs(names)
    options = StartOptions(needed, ports, False, wait, extras, docker_build, cache, force_new, mode)
    _start(c, chosen, options, "dev.restart")


@lifecycle_task(reads=True, help={"json": "print JSON"})
def status(c: Context, json: bool = False) -> None:  # noqa: ARG001 - Invoke passes it
    """Show each service: running, starting, stopped or failed."""
    project = Project.find()
    chosen = backends.of(project)
    rows = chosen.status()
    mode, held = stackmode.kept(project), backends.elsewhere(project, chosen)
    if json:
        services = {row.service: row.as_dict() for row in rows}
        others = {name: [holding.name for holding in data] for name, data in held.items()}
        emit_json({"backend": chosen.name, "mode": mode, "services": services, "elsewhere": others})
        return
    emit_table(["service", "state", "address", ""], [[r.service, r.state, r.url, r.detail] for r in rows])
    say(f"Airflow's mode: {mode}")
    say(moving.both(chosen.name, held))


@lifecycle_task(
    reads=True,
    iterable=["service"],
    help={
        "service": _SERVICE,
        "lines": "how many lines, from the end",
        "all": "include successful requests, scheduler ticks and banners",
        "follow": "follow until Ctrl-C",
        "json": "print JSON",
    },
)
def logs(
    c: Context,  # noqa: ARG001 - Invoke passes it
    service: list[str],
    lines: int = 50,
    all: bool = False,  # noqa: A002 - the name of the option
    follow: bool = False,
    json: bool = False,
) -> None:
    """Show the last lines of the services' logs."""
    if follow and json:
        raise UsageError("`--follow` and `--json` cannot be combined", "inv dev.logs --json")
    chosen = _current()
    names = service_names(service, every=True)
    found = _lines(chosen, names, lines, all, follow) if chosen else iter(())
    if json:
        emit_json({"lines": list(found)})
        return
    try:
        for line in found:
            print(line, flush=True)  # noqa: T201 - data on stdout
    except KeyboardInterrupt:
        return


def _lines(chosen: Backend, names: list[str], lines: int, whole: bool, follow: bool) -> Iterator[str]:
    """The lines that were asked for; without the noise, unless all are wanted."""
    from gaiaflow.stack.services import noise

    if whole:
        yield from chosen.logs(names, lines, follow)
        return
    yield from noise.last_of_each(noise.telling(chosen.logs(names, lines * noise.RAW_FOR_ONE, False)), lines)
    if follow:
        yield from noise.telling(chosen.logs(names, 0, True))


@lifecycle_task(reads=True, help={"json": "print JSON"})
def credentials(c: Context, json: bool = False) -> None:  # noqa: ARG001 - Invoke passes it
    """Show the address, user and password of each service."""
    chosen = backends.of(Project.find())
    rows = chosen.credentials()
    if json:
        emit_json({"services": {r.service: _as_dict(r) for r in rows}})
        return
    emit_table(["service", "address", "user", "password"], [[r.service, r.url, r.user, r.secret] for r in rows])


@lifecycle_task(help={"yes": "do not ask"})
def cleanup(c: Context, yes: bool = False) -> None:
    """Stop the stack and remove everything it created: data, environments, logs, keys."""
    chosen = backends.of(Project.find())
    held = chosen.holdings()
    if not held:
        say("nothing to remove")
        return
    if _named(c, held, yes):
        _stop(c, chosen, service_names([], every=True))
        chosen.remove(held)
        say("removed")


def _as_dict(row: Credential) -> dict[str, str]:
    return {"url": row.url, "user": row.user, "secret": row.secret, "place": str(row.place)}


def _current() -> Backend | None:
    return backends.current(Project.find())


def _start(c: Context, backend: Backend, options: StartOptions, command: str) -> None:
    from gaiaflow.stack.services import model

    if c.config.run.dry:
        say(f"would start {', '.join(options.services)} on the backend {backend.name}")
        return
    project, phases = Project.find(), Phases(backend.phases(options))
    if MODEL.name in options.services:
        model.files(project)  # refuses where no model is chosen
    cold = backend.is_cold(options)
    with timed(project, command, backend.name, cold, [phases]):
        backend.start(options, phases.phase)
    if "airflow" in options.services:
        _apply_pools(project)
    ending.show(project, backend, options.services, sum(each.seconds for each in phases.seen))


def _apply_pools(project: Project) -> None:
    wanted = project.settings.airflow.pools
    if wanted:
        from gaiaflow.dags import pools
        from gaiaflow.dags.api import AirflowApi

        access = backends.airflow_access(project)
        changed = pools.apply(AirflowApi(access.url, access.user, access.secret), wanted)
        say(f"pools: {', '.join(changed)}" if changed else "pools: as they were")


def _stop(c: Context, backend: Backend, names: list[str]) -> None:
    if c.config.run.dry:
        say(f"would stop {', '.join(names)}")
        return
    ran = backend.stop(names)
    say(f"stopped {', '.join(ran)}" if ran else NOTHING)


def _named(c: Context, held: list[Holding], yes: bool) -> bool:
    """Name what goes, and ask; under --dry nothing goes."""
    for holding in held:
        say(
            f"  {holding.kind} {holding.name}"
            + ("" if holding.size is None else f" ({_readable(holding.size)})")
        )
    if c.config.run.dry:
        say("would remove these")
        return False
    return confirm("remove these?", yes)


def _readable(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
