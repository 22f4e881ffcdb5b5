"""`prodlocal.*`: the local cluster that pods of mode prod_local run in, and the project's image there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from gaiaflow import datafolder, envvar
from gaiaflow.errors import UsageError
from gaiaflow.infra.cluster.target import Target
from gaiaflow.lifecycle.dev.timing import timed
from gaiaflow.lifecycle.terminal import Phases, confirm, emit_json, emit_table, lifecycle_task, say
from gaiaflow.modes import Mode
from gaiaflow.project import Project
from gaiaflow.stack import backends
from gaiaflow.stack.services import executor as executors, mode as stackmode

if TYPE_CHECKING:
    from gaiaflow.infra.cluster.image import NodeImage
    from gaiaflow.infra.host.progress import Tell

WHICH = {
    "profile": "the minikube profile; by default gaiaflow-<project>, or the variable GAIAFLOW_PROFILE",
    "context": "your own kube context, instead of a profile, or the variable GAIAFLOW_CONTEXT",
}
_START_HELP = {
    **WHICH,
    "cpus": "number of CPUs of a new node",
    "memory": "memory of a new node, e.g. 4g or 4096mb",
    "driver": "minikube's driver for a new node, e.g. docker or kvm2",
    "kubernetes-version": "version of a new node, e.g. 1.34; by default as [tool.gaiaflow.cluster] says",
    "cluster-only": "do not start or change the stack of services",
    "executor": "kubernetes: each task of Airflow runs in a worker pod; local (the default): on this machine",
    "backend": "if the stack is not running: its backend, embedded or docker; by default the project's",
    "auto-ports": "if the stack is not running: take the next free port if one is taken",
    "wait": "if the stack is not running: seconds to wait for a service",
}


@lifecycle_task(help=_START_HELP)
def start(
    c: Context,
    profile: str = "",
    context: str = "",
    cpus: str = "",
    memory: str = "",
    driver: str = "",
    kubernetes_version: str = "",
    cluster_only: bool = False,
    executor: str = "",
    backend: str = backends.AUTO,
    auto_ports: bool = False,
    wait: int = 180,
) -> None:
    """Start the cluster and set it up for the project; if the stack is not running, start it in prod_local."""
    from gaiaflow.infra.cluster import version
    from gaiaflow.infra.cluster.preflight import Wanted, kubernetes_version as chosen_version
    from gaiaflow.stack.bringup import Bringup

    target = Target.choose(Project.find(), profile, context)
    project = target.project
    known = project.setting(envvar.KUBERNETES, project.settings.cluster.kubernetes or "")
    wanted = Wanted.parse(cpus, memory, driver, chosen_version(kubernetes_version, known))
    if executors.checked(executor) and cluster_only:
        raise UsageError(
            "`--executor` changes the stack, so `--cluster-only` cannot be added", "inv prodlocal.start"
        )
    if c.config.run.dry:
        say(f"would start the cluster `{target.name}` with the namespace `{target.namespace}`")
        return
    bringup = Bringup(target, wanted, executor, cluster_only, backend, auto_ports, wait, say)
    phases = Phases(bringup.phases)
    with timed(target.project, "prodlocal.start", target.name, bringup.is_cold, [phases]):
        cluster = bringup.run(phases.phase)
    for note in version.notes(version.read(cluster), wanted.kubernetes_version, bool(target.profile)):
        say(note)
    say(f"the cluster `{cluster.name}` is ready; next: inv prodlocal.dockerize")
    if not cluster_only and (mode := stackmode.kept(target.project)) != Mode.PROD_LOCAL.value:
        say(f"Airflow runs in mode {mode}: inv dev.restart --service airflow --mode {Mode.PROD_LOCAL}")


@lifecycle_task(help=WHICH)
def stop(c: Context, profile: str = "", context: str = "") -> None:
    """Stop the cluster; the stack and everything in the cluster stay."""
    from gaiaflow.infra.cluster import gateway
    from gaiaflow.models import url as modelurl

    target = Target.choose(Project.find(), profile, context)
    if c.config.run.dry:
        say(f"would stop the cluster `{target.name}`")
        return
    if gateway.close(target.project):
        say("the gateway is closed")
    modelurl.close_all(target)
    if target.context:
        say(f"the context `{target.context}` is yours and keeps running")
    elif target.minikube.state().word in {"stopped", "absent"}:
        say("nothing is running")
    else:
        with Phases(1).phase(f"stop the cluster {target.name}"):
            target.minikube.stop()


@lifecycle_task(help=WHICH)
def restart(c: Context, profile: str = "", context: str = "") -> None:
    """Stop and start the cluster."""
    stop(c, profile, context)
    start(c, profile, context)


@lifecycle_task(reads=True, help={**WHICH, "json": "print JSON"})
def status(_c: Context, profile: str = "", context: str = "", json: bool = False) -> None:
    """Show the cluster: whether it runs, its namespace, the gateway, the pods."""
    from gaiaflow.stack import bringup

    target = Target.choose(Project.find(), profile, context)
    facts = bringup.facts(target)
    if json:
        emit_json(facts)
    else:
        emit_table(["", ""], [[name, str(value)] for name, value in facts.items()])


@lifecycle_task(help={**WHICH, "yes": "do not ask"})
def cleanup(c: Context, profile: str = "", context: str = "", yes: bool = False) -> None:
    """Delete this project's cluster; with your own context, only this project's namespace."""
    from gaiaflow.infra.cluster import gateway
    from gaiaflow.models import url as modelurl
    from gaiaflow.stack import bringup

    target = Target.choose(Project.find(), profile, context)
    if not c.config.run.dry:
        if bringup.is_nothing_left(target):
            say(f"no minikube profile {target.profile}: nothing to remove")
            return
        target.refuse_foreign_profile()
    what = f"the minikube profile {target.profile}" if target.profile else f"the namespace {target.namespace}"
    say(f"  {what} with all that runs in it")
    if c.config.run.dry:
        say("would remove it")
    elif confirm("remove it?", yes):
        gateway.close(target.project)
        modelurl.close_all(target)
        with Phases(1).phase(f"remove {what}"):
            bringup.remove(target, say)
        target.forget()


@lifecycle_task(help={**WHICH, "json": "print JSON"})
def config(c: Context, profile: str = "", context: str = "", json: bool = False) -> None:
    """Write Airflow's kubeconfig, for the project's service account in this namespace only."""
    from gaiaflow.infra.cluster import account

    target = Target.choose(Project.find(), profile, context)
    if c.config.run.dry:
        say(f"would write the kubeconfig for `{target.name}`")
        return
    written = [str(file) for file in account.write_config(target, target.connect())]
    if json:
        emit_json({"kubeconfig": written[0], "containers": written[-1], "namespace": target.namespace})
    else:
        emit_table(["kubeconfig", "namespace"], [[file, target.namespace] for file in written])


@lifecycle_task(
    help={
        **WHICH,
        "image": "name of the image; by default <project>/<package>:<version>",
        "dockerfile": "your own Dockerfile, built with the project's folder as its context",
        "no-cache": "rebuild every layer",
        "existing": "build nothing: load the image that this machine has",
        "json": "print JSON",
    }
)
def dockerize(
    c: Context,
    image: str = "",
    dockerfile: str = "",
    no_cache: bool = False,
    existing: bool = False,
    profile: str = "",
    context: str = "",
    json: bool = False,
) -> None:
    """Build the project's image and load it into the cluster."""
    from gaiaflow.infra.images import image as build

    target = Target.choose(Project.find(), profile, context)
    name = image or build.image_name(target.project)
    if existing and (dockerfile or no_cache):
        raise UsageError(
            "`--existing` builds nothing, so options of the build cannot be added", "inv prodlocal.dockerize"
        )
    if c.config.run.dry:
        say(f"would {'bring' if existing else 'build'} `{name}` into `{target.name}`")
        return
    there, way = bring_image(target, image, dockerfile, no_cache, existing)
    if json:
        emit_json({"image": there.name, "id": there.id, "size": there.size, "way": way})
    else:
        emit_table(["image", "size", "way"], [[there.name, f"{there.size / 1e6:.0f} MB", way]])


