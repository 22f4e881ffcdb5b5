"""The images of the Compose stack: built when what goes in has changed, named by project and content."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import gaiaflow
from gaiaflow import envvar
from gaiaflow.infra.environments import providers
from gaiaflow.infra.environments.environment import LOCKS
from gaiaflow.infra.host.progress import Tell, silent
from gaiaflow.infra.host.shipped import shipped
from gaiaflow.infra.images.context import copy_tree, digest, open_to_all
from gaiaflow.infra.images.engine import PROJECT_LABEL, compresses_layers, connect
from gaiaflow.infra.images.image import DEFAULT_PYTHON_IMAGE, KIND_LABEL, run_build
from gaiaflow.project import Project
from gaiaflow.stack.services import certificates

if TYPE_CHECKING:
    from docker import DockerClient

# Which images each service runs in. Airflow's has the seeding of the databases, which MLflow needs too.
NEEDED = {
    "s3": ("services",),
    "mlflow": ("services", "airflow"),
    "airflow": ("airflow", "environment"),
    "jupyter": ("environment",),
    "model": ("environment",),
}
TARGETS = ("services", "airflow", "environment")
KIND = "stack"
# A third of gzip's time for layers of the same size; these images are never pushed to where zstd is unknown.
FAST = ["--output", "type=image,compression=zstd,compression-level=1"]
# What Airflow's processes import of gaiaflow, and nothing else: an edit elsewhere makes no new image.
IN_AIRFLOW = (
    "__init__.py",
    "check.py",
    "commit.py",
    "core",
    "dagfactory.py",
    "duration.py",
    "envvar.py",
    "errors.py",
    "explained.py",
    "fromrun.py",
    "fromtask.py",
    "modes.py",
    "operators",
    "datafolder.py",
    "podfield.py",
    "podrule.py",
    "returns.py",
    "runner.py",
    "spec.py",
    "tasks.py",
)


def names(project: Project) -> dict[str, str]:
    """Each target's image name, by what would go into it now."""
    base = project.setting(envvar.PYTHON_IMAGE, DEFAULT_PYTHON_IMAGE)
    with _context(project) as folder:
        content = digest(folder, base)
    return {target: f"{project.id}/{target}:{content}" for target in TARGETS}


def missing(project: Project, services: list[str]) -> list[str]:
    """The targets that the services need and that are not built."""
    wanted = names(project)
    with contextlib.closing(connect()) as client:
        return [target for target in needed(services) if not _exists(client, wanted[target])]


def needed(services: list[str]) -> list[str]:
    """The targets of some services, in build order."""
    return [target for target in TARGETS if any(target in NEEDED[service] for service in services)]


def build(project: Project, targets: list[str], cache: bool = True, tell: Tell = silent) -> None:
    """Build the images of these targets; older ones of the project go when nothing uses them.

    Raises:
        GaiaflowError: a build failed; the message ends with its last lines.
    """
    wanted = names(project)
    arguments = {envvar.PYTHON_IMAGE: project.setting(envvar.PYTHON_IMAGE, DEFAULT_PYTHON_IMAGE)}
    fast = _fast()
    with _context(project) as folder:
        for target in targets:
            labels = {PROJECT_LABEL: project.id, KIND_LABEL: KIND}
            extra = ["--target", target, *fast]
            run_build(f"the stack's image `{target}`", folder, folder / "Dockerfile", [wanted[target]], labels,
                      arguments, not cache, extra, tell)  # fmt: skip
    _remove_older(project, wanted)


def _fast() -> list[str]:
    """The options for a quick compression; a builder that the user chose may not take them."""
    with contextlib.closing(connect()) as client:
        return FAST if compresses_layers(client) and not os.environ.get("BUILDX_BUILDER") else []


def _remove_older(project: Project, wanted: dict[str, str]) -> None:
    from docker.errors import APIError

    with contextlib.closing(connect()) as client:
        labels = [f"{PROJECT_LABEL}={project.id}", f"{KIND_LABEL}={KIND}"]
        found = client.images.list(filters={"label": labels})
        older = [tag for image in found for tag in image.tags if tag not in wanted.values()]
        for tag in older:
            with contextlib.suppress(APIError):  # a container still runs on it
                client.images.remove(tag)


def _exists(client: DockerClient, name: str) -> bool:
    from docker.errors import ImageNotFound

    try:
        client.images.get(name)
    except ImageNotFound:
        return False
    return True


@contextlib.contextmanager
def _context(project: Project) -> Iterator[Path]:
    """Dockerfile, scripts, locks, and what Airflow's processes import."""
    compose, package = shipped("compose"), Path(gaiaflow.__file__).parent
    with tempfile.TemporaryDirectory(prefix="gaiaflow-stack-") as name:
        folder = Path(name)
        shutil.copyfile(compose / "Dockerfile", folder / "Dockerfile")
        copy_tree(compose / "scripts", folder / "scripts", ["**/__pycache__"])
        shutil.copyfile(str(certificates.__file__), folder / "scripts" / "certificates.py")
        (folder / "locks").mkdir()
        for lock in [*LOCKS.glob("*.txt"), compose / "postgres.txt"]:
            shutil.copyfile(lock, folder / "locks" / lock.name)
        (folder / "added").mkdir()
        bound = providers.constraints((LOCKS / "airflow.txt").read_text(encoding="utf-8"))
        (folder / "added" / "requirements.txt").write_text(providers.requirements(project), encoding="utf-8")
        (folder / "added" / "constraints.txt").write_text(bound, encoding="utf-8")
        copy_tree(package, folder / "gaiaflow", ["*", *(f"!{name}" for name in IN_AIRFLOW), "**/__pycache__"])
        open_to_all(folder)
        yield folder
