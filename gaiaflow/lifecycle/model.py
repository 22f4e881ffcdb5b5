"""`model.*`: a registered model behind MLflow's scoring server, as an image and in the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from gaiaflow.endpoints import MODEL
from gaiaflow.errors import MissingError, UsageError
from gaiaflow.infra.cluster.target import Target
from gaiaflow.lifecycle.prodlocal import WHICH as WHERE
from gaiaflow.lifecycle.terminal import Phases, emit_json, emit_table, lifecycle_task, say
from gaiaflow.project import Project
from gaiaflow.stack import backends

if TYPE_CHECKING:
    from gaiaflow.infra.host.progress import Tell
    from gaiaflow.models.deployment import Deployed
    from gaiaflow.models.registry import ModelRegistry, Version
    from gaiaflow.stack.services.backend import Backend

WHICH = "MODEL, MODEL@ALIAS or MODEL/VERSION, as model.list shows them; by default the newest version"
INVOKE = "curl -H 'Content-Type: application/json' -d @{example} {url}/invocations"
_DOCKERFILE = "your own Dockerfile for the project's image, which the model's image is built on"
_NAME = "the model's name, without version or alias"


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
        "port": f"the port on 127.0.0.1; by default the last one, the variable {MODEL.variable}, "
        f"or {MODEL.port}",
        "auto-ports": "take the next free port if it is taken",
        "wait": "seconds to wait until the model answers",
        "json": "print JSON",
    },
)
def serve(
    c: Context, model: str, port: int = 0, auto_ports: bool = False, wait: int = 180, json: bool = False
) -> None:
    """Serve a registered model on 127.0.0.1 with MLflow's scoring server, in the project's environment."""
    from gaiaflow.models import registry as modelregistry
    from gaiaflow.stack.services import model as serving
    from gaiaflow.stack.services.backend import StartOptions

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
    """Stop the served model; the next dev.start does not start it again."""
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


@lifecycle_task(
    positional=["model"],
    help={
        "model": WHICH,
        "image": "name of the image; by default <project>/model-<model>:<version>",
        "dockerfile": _DOCKERFILE,
        "no-cache": "rebuild every layer of the project's image",
        "json": "print the image as JSON",
    },
)
def dockerize(
    c: Context, model: str, image: str = "", dockerfile: str = "", no_cache: bool = False, json: bool = False
) -> None:
    """Build an image that serves a registered model: the project's image with the model in it."""
    from gaiaflow.models import image as modelimage, registry as modelregistry

    project = Project.find()
    modelregistry.split(model)
    if c.config.run.dry:
        say(f"would build an image that serves the model `{model}`")
        return
    registry = backends.model_registry(project)
    version = registry.find(model)
    name = image or modelimage.image_name(project, version)
    with Phases(1).phase(f"build image {name}") as tell:
        built = modelimage.build(project, registry, version, name, dockerfile, no_cache, tell)
    if json:
        emit_json({**built.as_dict(), "model": version.name, "version": version.number})
    else:
        size, content = f"{built.size / 1e6:.0f} MB", built.content.rpartition(":")[2]
        emit_table(["image", "content", "size", "model"], [[built.name, content, size, version.spec]])


@lifecycle_task(
    positional=["model"],
    help={
        **WHERE,
        "model": WHICH,
        "replicas": "the number of pods",
        "dockerfile": _DOCKERFILE,
        "wait": "seconds to wait until the model is ready",
        "json": "print JSON",
    },
)
def deploy(
    c: Context,
    model: str,
    replicas: int = 1,
    dockerfile: str = "",
    wait: int = 180,
    profile: str = "",
    context: str = "",
    json: bool = False,
) -> None:
    """Serve a registered model in the local cluster: image, Deployment, Service; wait until it is ready."""
    from gaiaflow.models import deployment, registry as modelregistry

    modelregistry.split(model)
    if not 1 <= replicas <= 50:
        raise UsageError(f"`--replicas {replicas}` is not between 1 and 50", "inv model.undeploy MODEL")
    target = Target.choose(Project.find(), profile, context)
    if c.config.run.dry:
        say(f"would serve the model `{model}` in `{target.name}`, namespace `{target.namespace}`")
        return
    cluster = target.connect()
    deployment.require_namespace(cluster, target.project, target.namespace)
    registry = backends.model_registry(target.project)
    version, phases = registry.find(model), Phases(2)
    with phases.phase(f"image of {version.spec} in {target.name}") as tell:
        image = _bring(target, registry, version, dockerfile, tell)
    wanted = deployment.Deployed(version.name, version.number, version.run_id, image, replicas)
    with phases.phase(f"{version.spec} is ready") as tell:
        deployment.apply(cluster, wanted, target.project, target.namespace)
        deployment.wait(cluster, wanted, target.namespace, wait, tell)
    _show_deployed(target, wanted, json)


@lifecycle_task(
    positional=["model"],
    help={
        **WHERE,
        "model": _NAME,
        "port": "the port on 127.0.0.1; by default a free one from 5001",
        "json": "print JSON",
    },
)
def url(
    c: Context, model: str, port: int = 0, profile: str = "", context: str = "", json: bool = False
) -> None:
    """Forward a deployed model to an address on 127.0.0.1, until model.undeploy or prodlocal.stop."""
    from gaiaflow.models import deployment, url as modelurl

    target = Target.choose(Project.find(), profile, context)
    if c.config.run.dry:
        say(f"would forward a port of 127.0.0.1 to the model `{model}` in `{target.name}`")
        return
    deployment.find(target.connect(), model, target.namespace)
    address = modelurl.open_port(target, model, port)
    if json:
        emit_json({"model": model, "url": address})
        return
    emit_table(["model", "address"], [[model, address]])
    say(INVOKE.format(url=address, example="input.json"))


@lifecycle_task(positional=["model"], help={**WHERE, "model": _NAME})
def undeploy(c: Context, model: str, profile: str = "", context: str = "") -> None:
    """Remove a model from the cluster; its image stays there."""
    from gaiaflow.models import deployment, url as modelurl

    target = Target.choose(Project.find(), profile, context)
    if c.config.run.dry:
        say(f"would remove the model `{model}` from `{target.name}`, namespace `{target.namespace}`")
        return
    for name in deployment.delete(target.connect(), model, target.namespace):
        say(f"removed {name}")
    modelurl.close(target, model)


def _bring(target: Target, registry: ModelRegistry, version: Version, dockerfile: str, tell: Tell) -> str:
    """The image's content tag, once the cluster has it: built in the node where that has an engine."""
    from gaiaflow.infra.cluster import image as nodeimage
    from gaiaflow.models import image as modelimage

    engine = nodeimage.node_engine(target)
    built = modelimage.build(target.project, registry, version, dockerfile=dockerfile, tell=tell, engine=engine)
    there = nodeimage.arrived(target, built.content) if engine else nodeimage.load(target, built.content)[0]
    return there.name


def _show_deployed(target: Target, wanted: Deployed, json: bool) -> None:
    from gaiaflow.models import deployment

    address = deployment.address(wanted.model, target.namespace)
    facts = {
        "model": wanted.model,
        "version": wanted.version,
        "replicas": wanted.replicas,
        "image": wanted.image,
        "address": address,
    }
    if json:
        emit_json(facts)
        return
    emit_table([*facts], [[str(value) for value in facts.values()]])
    say(f"the address holds in the cluster; on this machine: inv model.url {wanted.model}")
