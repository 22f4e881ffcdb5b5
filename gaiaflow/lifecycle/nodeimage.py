"""`inv prodlocal.dockerize`, `prodlocal.images`, `prodlocal.remove-image`: the image in the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from gaiaflow.errors import UsageError
from gaiaflow.infra.cluster.target import Target
from gaiaflow.lifecycle.dev.timing import timed
from gaiaflow.lifecycle.prodlocal import WHICH
from gaiaflow.lifecycle.terminal import Phases, confirm, emit_json, emit_table, lifecycle_task, say
from gaiaflow.project import Project

if TYPE_CHECKING:
    from gaiaflow.infra.cluster.image import NodeImage
    from gaiaflow.stack.services.backend import Tell


@lifecycle_task(
    help={
        **WHICH,
        "image": "name of the image; by default <project>/<package>:<version>",
        "dockerfile": "a Dockerfile of your own, built with the project's tree as its context",
        "no-cache": "build every layer anew",
        "existing": "build nothing: bring the image that this machine has",
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
    """Build the project's image and bring it into the cluster."""
    from gaiaflow.infra.cluster import image as nodeimage
    from gaiaflow.infra.images import image as build
    from gaiaflow.stack import bringup as clusterwork

    target = Target.choose(Project.find(), profile, context)
    name = image or build.image_name(target.project)
    if existing and (dockerfile or no_cache):
        raise UsageError(
            "`--existing` builds nothing, but a flag of the build is given", "inv prodlocal.dockerize"
        )
    if c.config.run.dry:
        say(f"would {'bring' if existing else 'build'} `{name}` into `{target.name}`")
        return
    target.connect()
    phases, cold = Phases(1), no_cache or nodeimage.find(target, name) is None
    with (
        timed(target.project, "prodlocal.dockerize", target.name, cold, [phases]),
        phases.phase(f"{'bring' if existing else 'build'} {name}") as tell,
    ):
        if existing:
            there, way = nodeimage.load(target, name)
        else:
            there, way = _build(target, name, dockerfile, no_cache, tell)
    clusterwork.bring_worker(target, [])
    if json:
        emit_json({"image": there.name, "id": there.id, "size": there.size, "way": way})
    else:
        emit_table(["image", "size", "way"], [[there.name, f"{there.size / 1e6:.0f} MB", way]])


@lifecycle_task(name="images", reads=True, help={**WHICH, "json": "print JSON"})
def list_images(_c: Context, profile: str = "", context: str = "", json: bool = False) -> None:
    """The images that the cluster has."""
    from gaiaflow.infra.cluster import image as nodeimage

    target = Target.choose(Project.find(), profile, context)
    target.connect()
    found = nodeimage.images(target)
    if json:
        emit_json({"images": [{"image": row.name, "id": row.id, "size": row.size} for row in found]})
    else:
        emit_table(["image", "size"], [[row.name, f"{row.size / 1e6:.0f} MB"] for row in found])


@lifecycle_task(
    name="remove-image", help={**WHICH, "image": "which, as prodlocal.images names it", "yes": "do not ask"}
)
def remove_image(c: Context, image: str = "", profile: str = "", context: str = "", yes: bool = False) -> None:
    """Remove an image from the cluster; by default the one that prodlocal.dockerize makes."""
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


def _build(target: Target, name: str, dockerfile: str, no_cache: bool, tell: Tell) -> tuple[NodeImage, str]:
    """In the node's own engine where it has one: no copy of what it has already."""
    from gaiaflow.infra.cluster import image as nodeimage
    from gaiaflow.infra.images import image as build

    engine = nodeimage.node_engine(target)
    build.build(target.project, name, dockerfile or None, no_cache, tell=tell, engine=engine)
    if engine is not None:
        return nodeimage.arrived(target, name), "built in the node (docker-env)"
    return nodeimage.load(target, name)
