"""`inv dev.dockerize`, `dev.images`, `dev.remove-image`: the project's own image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from gaiaflow.lifecycle.dev.timing import timed
from gaiaflow.lifecycle.terminal import Phases, confirm, emit_json, emit_table, lifecycle_task, say
from gaiaflow.project import Project

if TYPE_CHECKING:
    from gaiaflow.infra.images.image import Image


@lifecycle_task(
    help={
        "image": "name of the image; by default <project>/<package>:<version>",
        "dockerfile": "your own Dockerfile, built with the project's folder as its context",
        "no-cache": "rebuild every layer",
        "json": "print the image as JSON",
    }
)
def dockerize(
    c: Context, image: str = "", dockerfile: str = "", no_cache: bool = False, json: bool = False
) -> None:
    """Build the project's image: dependencies, package and runner."""
    from gaiaflow.infra.images import image as images

    project = Project.find()
    name = image or images.image_name(project)
    if c.config.run.dry:
        say(f"would build `{name}` from {dockerfile or 'the Dockerfile of gaiaflow'}")
        return
    built = build_image(project, image, dockerfile, no_cache)
    if json:
        emit_json(built.as_dict())
    else:
        emit_table(["image", "content", "size"], [_row(built)])


def build_image(project: Project, image: str = "", dockerfile: str = "", no_cache: bool = False) -> Image:
    """Build the project's image, with a phase that shows it."""
    from gaiaflow.infra.images import image as images

    name = image or images.image_name(project)
    phases, cold = Phases(1), no_cache or not images.images(project)
    with timed(project, "dev.dockerize", "docker", cold, [phases]), phases.phase(f"build image {name}") as tell:
        return images.build(project, image or None, dockerfile or None, no_cache, tell=tell)


@lifecycle_task(name="images", reads=True, help={"json": "print them as JSON"})
def list_images(_c: Context, json: bool = False) -> None:
    """List the images that were built from this project."""
    from gaiaflow.infra.images import image as images

    found = images.images(Project.find())
    if json:
        emit_json({"images": [image.as_dict() for image in found]})
    else:
        emit_table(["image", "content", "size"], [_row(image) for image in found])


@lifecycle_task(name="remove-image", help={"image": "the image, as dev.images lists it", "yes": "do not ask"})
def remove_image(c: Context, image: str = "", yes: bool = False) -> None:
    """Remove an image of this project; by default the one that dev.dockerize builds."""
    from gaiaflow.infra.images import image as images

    project = Project.find()
    name = image or images.image_name(project)
    if c.config.run.dry:
        say(f"would remove `{name}`")
    elif confirm(f"remove the image `{name}`?", yes):
        for tag in images.remove_image(project, name):
            say(f"removed {tag}")


def _row(image: Image) -> list[str]:
    return [image.name, image.content.rpartition(":")[2], f"{image.size / 1e6:.0f} MB"]