@lifecycle_task(
    name="push-data",
    bare="name",
    help={
        **WHICH,
        "name": "a folder of [tool.gaiaflow.data]; by default each that names a claim",
        "json": "print JSON",
    },
)
def push_data(
    c: Context, name: str | None = None, profile: str = "", context: str = "", json: bool = False
) -> None:
    """Copy folders of data into their claims in the cluster, for pods; this replaces the data there."""
    from gaiaflow.infra.cluster import claim
    from gaiaflow.infra.images import image as build

    target = Target.choose(Project.find(), profile, context)
    folders = datafolder.with_claims(target.project.data, name or "")
    if c.config.run.dry:
        for folder in folders:
            say(f"would copy `{folder.path}` into the claim `{folder.claim}` of `{target.name}`")
        return
    cluster, image, phases, pushed = (
        target.connect(),
        build.image_name(target.project),
        Phases(len(folders)),
        [],
    )
    for folder in folders:
        with phases.phase(f"copy {folder.name} into the claim {folder.claim}") as tell:
            pushed.append(claim.push(target, cluster, folder, image, tell))
    if json:
        emit_json({"data": [row._asdict() for row in pushed]})
    else:
        rows = [[row.name, row.claim, str(row.files), f"{row.size / 1e6:.1f} MB"] for row in pushed]
        emit_table(["data", "claim", "files", "size"], rows)


