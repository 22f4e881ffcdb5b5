"""Python: the one that runs this, the tools beside it, and whether the environments fit their locks."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass

from gaiaflow import tested
from gaiaflow.doctor.check import Check, Fix, absent, failed, ok, warning
from gaiaflow.doctor.place import Place
from gaiaflow.infra.environments import environment, interpreter as pythons
from gaiaflow.project import Project
from gaiaflow.stack.services import access, mode as stackmode

OLDEST = (3, 10)
# What gaiaflow itself is installed with, by the name to import.
TOOLS = ("docker", "dotenv", "invoke", "kubernetes", "nox", "packaging", "pydantic", "rich", "supervisor", "uv")


@dataclass(frozen=True)
class Facts:
    """What there is.

    Attributes:
        wanted: the project's ``requires-python``.
        fits: whether this Python is in it.
        lacking: tools that cannot be imported.
        unmade: environments that the next start has to make.
        composed: whether the Compose stack's environment is of the project's dependencies; None without one.
        title: what the project's environment is made of.
    """

    project: Project
    version: tuple[int, int, int]
    wanted: str
    fits: bool
    lacking: tuple[str, ...]
    unmade: tuple[str, ...]
    composed: bool | None
    title: str = ""


def read(place: Place) -> Facts:
    project = place.project
    wanted = pythons.wanted(project)
    version = sys.version_info[:3]
    composed, title = _composed(place) if place.backend == "docker" else (None, "")
    return Facts(
        project,
        version,
        wanted,
        pythons.is_own(project),
        tuple(name for name in TOOLS if importlib.util.find_spec(name) is None),
        tuple(environment.missing(project)),
        composed,
        title or environment.title(project, "project"),
    )


def _composed(place: Place) -> tuple[bool, str]:
    """Whether the environment in the volume is current, and what it is made of."""
    from gaiaflow.stack.composed import dependency
    from gaiaflow.stack.composed.composition import Composition

    ports = dict(access.endpoints(place.project).ports)
    composition = Composition(place.project, ports, mode=stackmode.kept(place.project))
    return dependency.is_current(composition), dependency.title(composition)


def interpreter(facts: Facts) -> Check:
    found = ".".join(map(str, facts.version))
    if facts.version[:2] < OLDEST:
        return failed(f"this is Python {found}: gaiaflow needs 3.10", "make setup PYTHON=python3.12")
    if told := tested.outside(tested.PYTHON, found):
        return warning(told, f"make setup PYTHON=python{tested.dotted(tested.PYTHON.newest)}")
    if not facts.fits:
        return ok(f"Python {found}; the project's functions run on another one, `{facts.wanted}`")
    return ok(f"Python {found}")


def tools(facts: Facts) -> Check:
    if facts.lacking:
        return absent(f"not installed beside gaiaflow: {', '.join(facts.lacking)}",
                      "pip install --upgrade --force-reinstall gaiaflow, in a clone: make setup")  # fmt: skip
    return ok("what gaiaflow itself needs is installed")


def environments(facts: Facts) -> Check:
    """Those on this machine; a start makes them, so that a missing one keeps no mode from being ready."""
    if not facts.unmade:
        return ok(f"the environments fit their locks; {facts.title}")
    names = ", ".join(facts.unmade)
    fix = Fix(f"make the environments {names}", lambda: _make(facts))
    return warning(
        f"environments that are missing or older than their lock: {names}; the next start makes them; "
        f"{facts.title}",
        "inv doctor --fix, or inv dev.start",
        fix,
    )


def _make(facts: Facts) -> None:
    for name in facts.unmade:
        environment.ensure_environment(facts.project, name)


def compose_environment(facts: Facts) -> Check:
    if facts.composed is False:
        return warning(
            "the Compose stack's environment is not of the project's dependencies", "inv dev.update-deps"
        )
    if facts.composed is None:
        return ok("no Compose stack has an environment to compare")
    return ok("the Compose stack's environment is of the project's dependencies")
