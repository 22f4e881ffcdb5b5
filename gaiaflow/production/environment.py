"""In what the functions' environment on this machine differs from the one that the image has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.environments import conda, interpreter, lockfile, uv
from gaiaflow.infra.environments.description import packages
from gaiaflow.infra.environments.environment import missing, python_of
from gaiaflow.infra.environments.pins import package_name
from gaiaflow.infra.environments.requirement import requirements
from gaiaflow.infra.environments.source import source
from gaiaflow.infra.images.image import python_image
from gaiaflow.production.verdict import MISSING, OK, Check
from gaiaflow.project import Project

_SHOWN = 5


def check(project: Project) -> Check:
    """The interpreter and the packages that differ; functions may do without them, so it does not fail."""
    if not python_of(project, "project").exists():
        return Check("environment", OK, "no function runs on this machine, so there is nothing to compare")
    if "project" in missing(project):
        why = "the project's environment does not exist yet as its file asks for now"
        return Check("environment", MISSING, why, "inv dev.update-deps")
    try:
        found = list(differences(project))
    except GaiaflowError as error:
        return Check("environment", MISSING, error.message, error.hint)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    told = f"other here than in the image: {', '.join(found[:_SHOWN])}{more}"
    return Check("environment", OK, told if found else "the image is made of what functions have here")


def differences(project: Project) -> Iterator[str]:
    """As ``Python 3.12, not 3.11`` and ``numpy 1.26.4, not 2.1.0``; what is here comes first.

    Raises:
        GaiaflowError: the Python that the project names does not run.
    """
    if source(project).is_conda and not interpreter.given(project):
        return  # one lock made both
    python, wanted = python_of(project, "project"), _wanted(project)
    here = ".".join(map(str, interpreter.version(python)[:2]))
    base = wanted.pop("python", python_image(project).rpartition(":")[2])
    there = re.match(r"\d+\.\d+", base)
    if there and here != there[0]:
        yield f"Python {here}, not {there[0]}"
    if interpreter.given(project):
        installed = _installed(project, python)
        if source(project).is_conda and not (python.parents[1] / "conda-meta").is_dir():
            # Another environment cannot tell of C libraries and programs.
            wanted = {name: version for name, version in wanted.items() if name in installed}
        yield from _packages(installed, wanted)


def _packages(here: dict[str, str], image: dict[str, str]) -> Iterator[str]:
    for name, version in sorted(image.items()):
        if name not in here:
            yield f"no {name}, not {version}"
        elif here[name] != version:
            yield f"{name} {here[name]}, not {version}"


def _installed(project: Project, python: Path) -> dict[str, str]:
    text = uv.run(project, "pip", "list", "--python", str(python), "--format", "json")
    listed = {package_name(item["name"]): item["version"] for item in json.loads(text or "[]")}
    return _versions(conda.installed(python.parents[1])) | listed


def _wanted(project: Project) -> dict[str, str]:
    """The pins that the image is made of; what is not pinned may be any version there."""
    found = source(project)
    if found.is_conda:
        kept = conda.kept(project, found)
        return _versions(lockfile.pins(kept)) if kept else {}
    return _versions(requirements(project).splitlines() or packages(project.home / "envs" / "project"))


def _versions(lines: list[str]) -> dict[str, str]:
    pins = (re.match(r"([\w.-]+)(?:\[.*?\])?==?([\w.+!-]+)", line) for line in lines)
    return {package_name(pin[1]): pin[2] for pin in pins if pin}
