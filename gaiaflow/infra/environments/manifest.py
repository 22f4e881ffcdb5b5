"""What environment.yml and pixi's manifests ask for: channels, conda specs, and what pip adds."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gaiaflow.errors import UsageError
from gaiaflow.infra.environments import interpreter
from gaiaflow.infra.environments.source import CONDA, Source
from gaiaflow.project import Project

_DEFAULT_CHANNELS = ["conda-forge"]
_SYSTEMS = {"linux": ("linux", "unix"), "osx": ("osx", "unix"), "win": ("win",)}


@dataclass(frozen=True)
class Wanted:
    """What is to be solved.

    Attributes:
        channels: by name or address, the first one first.
        specs: conda's match specs.
        pip: requirements for pip.
    """

    channels: list[str]
    specs: list[str]
    pip: list[str] = field(default_factory=list)


def read(project: Project, found: Source, subdir: str) -> Wanted:
    """What the manifest asks for on one platform; Python is among it, as the project wants it.

    Raises:
        UsageError: the manifest cannot be read.
    """
    if found.file is None:
        return Wanted(_DEFAULT_CHANNELS, [])
    wanted = _conda(found.file) if found.kind == CONDA else _pixi(project, found.file, subdir)
    if any(name_of(spec) == "python" for spec in wanted.specs):
        return wanted
    asked = interpreter.specifier(interpreter.wanted(project))
    return Wanted(wanted.channels, [f"python {asked}".strip(), *wanted.specs], wanted.pip)


def name_of(spec: str) -> str:
    """The package of a match spec: ``conda-forge::numpy >=2`` is of numpy."""
    text = spec.rpartition("::")[2].strip()
    end = next((i for i, letter in enumerate(text) if letter in " <>=!~["), len(text))
    return text[:end].lower()


# environment.yml


def _conda(file: Path) -> Wanted:
    import yaml

    try:
        table = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        entries = table.get("dependencies") or []
        channels = [str(channel) for channel in table.get("channels") or [] if channel != "nodefaults"]
        specs = [str(entry) for entry in entries if not isinstance(entry, dict)]
        pip = [str(item) for entry in entries if isinstance(entry, dict) for item in entry.get("pip") or []]
    except (yaml.YAMLError, AttributeError, TypeError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read `{file}`: {error}", "conda env export --from-history") from None
    return Wanted(channels or _DEFAULT_CHANNELS, specs, pip)


# pixi.toml, or [tool.pixi] of pyproject.toml


def _pixi(project: Project, file: Path, subdir: str) -> Wanted:
    whole = _toml(file)
    inside = file.name == "pyproject.toml"
    table = whole.get("tool", {}).get("pixi", {}) if inside else whole
    try:
        space = table.get("workspace") or table.get("project") or {}
        parts = [table, *(table.get("target", {}).get(name, {}) for name in _targets(subdir))]
        conda = {k: v for part in parts for k, v in part.get("dependencies", {}).items()}
        pypi = {k: v for part in parts for k, v in part.get("pypi-dependencies", {}).items()}
        channels = [c["channel"] if isinstance(c, dict) else str(c) for c in space.get("channels", [])]
        specs = [_spec(name, value) for name, value in conda.items()]
        listed = project.pyproject.get("project", {}).get("dependencies", []) if inside else []
        pip = [*map(str, listed), *filter(None, (_requirement(k, v) for k, v in pypi.items()))]
    except (AttributeError, KeyError, TypeError) as error:
        raise UsageError(f"cannot read `{file}`: {error!r}", "pixi info") from None
    return Wanted(channels or _DEFAULT_CHANNELS, specs, pip)


def _toml(file: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read `{file}`: {error}", "pixi info") from None


def _targets(subdir: str) -> tuple[str, ...]:
    """The tables of `target` that hold for a platform, the general ones first."""
    return (*reversed(_SYSTEMS.get(subdir.partition("-")[0], ())), subdir)


def _spec(name: str, value: Any) -> str:
    if isinstance(value, str):
        return name if value in {"*", ""} else f"{name} {_version(value)}"
    version = _version(value.get("version") or "*")
    text = f"{name} {version} {value['build']}" if "build" in value else f"{name} {version}"
    text = text.removesuffix(" *")
    return f"{value['channel']}::{text}" if "channel" in value else text


def _version(text: str) -> str:
    return text.replace(" ", "")


def _requirement(name: str, value: Any) -> str:
    """One of `pypi-dependencies` as pip has it; the project itself, a folder, is imported live."""
    if isinstance(value, str):
        return name if value in {"*", ""} else f"{name}{_compared(value)}"
    if "path" in value:
        return ""
    extras = f"[{','.join(value['extras'])}]" if value.get("extras") else ""
    if "git" in value:
        at = next((f"@{value[key]}" for key in ("rev", "tag", "branch") if key in value), "")
        return f"{name}{extras} @ git+{value['git']}{at}"
    if "url" in value:
        return f"{name}{extras} @ {value['url']}"
    version = value.get("version", "*")
    return f"{name}{extras}" if version in {"*", ""} else f"{name}{extras}{_compared(version)}"


def _compared(version: str) -> str:
    return version if version[0] in "<>=!~" else f"=={version}"