@lifecycle_task(name="images", reads=True, help={**WHICH, "json": "print JSON"})
def list_images(_c: Context, profile: str = "", context: str = "", json: bool = False) -> None:
    """List the images in the cluster."""
    from gaiaflow.infra.cluster import image as nodeimage

    target = Target.choose(Project.find(), profile, context)
    target.connect()
    found = nodeimage.images(target)
    if json:
        emit_json({"images": [{"image": row.name, "id": row.id, "size": row.size} for row in found]})
    else:
        emit_table(["image", "size"], [[row.name, f"{row.size / 1e6:.0f} MB"] for row in found])


@lifecycle_task(
    name="remove-image", help={**WHICH, "image": "the image, as prodlocal.images lists it", "yes": "do not ask"}
)
def remove_image(c: Context, image: str = "", profile: str = "", context: str = "", yes: bool = False) -> None:
    """Remove an image from the cluster; by default the one that prodlocal.dockerize builds."""
    from gaiaflow.infra.cluster import image as nodeimage
    from gaiaflow.infra.images import image as build

    target = Target.choose(Project.find(), profile, context)
    name = image or build.image_name(target.project)
    if c.config.run.dry:
        say(f"would remove `{name}` from `{target.name}`")
    elif confirm(f"remove the image `{name}` from `{target.name}`?", yes):
        target.connect()
        nodeimage.remove(target, name)
        say(f"removed {name}")


def bring_image(
    target: Target, image: str = "", dockerfile: str = "", no_cache: bool = False, existing: bool = False
) -> tuple[NodeImage, str]:
    """Build the project's image and bring it into the cluster, shown as a phase; how that was done."""
    from gaiaflow.infra.cluster import image as nodeimage
    from gaiaflow.infra.images import image as build
    from gaiaflow.stack import bringup

    name = image or build.image_name(target.project)
    cluster = target.connect()
    phases, cold = Phases(1), no_cache or nodeimage.find(target, name) is None
    with (
        timed(target.project, "prodlocal.dockerize", target.name, cold, [phases]),
        phases.phase(f"{'bring' if existing else 'build'} {name}") as tell,
    ):
        done = nodeimage.load(target, name) if existing else _build(target, name, dockerfile, no_cache, tell)
    bringup.refresh_worker(target, cluster, phases.phase)
    return done


def _build(target: Target, name: str, dockerfile: str, no_cache: bool, tell: Tell) -> tuple[NodeImage, str]:
    """In the node's own engine where it has one: no copy of what it has already."""
    from gaiaflow.infra.cluster import image as nodeimage
    from gaiaflow.infra.images import image as build

    engine = nodeimage.node_engine(target)
    build.build(target.project, name, dockerfile or None, no_cache, tell=tell, engine=engine)
    if engine is not None:
        return nodeimage.arrived(target, name), "built in the node (docker-env)"
    return nodeimage.load(target, name)
