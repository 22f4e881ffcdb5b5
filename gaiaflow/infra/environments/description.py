"""The project's environment in one line, for a start and for the doctor."""

from __future__ import annotations

from pathlib import Path

from gaiaflow.infra.environments import conda, interpreter, manifest
from gaiaflow.infra.environments.source import PIXI_LOCK, Source, source
from gaiaflow.project import Project

PACKAGES = "packages.txt"  # in the environment: what the project asked for, a package a line


def describe(project: Project, folder: Path | None = None) -> str:
    """As ``environment.yml, 2 channels, 141 packages``.

    Args:
        folder: the environment, when it is made and current.
    """
    if given := interpreter.given(project):
        return f"{given}, as it is"
    found = source(project)
    return ", ".join([found.name, *_channels(project, found), *_number(folder), *_stale(project, found)])


def packages(folder: Path) -> list[str]:
    """What the project asked for, as it is in the environment."""
    file = folder / PACKAGES
    return file.read_text(encoding="utf-8").splitlines() if file.is_file() else []


def _channels(project: Project, found: Source) -> list[str]:
    if not found.is_conda or found.kind == PIXI_LOCK:
        return []
    return [_counted(len(manifest.read(project, found, conda.subdir()).channels), "channel")]


def _number(folder: Path | None) -> list[str]:
    return [_counted(len(packages(folder)), "package")] if folder else []


def _stale(project: Project, found: Source) -> list[str]:
    return ["its lock is older: inv dev.update-deps --lock"] if conda.is_stale(project, found) else []


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
