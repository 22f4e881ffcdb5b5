"""What a project says of itself: pyproject's ``[tool.gaiaflow]``, ``.env`` and the tree."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gaiaflow import datafolder
from gaiaflow.errors import MissingError, UsageError

if TYPE_CHECKING:
    from gaiaflow.settings import Settings

HOME = ".gaiaflow"
# A folder with one of these has a project in it already.
_SIGNS = ("pyproject.toml", "environment.yml", "pixi.toml", "requirements.txt", "dags")
_UNUSABLE = re.compile(r"[?:\x00-\x1f]")
_NOT_PACKAGES = {"dags", "tests", "test", "docs", "notebooks", "data", "build", "dist", "bench", "src"}


@dataclass(frozen=True)
class Project:
    """One project on this machine.

    Attributes:
        root: the folder of pyproject.toml; ``.gaiaflow`` and ``.env`` lie here.
        source: the folder with dags/ and the package; often the same.
        settings: the checked table of pyproject.toml.
        version: ``[project] version`` of the source tree, else its package's ``__version__``, else ``0``.
    """

    root: Path
    source: Path
    name: str
    settings: Settings
    pyproject: dict[str, Any] = field(repr=False, compare=False)

    @classmethod
    def find(cls, start: Path | None = None) -> Project:
        """The project of a folder: the nearest pyproject.toml with ``[tool.gaiaflow]`` or a dags/ beside it.

        Raises:
            MissingError: there is none in this folder or above it.
            UsageError: its table has a key or a value that gaiaflow does not know.
        """
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            file = folder / "pyproject.toml"
            if file.is_file():
                data = _read_toml(file)
                if "gaiaflow" in data.get("tool", {}) or (folder / "dags").is_dir():
                    return cls._from(folder, data)
        raise MissingError(
            f"no project in `{here}` or above it: no pyproject.toml with [tool.gaiaflow]",
            f"{towards_a_project(here)}, or go to your project's folder",
        )

    @classmethod
    def _from(cls, root: Path, data: dict[str, Any]) -> Project:
        from gaiaflow.settings import check_settings  # late: pydantic would slow `inv --list`

        settings = check_settings(root / "pyproject.toml", data.get("tool", {}).get("gaiaflow", {}))
        source = _folder(root, settings.source)
        if source is None:
            raise UsageError(
                f"`source` in {root / 'pyproject.toml'} names `{settings.source}`, but there is no such folder",
                "set it to the folder that contains dags/, relative to pyproject.toml",
            )
        _refuse_place(root, source)
        datafolder.folders(root, settings.data)
        inner = data if source == root else _read_toml(source / "pyproject.toml")
        name = settings.name or inner.get("project", {}).get("name") or source.name
        return cls(root, source, slug(name), settings, inner)

    @property
    def id(self) -> str:
        """The name with eight hex digits of the folder: two clones of one name differ."""
        return f"{self.name}-{_digest(str(self.root))[:8]}"

    @property
    def home(self) -> Path:
        """Where state, environments, logs and data of the embedded stack lie (0700)."""
        return self.root / HOME

    @property
    def data(self) -> dict[str, datafolder.Folder]:
        """The folders of data by name."""
        return datafolder.folders(self.root, self.settings.data)

    @property
    def dags(self) -> Path:
        return self.source / self.settings.dags

    @property
    def lock(self) -> Path:
        return self.source / self.settings.lock

    @property
    def code_paths(self) -> tuple[Path, ...]:
        """The folders that a function's module is imported from: source, and source/src when it is there."""
        src = self.source / "src"
        return (src, self.source) if src.is_dir() else (self.source,)

    @property
    def packages(self) -> tuple[str, ...]:
        """The importable packages of the tree, by name."""
        found = {
            init.parent.name
            for folder in self.code_paths
            for init in folder.glob("*/__init__.py")
            if init.parent.name not in _NOT_PACKAGES and not init.parent.name.startswith(".")
        }
        return tuple(sorted(found))

    @property
    def dotenv(self) -> dict[str, str]:
        """``.env`` of the root, read now; keys without a value are left out, and ``${NAME}`` is no variable."""
        from dotenv import dotenv_values

        file = self.root / ".env"
        try:
            return {k: v for k, v in dotenv_values(file, interpolate=False).items() if v is not None}
        except UnicodeDecodeError as error:
            raise UsageError(f"cannot read `{file}`: {error}", "save it as UTF-8 text") from None

    @property
    def version(self) -> str:
        declared = self.pyproject.get("project", {}).get("version")
        return str(declared or self._package_version() or "0")

    def _package_version(self) -> str | None:
        for folder in self.code_paths:
            for package in self.packages:
                file = folder / package / "__init__.py"
                text = file.read_text(encoding="utf-8") if file.is_file() else ""
                if found := re.search(r"^__version__\s*=\s*[\"']([^\"']+)", text, re.MULTILINE):
                    return found.group(1)
        return None

    def setting(self, variable: str, default: str) -> str:
        """A ``GAIAFLOW_*`` variable: the process's environment, then ``.env``, then the default."""
        return os.environ.get(variable) or self.dotenv.get(variable) or default


def slug(name: str) -> str:
    """A name that is good for a container, a label and a DNS entry: lower case, digits, dashes, 40 at most.

    Accents go (``é`` is ``e``). Where letters of another script go, six hex digits of the name come, so that
    ``проект`` and ``данные`` stay two names.
    """
    import unicodedata

    plain = unicodedata.normalize("NFKD", name)
    cleaned = re.sub(r"[^a-z0-9]+", "-", re.sub(r"[\u0300-\u036f]", "", plain).lower()).strip("-")
    if not any(c.isalnum() and not c.isascii() for c in plain):
        return cleaned[:40].strip("-") or "project"
    return f"{cleaned[:33].strip('-') or 'project'}-{_digest(name)[:6]}"


def unique_slug(name: str) -> str:
    """The slug that no other name has: where it differs from the name, eight hex digits of the name follow."""
    cleaned = slug(name)
    if cleaned == name:
        return name
    return f"{cleaned[:31].strip('-')}-{_digest(name)[:8]}"


def _digest(text: str) -> str:
    import hashlib  # late: `inv --list` needs no digest

    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def towards_a_project(folder: Path) -> str:
    """The command that makes a project of a folder, or a new one beside what is there."""
    has_code = any((folder / name).exists() for name in _SIGNS)
    return "inv project.adopt" if has_code else "inv project.new my-project"


def _folder(root: Path, name: str) -> Path | None:
    """A folder that is there, or None; a name may be no name of a file at all."""
    try:
        found = (root / name).resolve()
        return found if found.is_dir() else None
    except (OSError, ValueError, RuntimeError):
        return None


def _refuse_place(root: Path, source: Path) -> None:
    """
    Raises:
        UsageError: addresses and lists of paths cannot hold the path, or the home is a link.
    """
    for folder in (root, source):
        if match := _UNUSABLE.search(str(folder)):
            raise UsageError(
                f"`{folder}` has {match[0]!r} in its path, which databases and containers cannot handle",
                "rename the folder",
            )
    if (root / HOME).is_symlink():
        raise UsageError(
            f"`{root / HOME}` is a link, but a project keeps its state in its own folder", f"rm {root / HOME}"
        )


def _read_toml(file: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read `{file}`: {error}", "fix the file; it is not valid TOML") from None
