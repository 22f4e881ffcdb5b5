"""`inv model.list`, `model.serve`, `model.stop`: a registered model behind MLflow's scoring server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from gaiaflow.endpoints import MODEL
from gaiaflow.errors import MissingError
from gaiaflow.lifecycle.terminal import Phases, emit_json, emit_table, lifecycle_task, say
from gaiaflow.project import Project
from gaiaflow.stack import backends
from gaiaflow.stack.services.backend import Backend, StartOptions

if TYPE_CHECKING:
    from gaiaflow.models.registry import Version

WHICH = "MODEL, MODEL@ALIAS or MODEL/VERSION, as model.list shows them; by default the newest version"
INVOKE = "curl -H 'Content-Type: application/json' -d @{example} {url}/invocations"


@lifecycle_task(name="list", reads=True, help={"json": "print JSON"})
def list_models(_c: Context, json: bool = False) -> None:
    """Show the models of the registry with their newest versions and aliases."""
    from gaiaflow.stack.services import model as serving

    project = Project.find()
    found = backends.model_registry(project).models()
    served = serving.chosen(project)
    if json:
        rows = [{"model": m.name, "newest": m.newest, "aliases": m.aliases} for m in found]
        emit_json({"models": rows, "served": served.spec if served else None})
        return
    emit_table(
        ["model", "newest", "aliases", ""],
        [[m.name, str(m.newest), _aliases(m.aliases), _served(m.name, served)] for m in found],
    )


@lifecycle_task(
    positional=["model"],
    help={
        "model": WHICH,
        "port": f"the port on 127.0.0.1; by default that of the last time, the variable {MODEL.variable}, "
        f"or {MODEL.port}",
        "auto-ports": "take the next free port where it is taken",
        "wait": "seconds until a model that does not answer is called still starting",
        "json": "print JSON",
    },
)
def serve(
    c: Context, model: str, port: int = 0, auto_ports: bool = False, wait: int = 180, json: bool = False
) -> None:
    """Serve a registered model on 127.0.0.1 with MLflow's scoring server, in the project's environment."""
    from gaiaflow.models import registry as modelregistry
    from gaiaflow.stack.services import model as serving

    project = Project.find()
    modelregistry.split(model)
    if c.config.run.dry:
        say(f"would serve the model `{model}`")
        return
    registry = backends.model_registry(project)
    version = registry.find(model)
    backend = _stopped(project, version)
    options = StartOptions([MODEL.name], {MODEL.name: serving.port(project, port)}, auto_ports, wait)
    phases = Phases(1 + backend.phases(options))
    with phases.phase(f"files of {version.spec}"):
        serving.choose(project, registry, version)
    _show(project, version, backend.start(options, phases.phase).url(MODEL.name), json)


@lifecycle_task(help={})
def stop(c: Context) -> None:
    """Stop the served model, and forget which one it was."""
    from gaiaflow.stack.services import model as serving

    project = Project.find()
    if c.config.run.dry:
        say("would stop the model")
        return
    backend, version = backends.current(project), serving.chosen(project)
    ran = backend.stop([MODEL.name]) if backend else []
    serving.forget(project)
    say(f"stopped {version.spec}" if ran and version else "no model was served")


def _stopped(project: Project, version: Version) -> Backend:
    """The stack's backend, with the model that it serves stopped when that is another one."""
    from gaiaflow.stack.services import model as serving

    backend = backends.current(project)
    if backend is None:
        raise MissingError("the stack was never started", "inv dev.start")
    if serving.chosen(project) != version:
        for name in backend.stop([MODEL.name]):
            say(f"stopped the {name} that was served")
    return backend


def _show(project: Project, version: Version, url: str, json: bool) -> None:
    from gaiaflow.stack.services import model as serving

    if json:
        emit_json({"model": version.name, "version": version.number, "run_id": version.run_id, "url": url})
        return
    emit_table(["model", "version", "address"], [[version.name, str(version.number), url]])
    say(INVOKE.format(url=url, example=serving.example(project) or "input.json"))


def _aliases(aliases: dict[str, int]) -> str:
    return ", ".join(f"@{name} = {number}" for name, number in sorted(aliases.items()))


def _served(name: str, version: Version | None) -> str:
    return f"{version.spec} is served" if version and version.name == name else ""
