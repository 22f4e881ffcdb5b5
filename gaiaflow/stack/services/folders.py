"""The folders of a project's home that a cleanup removes: named with their size, nothing outside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from gaiaflow.errors import GaiaflowError
from gaiaflow.project import Project
from gaiaflow.stack.services.backend import Holding


def holdings(*folders: Path) -> list[Holding]:
    """Those that are there."""
    return [Holding("folder", str(path), _size(path)) for path in folders if path.is_dir()]


def remove(project: Project, folder: Path) -> None:
    """Remove the home, or a folder in it.

    Raises:
        GaiaflowError: the folder is somewhere else.
    """
    if folder != project.home and project.home not in folder.parents:
        raise GaiaflowError(f"`{folder}` is not in `{project.home}`: not removed")
    shutil.rmtree(folder)


def _size(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir() or file.is_symlink())
