"""Whether the code has changed since the image of the tasks was built, for a run in a mode that has images."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster import image as nodeimage, target
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.environments import environment, interpreter
from gaiaflow.infra.environments.source import source
from gaiaflow.infra.images import image
from gaiaflow.infra.images.engine import PROJECT_LABEL, connect
from gaiaflow.modes import Mode
from gaiaflow.project import Project

COMMANDS = {Mode.DEV_DOCKER.value: "inv dev.dockerize", Mode.PROD_LOCAL.value: "inv prodlocal.dockerize"}


def warning(project: Project, mode: str) -> str:
    """What to tell before a run; empty where the image is as the code, and where nobody can say.

    Only the image that tasks take by default is looked at, and only where it was built of this project.
    """
    if mode not in COMMANDS:
        return ""
    name = image.image_name(project)
    try:
        labels = _labels(project, mode, name)
        if not is_older(project, labels):
            return ""
    except (GaiaflowError, OSError):  # the run itself says what is missing
        return ""
    own = labels[image.DOCKERFILE_LABEL]
    command = f"{COMMANDS[mode]} --dockerfile {shlex.quote(own)}" if own else COMMANDS[mode]
    older = f"the code has changed since the image `{name}` was built, and tasks run the image"
    return f"{older}: {command}, or --build"


def dockerfile(project: Project, mode: str) -> str:
    """The Dockerfile that the image of a mode's tasks was built by; empty for gaiaflow's own."""
    try:
        return _labels(project, mode, image.image_name(project)).get(image.DOCKERFILE_LABEL, "")
    except (GaiaflowError, OSError):  # the build itself says what is missing
        return ""


def is_older(project: Project, labels: Mapping[str, str]) -> bool:
    """Whether a build of the tree as it is now would make another image than the one with these labels.

    Raises:
        GaiaflowError: the tree cannot be built.
    """
    known = labels.get(PROJECT_LABEL) == project.id and image.DOCKERFILE_LABEL in labels
    if not known or not _reads_only(project):
        return False
    built = labels.get(image.CONTENT_LABEL, "").rpartition(":")[2]
    return built != image.content_tag(project, labels[image.DOCKERFILE_LABEL] or None)


def _reads_only(project: Project) -> bool:
    """Whether the tree can be looked at without making an environment of conda first."""
    if not source(project).is_conda:
        return True
    return not interpreter.given(project) and "project" not in environment.missing(project)


def _labels(project: Project, mode: str, name: str) -> Mapping[str, str]:
    if mode == Mode.PROD_LOCAL.value:
        has_cluster = (project.home / target.FOLDER / "config").is_file()
        return nodeimage.labels_of(Target.choose(project), name) if has_cluster else {}
    from docker.errors import DockerException

    with contextlib.closing(connect(timeout=10)) as client:
        try:
            return dict(client.images.get(name).labels)
        except DockerException:
            return {}
