"""What a project says it needs from PyPI: one requirements text, from whichever file the project keeps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gaiaflow.errors import UsageError
from gaiaflow.project import Project

# Names that conda has and PyPI does not, or that are the interpreter itself.
_CONDA_ONLY = {
    "python",
    "pip",
    "conda",
    "mamba",
    "nodejs",
    "git",
    "make",
    "gcc",
    "gxx",
    "cxx-compiler",
    "compilers",
}
_CONDA_NAMES = {
    "pytorch": "torch",
    "matplotlib-base": "matplotlib",
    "dask-core": "dask",
    "opencv": "opencv-python",
}


def requirement_source(project: Project) -> Path | None:
    """The file that rules: the lock, pyproject's dependencies, requirements.txt, environment.yml, or none."""
    listed = (
        project.source / "pyproject.toml" if project.pyproject.get("project", {}).get("dependencies") else None
    )
    candidates = [
        project.lock,
        listed,
        *(project.source / name for name in ("requirements.txt", "environment.yml", "environment.yaml")),
    ]
    return next((file for file in candidates if file is not None and file.is_file()), None)


def requirements(project: Project) -> str:
    """The project's dependencies as a requirements file; empty when it names none.

    Raises:
        UsageError: environment.yml cannot be read.
    """
    file = requirement_source(project)
    if file is None:
        return ""
    if file.name == "pyproject.toml":
        return _lines(project.pyproject["project"]["dependencies"])
    text = file.read_text(encoding="utf-8")
    return _lines(_from_conda(file, text)) if file.suffix in {".yml", ".yaml"} else text


def _lines(items: Iterable[str]) -> str:
    return "".join(f"{item}\n" for item in items)


def _from_conda(file: Path, text: str) -> list[str]:
    import yaml

    try:
        entries = (yaml.safe_load(text) or {}).get("dependencies") or []
    except (yaml.YAMLError, AttributeError) as error:
        raise UsageError(f"cannot read `{file}`: {error}", "conda env export --from-history") from None
    found = [_one_conda(entry) for entry in entries if isinstance(entry, str)]
    return [item for item in found if item] + _pip_part(entries)


def _pip_part(entries: list[Any]) -> list[str]:
    return [item for entry in entries if isinstance(entry, dict) for item in entry.get("pip") or []]


def _one_conda(entry: str) -> str | None:
    """``channel::numpy=1.26=build`` as ``numpy==1.26.*``; None for what PyPI does not have."""
    match = re.fullmatch(r"(?:[\w./-]+::)?([\w.-]+)\s*(.*)", entry.strip())
    if match is None or match[1].lower() in _CONDA_ONLY or match[1].startswith(("_", "lib")):
        return None
    name, version = _CONDA_NAMES.get(match[1].lower(), match[1]), match[2].strip()
    if re.match(r"=[^=]", version):
        number = version[1:].split("=")[0]
        return f"{name}=={number}" if number.endswith("*") else f"{name}=={number}.*"
    return name + version.replace(" ", "")
