"""Leaves a receipt when all DAGs of a project passed in prod_local; `inv prod.check` holds production to it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.infra.cluster import image as nodeimage
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.images import identity
from gaiaflow.infra.images.engine import connect
from gaiaflow.modes import Mode
from gaiaflow.production import receipt
from gaiaflow.production.receipt import Receipt
from gaiaflow.project import Project
from gaiaflow.testing.run import in_mode, load_dags

if TYPE_CHECKING:
    from gaiaflow.testing.cell import Cell


def before(project: Project) -> Receipt:
    """What the matrix is about to run; the process has entered the project."""
    with in_mode(Mode.PROD_LOCAL.value):
        dags, _ = load_dags(project)
    tasks = [task for dag in dags.values() for task in dag.tasks]
    images = {_image(task) for task in tasks} - {""}
    return receipt.take(project, {name: _digest(project, name) for name in sorted(images)})


def record(project: Project, cells: Sequence[Cell], begun: Receipt) -> bool:
    """Write the receipt if all passed in prod_local and nothing was edited meanwhile; whether it did."""
    outcomes = {cell.outcome for cell in cells if cell.mode in {Mode.PROD_LOCAL.value, "all"}}
    if outcomes != {"passed"} or before(project) != begun:
        return False
    receipt.write(project, begun)
    return True


def _image(task: object) -> str:
    partial = getattr(task, "partial_kwargs", None)
    image = partial.get("image") if partial is not None else getattr(task, "image", None)
    return image if isinstance(image, str) else ""


def _digest(project: Project, image: str) -> str:
    """The identity of the image that the cluster's pods run; where it is not known, that of this machine's."""
    try:
        target = Target.choose(project)
        there = nodeimage.find(target, image) if target.profile else None
        known = nodeimage.identity_of(target, there) if there else ""
    except GaiaflowError:
        known = ""
    return known or _digest_here(image)


def _digest_here(image: str) -> str:
    """The identity of an image of this machine's engine; without one, the digest in its name."""
    from docker.errors import DockerException

    try:
        with contextlib.closing(connect()) as client:
            return identity.of_engine(client.images.get(image).attrs)
    except (MissingError, DockerException):
        return image.partition("@")[2]
