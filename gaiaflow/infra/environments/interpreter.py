"""Which Python the functions run on: one that is given, the one that gaiaflow runs on, or one that uv finds."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import sys
from pathlib import Path

from gaiaflow import envvar
from gaiaflow.errors import MissingError, UsageError
from gaiaflow.infra.host import process
from gaiaflow.project import Project

OLDEST = (3, 8)  # of the runner
_TOLD = "import sys; print(*sys.version_info[:3], sep='.')"


def given(project: Project) -> Path | None:
    """The interpreter of an environment that exists: ``GAIAFLOW_PYTHON``, else `python` of pyproject.toml."""
    named = project.setting(envvar.PYTHON, project.settings.python or "")
    # Not resolved: the links of a venv are what makes it one.
    return Path(os.path.normpath(project.root / Path(named).expanduser())) if named else None


def checked(python: Path) -> Path:
    """The interpreter, once it has run.

    Raises:
        MissingError: there is no such file.
        UsageError: it is no Python, or one that is too old for the runner.
    """
    if not python.is_file():
        raise MissingError(
            f"no Python at `{python}`, which `python` in [tool.gaiaflow] or GAIAFLOW_PYTHON names",
            'set it to the Python of an existing environment, e.g. python = ".venv/bin/python"',
        )
    if version(python) < OLDEST:
        raise UsageError(
            f"`{python}` is Python {'.'.join(map(str, version(python)))}: functions need 3.8",
            "name the Python of a newer environment",
        )
    return python


def version(python: Path) -> tuple[int, ...]:
    """The version of an interpreter.

    Raises:
        UsageError: it does not run, or says something else.
    """
    try:
        said = process.run([python, "-I", "-c", _TOLD], timeout=60, check=False)
    except OSError as error:
        said = process.Output(1, "", str(error))
    if said.code or not re.fullmatch(r"\d+\.\d+\.\d+", said.stdout.strip()):
        raise UsageError(f"`{python}` does not run as Python: {said.tail}", f"{python} --version")
    return tuple(map(int, said.stdout.strip().split(".")))


def wanted(project: Project) -> str:
    """What is asked for: the first line of ``.python-version``, else ``requires-python``, else empty."""
    for folder in dict.fromkeys((project.source, project.root)):
        file = folder / ".python-version"
        lines = file.read_text(encoding="utf-8").split() if file.is_file() else []
        if lines:
            return lines[0]
    declared = str(project.pyproject.get("project", {}).get("requires-python", ""))
    return declared if specifier(declared) == declared else ""


def request(project: Project) -> str:
    """What uv is asked for: the Python that gaiaflow runs on where it fits, else what the project wants."""
    asked = wanted(project)
    return sys.executable if fits(platform.python_version(), asked) else asked


def is_own(project: Project) -> bool:
    """Whether the project's environment is on the Python that gaiaflow runs on."""
    return request(project) == sys.executable


def specifier(asked: str) -> str:
    """``3.12`` as ``==3.12.*``; a specifier stays, and what is neither is empty."""
    if re.fullmatch(r"\d+\.\d+\.\d+", asked):
        return f"=={asked}"
    if re.fullmatch(r"\d+(\.\d+)?", asked):
        return f"=={asked}.*"
    return asked if re.match(r"[<>=!~]", asked) else ""


def fits(number: str, asked: str) -> bool:
    """Whether a version is in ``>=3.10,<3.13`` or is a ``3.12``; what asks for nothing known allows all
    versions if it is empty and none otherwise."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    wanted_set = specifier(asked)
    if asked and not wanted_set:
        return False  # as `pypy3.10`: uv knows
    with contextlib.suppress(InvalidSpecifier):
        return SpecifierSet(wanted_set).contains(number, prereleases=True)
    return True
