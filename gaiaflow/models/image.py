"""The image that serves one registered model: the project's own image with the model's files in it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gaiaflow.infra.host.progress import Tell, silent
from gaiaflow.infra.host.shipped import shipped
from gaiaflow.infra.images import image
from gaiaflow.infra.images.context import open_to_all
from gaiaflow.models.registry import ModelRegistry, Version
from gaiaflow.project import Project, unique_slug

KIND = "model"
NAME_LABEL, VERSION_LABEL, RUN_LABEL = "gaiaflow.model", "gaiaflow.model.version", "gaiaflow.model.run"


def image_name(project: Project, version: Version) -> str:
    """``<project>/model-<model>:<version>``."""
    return f"{project.name}/{KIND}-{unique_slug(version.name)}:{version.number}"


def build(
    project: Project,
    registry: ModelRegistry,
    version: Version,
    name: str = "",
    dockerfile: str = "",
    no_cache: bool = False,
    tell: Tell = silent,
    engine: Mapping[str, str] | None = None,
) -> image.Image:
    """Build the project's image, and on it the model's.

    Args:
        name: instead of image_name().
        dockerfile: a Dockerfile of the user's own for the project's image.
        tell: takes the step that the build is at.
        engine: the variables of another engine to build in.

    Raises:
        MissingError: no engine.
        GaiaflowError: a build failed, or the project's image cannot load the model.
    """
    labels = {NAME_LABEL: version.name, VERSION_LABEL: str(version.number), RUN_LABEL: version.run_id}
    with _context(registry, version) as folder:
        base = image.build(project, dockerfile=dockerfile or None, no_cache=no_cache, tell=tell, engine=engine)
        return image.build_on(
            project,
            base,
            name or image_name(project, version),
            folder,
            shipped("compose") / "model.Dockerfile",
            {image.KIND_LABEL: KIND, **labels},
            tell,
            engine,
        )


@contextmanager
def _context(registry: ModelRegistry, version: Version) -> Iterator[Path]:
    """A folder to build from; any user may read what is in it."""
    with tempfile.TemporaryDirectory(prefix="gaiaflow-model-") as name:
        files = registry.download(version, Path(name))
        shutil.move(files, Path(name) / "model")
        open_to_all(Path(name) / "model")
        yield Path(name)
