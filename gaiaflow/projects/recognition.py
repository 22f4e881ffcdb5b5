"""What a project is before it is adopted: who makes its environment, whether the earlier template made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The first whose file or whose table in pyproject.toml is there.
_SIGNS: dict[str, tuple[str, ...]] = {
    "pixi": ("pixi.lock", "pixi.toml", "[tool.pixi]"),
    "conda": ("environment.yml", "environment.yaml"),
    "poetry": ("poetry.lock", "[tool.poetry]"),
    "pdm": ("pdm.lock", "[tool.pdm]"),
    "uv": ("uv.lock", "[tool.uv]"),
    "pip": ("requirements.lock", "requirements.txt"),
}
_EARLIER = ("mlops_manager.py", "minikube_manager.py", "kube_config_inline")
_EARLIER_IMPORT = "gaiaflow.core."


@dataclass(frozen=True)
class Environment:
    """Who makes the project's environment.

    Attributes:
        sign: the file or the table that says so; empty where nothing does.
    """

    manager: str = "pip"
    sign: str = ""


def environment(root: Path, pyproject: Mapping[str, Any]) -> Environment:
    """Who makes a project's environment; `pip` where nothing says more than pyproject's dependencies."""
    tables = {f"[tool.{name}]" for name in pyproject.get("tool", {})}
    for manager, signs in _SIGNS.items():
        for sign in signs:
            if sign in tables or (root / sign).is_file():
                return Environment(manager, sign)
    return Environment()


def advice(found: Environment, pyproject: Mapping[str, Any]) -> list[str]:
    """What has to be done so that tasks get the environment, where gaiaflow cannot read its file."""
    if found.manager == "poetry" and not pyproject.get("project", {}).get("dependencies"):
        return [
            "tasks get what requirements.lock pins; keep it with:\n    poetry export --output requirements.lock"
        ]
    return []


def is_earlier(root: Path) -> bool:
    """Whether the earlier template of gaiaflow made the project."""
    if any((root / name).is_file() for name in _EARLIER):
        return True
    dags = (file.read_text(encoding="utf-8", errors="replace") for file in (root / "dags").glob("*.py"))
    return any(_EARLIER_IMPORT in text for text in dags)
