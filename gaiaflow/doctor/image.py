"""Images: those that compose.yml pins, and the project's own."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gaiaflow import envvar
from gaiaflow.doctor.check import Check, absent, ok, unknown, warning
from gaiaflow.doctor.place import Place
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.host import process
from gaiaflow.infra.images.engine import connect
from gaiaflow.infra.images.image import DEFAULT_PYTHON_IMAGE, image_name, tagged
from gaiaflow.project import Project
from gaiaflow.stack.composed.composition import Composition

HERE, REACHABLE, REFUSED, UNREACHABLE = "here", "reachable", "refused", "unreachable"
_SECONDS = 6
_PINNED = re.compile(r"\$\{(GAIAFLOW_\w+_IMAGE):-([^${}]+)\}")
# What a registry says that has been asked; everything else is that it was not.
_ANSWERS = ("no such manifest", "manifest unknown", "not found", "denied", "unauthorized")


@dataclass(frozen=True)
class Pinned:
    """One image that the stack is made of."""

    variable: str
    name: str
    where: str


@dataclass(frozen=True)
class Facts:
    """
    Attributes:
        engine: whether an engine was asked.
        name: the project's own image.
        built: whether the engine has it.
    """

    engine: bool
    pinned: tuple[Pinned, ...]
    name: str
    built: bool


def read(place: Place) -> Facts:
    project = place.project
    name, wanted = image_name(project), pinned(project)
    try:
        with contextlib.closing(connect(timeout=10)) as engine:
            known = {tag for image in engine.images.list() for tag in image.tags}
    except GaiaflowError:
        return Facts(False, (), name, False)
    with ThreadPoolExecutor(4) as pool:
        where = list(pool.map(lambda image: HERE if tagged(image) in known else ask(image), wanted.values()))
    rows = (Pinned(*row) for row in zip(wanted, wanted.values(), where, strict=True))
    return Facts(True, tuple(rows), name, tagged(name) in known)


def pinned(project: Project) -> dict[str, str]:
    """Each image by its variable: the base of what is built, and what compose.yml runs as it is."""
    files = Composition(project, {}).files
    found = {
        envvar.PYTHON_IMAGE: DEFAULT_PYTHON_IMAGE,
        **defaults(file.read_text(encoding="utf-8") for file in files),
    }
    return {variable: project.setting(variable, name) for variable, name in found.items()}


def defaults(texts: Iterable[str]) -> dict[str, str]:
    """The images that are pinned in compose files."""
    return {variable: name for text in texts for variable, name in _PINNED.findall(text)}


def ask(image: str) -> str:
    """Whether its registry has it; a registry that does not answer in time is unreachable."""
    if not shutil.which("docker"):
        return UNREACHABLE
    try:
        done = process.run(["docker", "manifest", "inspect", image], timeout=_SECONDS, check=False)
    except GaiaflowError:
        return UNREACHABLE
    if not done.code:
        return REACHABLE
    return REFUSED if any(word in done.stderr.lower() for word in _ANSWERS) else UNREACHABLE


def stack(facts: Facts) -> Check:
    if not facts.engine:
        return unknown("no engine to ask for the stack's images", "docker info")
    for where, said in (
        (REFUSED, "its registry does not have it"),
        (UNREACHABLE, "its registry does not answer"),
    ):
        found = [image for image in facts.pinned if image.where == where]
        if found:
            first = found[0]
            hint = f"docker pull {first.name}, or in .env: {first.variable}=<mirror>/{Path(first.name).name}"
            names = ", ".join(f"`{image.name}`" for image in found)
            whole = f"this machine has no image {names}, and {said}"
            return absent(whole, hint) if where == REFUSED else warning(whole, hint)
    return ok(f"on this machine or in their registries: {', '.join(image.name for image in facts.pinned)}")


def project(facts: Facts) -> Check:
    if not facts.engine:
        return unknown("no engine to ask for the project's image", "docker info")
    if not facts.built:
        return absent(f"the project's image `{facts.name}` is not built", "inv dev.dockerize")
    return ok(f"the project's image `{facts.name}` is built")
