"""Which file says what the project's environment is made of: one rule, for the host, volumes and images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gaiaflow.errors import UsageError
from gaiaflow.project import Project

GIVEN, NOTHING = "given", "nothing"
PIXI_LOCK, PIXI, CONDA = "pixi.lock", "pixi", "conda"
REQUIREMENTS, UV, PYPROJECT = "requirements", "uv.lock", "pyproject"
# The first of them that is there decides; `[tool.gaiaflow] environment` and a `lock` that it names come before.
_ORDER = (
    ("pixi.lock", PIXI_LOCK),
    ("pyproject.toml", PIXI),
    ("pixi.toml", PIXI),
    ("environment.yml", CONDA),
    ("environment.yaml", CONDA),
    ("", REQUIREMENTS),
    ("uv.lock", UV),
    ("pyproject.toml", PYPROJECT),
    ("requirements.txt", REQUIREMENTS),
)
_BY_NAME = {"pixi.lock": PIXI_LOCK, "pixi.toml": PIXI, "uv.lock": UV}
LOCK_OF_CONDA = "environment.lock"


@dataclass(frozen=True)
class Source:
    """What an environment is made of.

    Attributes:
        kind: one of the names above.
        file: None where nothing says anything.
    """

    kind: str
    file: Path | None = None

    @property
    def is_conda(self) -> bool:
        """Whether conda packages are in it."""
        return self.kind in {PIXI_LOCK, PIXI, CONDA}

    @property
    def name(self) -> str:
        return self.file.name if self.file else "nothing"

    @property
    def solved(self) -> Path | None:
        """The lock of rattler's format that belongs to it; it may be missing."""
        if self.kind == PIXI_LOCK:
            return self.file
        return self.file.with_name(LOCK_OF_CONDA) if self.is_conda and self.file else None

    @property
    def text(self) -> str:
        return self.file.read_text(encoding="utf-8") if self.file else ""


def source(project: Project) -> Source:
    """The file that decides.

    Raises:
        UsageError: `environment` names a file that is missing.
    """
    if named := project.settings.environment:
        return _named(project, named)
    if "lock" in project.settings.model_fields_set and project.lock.is_file():
        return Source(REQUIREMENTS, project.lock)
    for name, kind in _ORDER:
        file = project.source / name if name else project.lock
        if file.is_file() and _says_something(project, file, kind):
            return Source(kind, file)
    return Source(NOTHING)


def _named(project: Project, name: str) -> Source:
    file = project.source / name
    if not file.is_file():
        raise UsageError(
            f"`environment` in [tool.gaiaflow] is `{name}`, but there is no such file in {project.source}",
            "name a file such as environment.yml, pixi.lock, uv.lock or requirements.lock",
        )
    if file.name == "pyproject.toml":
        return Source(PIXI if _has_pixi(project) else PYPROJECT, file)
    by_suffix = {".yml": CONDA, ".yaml": CONDA}.get(file.suffix, REQUIREMENTS)
    return Source(_BY_NAME.get(file.name, by_suffix), file)


def _says_something(project: Project, file: Path, kind: str) -> bool:
    if file.name != "pyproject.toml":
        return True
    if kind == PIXI:
        return _has_pixi(project)
    return bool(project.pyproject.get("project", {}).get("dependencies"))


def _has_pixi(project: Project) -> bool:
    return "pixi" in project.pyproject.get("tool", {})
