"""What makes the project's conda environment in an image or a volume, by the same solver, lock and pins."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from gaiaflow.errors import UsageError
from gaiaflow.infra.environments import conda, interpreter, lockfile, manifest
from gaiaflow.infra.environments.environment import LOCKS, ensure_environment
from gaiaflow.infra.environments.source import PIXI_LOCK, source
from gaiaflow.project import Project

# On the other side: where the solver writes what pip is to add.
PINS = "/tmp/gaiaflow-pins.txt"  # noqa: S108 - of a container alone


def write(project: Project, folder: Path, seen: str, prefix: str) -> None:
    """Put the recipe into a folder; the project's environment is made here first, so that both have one solve.

    Args:
        seen: the folder's path on the other side.
        prefix: where the environment is to be there.

    Raises:
        UsageError: a channel is a folder of this machine.
        GaiaflowError: the environment could not be solved or made.
    """
    found = source(project)
    tools = conda.Tools(project, ensure_environment(project, "conda"))
    _check_addresses(conda.solved(tools, found))
    if not interpreter.given(project):
        ensure_environment(project, "project")
    lock = conda.solved(tools, found)
    request = conda.request(lock, conda.subdirs()[-1], f"{seen}/conda.lock", prefix, PINS)
    exact = bool(lock.pip) or found.kind == PIXI_LOCK
    if not exact:
        request["pins"] = manifest.read(project, found, conda.subdirs()[-1]).pip
    shutil.copyfile(lock.file, folder / "conda.lock")
    shutil.copyfile(LOCKS / "conda.txt", folder / "conda.txt")
    shutil.copyfile(Path(conda.__file__).with_name("solver.py"), folder / "solver.py")
    (folder / "install.json").write_text(json.dumps(request, indent=1), encoding="utf-8")
    (folder / "pip.flags").write_text("--no-deps\n" if exact else "", encoding="utf-8")


def _check_addresses(lock: lockfile.Kept) -> None:
    if here := lockfile.local(lock):
        raise UsageError(
            f"`{here[0]}` is in a channel of this machine, which images and containers do not have",
            "use a channel that they can reach, e.g. https://, s3:// or oci://",
        )
