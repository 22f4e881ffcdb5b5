"""Adds to a project that exists what gaiaflow needs and it lacks; what is there stays, byte for byte."""

from __future__ import annotations

import difflib
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.project import slug
from gaiaflow.projects import origin, scaffold

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYPROJECT = "pyproject.toml"
TABLE = "# All keys have defaults; see `inv --list` for what works on this project.\n[tool.gaiaflow]\n"
_NOTEBOOK = "notebooks/mlflow_introduction.ipynb"
# What of the template a project of any shape can take; each unless one of the others is there.
_WANTED = {
    "tasks.py": ("tasks.py",),
    "Makefile": ("Makefile", "makefile", "GNUmakefile"),
    "noxfile.py": ("noxfile.py",),
    "dags/.gitkeep": ("dags",),
    "data/.gitkeep": ("data",),
    _NOTEBOOK: ("notebooks",),
    "tests/test_dags.py": ("tests/test_dags.py",),
    "CHANGES.md": ("CHANGES.md", "CHANGELOG.md", "CHANGES.rst", "CHANGELOG.rst", "HISTORY.md", "NEWS.md"),
    ".env": (".env",),
    ".env.example": (".env.example",),
    ".gitignore": (".gitignore",),
    ".github/workflows/ci.yml": (".github/workflows",),
}
# A project keeps the environment that it has; the Makefile goes by it.
_ENVIRONMENTS = {"pixi.toml": "pixi", "environment.yml": "conda", "environment.yaml": "conda"}
_IGNORED = (".env", ".gaiaflow/", ".venv-gaiaflow/")
_NAMESPACE = "from gaiaflow.lifecycle.namespace import namespace\n\nns = namespace()\n"


@dataclass(frozen=True)
class Plan:
    """What would be added.

    Attributes:
        additions: the bytes that each file gets: a new one all of it, pyproject.toml what comes at its end.
        advice: what has to be done by hand, each ready to paste.
    """

    root: Path
    additions: dict[str, bytes]
    advice: list[str]


def plan(root: Path, name: str = "") -> Plan:
    """What a project lacks. Nothing is written.

    Args:
        name: the project's name; by default as pyproject.toml says, else the folder's.

    Raises:
        MissingError: the folder is empty or not there.
        GaiaflowError: its pyproject.toml is no valid TOML.
    """
    root = root.resolve()
    if not root.is_dir() or not any(root.iterdir()):
        raise MissingError(f"no project in `{root}`", f"inv project.new {root}")
    known = _read(root)
    package = _package(root)
    name = name or slug(_name(known) or root.name)
    given = {
        "name": name,
        "package": package or scaffold.near_package(name),
        "examples": False,
        "environment": next((kind for file, kind in _ENVIRONMENTS.items() if _exists(root, file)), "uv"),
        "requirement": origin.find().requirement,
        "adopted": True,
    }
    additions = {}
    with tempfile.TemporaryDirectory() as folder:
        for file in scaffold.render(Path(folder), given):
            if file == _NOTEBOOK and not package:
                continue  # it imports the package
            if file in _WANTED and not any(_exists(root, other) for other in _WANTED[file]):
                additions[file] = Path(folder, file).read_bytes()
    advice: list[str] = []
    _plan_table(root, name, known, additions, advice)
    advice += _plan_others(root, additions)
    if _NOTEBOOK in additions:
        advice += _plan_notebook(known)
    return Plan(root, additions, advice)


def _name(known: Mapping[str, Any]) -> str:
    own = known.get("tool", {}).get("gaiaflow", {}).get("name")
    return str(own or known.get("project", {}).get("name") or "")


def _package(root: Path) -> str | None:
    """The project's own package, when it has one whose name the template takes."""
    found = [
        init.parent.name for init in (*root.glob("src/*/__init__.py"), *sorted(root.glob("*/__init__.py")))
    ]
    return next((name for name in found if scaffold.is_package(name)), None)


def _plan_table(
    root: Path, name: str, known: Mapping[str, Any], additions: dict[str, bytes], advice: list[str]
) -> None:
    """``[tool.gaiaflow]``, at the end of pyproject.toml where that changes nothing of what it says."""
    file = root / PYPROJECT
    if not file.exists():
        additions[PYPROJECT] = f'{TABLE}name = "{name}"\n'.encode()
        return
    if "gaiaflow" in known.get("tool", {}):
        return
    before = file.read_bytes()
    end = (b"" if before.endswith(b"\n") or not before else b"\n") + f"\n{TABLE}".encode()
    try:
        after = tomllib.loads((before + end).decode())
    except tomllib.TOMLDecodeError:
        after = {}
    without = {**after, "tool": {k: v for k, v in after.get("tool", {}).items() if k != "gaiaflow"}}
    if after and without == {**known, "tool": known.get("tool", {})}:
        additions[PYPROJECT] = end
    else:
        advice.append(
            f"{PYPROJECT} cannot take it at its end; put there yourself:\n{_indented('[tool.gaiaflow]')}"
        )


def _plan_others(root: Path, additions: Mapping[str, bytes]) -> list[str]:
    """What the project's own files should say, and do not."""
    advice = []
    if "tasks.py" not in additions and "gaiaflow" not in _text(root / "tasks.py"):
        advice.append(f"tasks.py is yours; for gaiaflow's commands it needs:\n{_indented(_NAMESPACE)}")
    if ".gitignore" not in additions:
        lines = {line.strip().strip("/") for line in _text(root / ".gitignore").splitlines()}
        if absent := [line for line in _IGNORED if line.strip("/") not in lines]:
            advice.append(f".gitignore is yours; it should have:\n{_indented(chr(10).join(absent))}")
    return advice


def _plan_notebook(known: Mapping[str, Any]) -> list[str]:
    """What the notebook imports, where pyproject does not name it."""
    named = " ".join(map(str, known.get("project", {}).get("dependencies", [])))
    absent = [package for package in ("mlflow-skinny", "boto3") if package.partition("-")[0] not in named]
    listed = "\n".join(f'"{package}",' for package in absent)
    return [f"{_NOTEBOOK} needs among the project's dependencies:\n{_indented(listed)}"] if absent else []


def difference(found: Plan) -> str:
    """The additions as a unified diff."""
    parts = []
    for name, added in sorted(found.additions.items()):
        file = found.root / name
        before = file.read_bytes().decode("utf-8", "replace") if file.exists() else ""
        after = before + added.decode()
        old = name if file.exists() else "/dev/null"
        lines = difflib.unified_diff(
            before.splitlines(keepends=True), after.splitlines(keepends=True), old, name, n=2
        )
        parts.append("".join(_whole(line) for line in lines) or f"--- /dev/null\n+++ {name}\n")
    return "".join(parts)


def apply(found: Plan) -> None:
    """Write the additions; a file that came to be in between is left.

    Raises:
        GaiaflowError: such a file is there.
    """
    for name, added in found.additions.items():
        file = found.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with file.open("ab" if name == PYPROJECT else "xb") as out:
                out.write(added)
        except FileExistsError:
            raise GaiaflowError(
                f"`{file}` has come in between: it is left as it is", "inv project.adopt"
            ) from None


def _read(root: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(root / PYPROJECT))
    except tomllib.TOMLDecodeError as error:
        raise GaiaflowError(f"cannot read `{root / PYPROJECT}`: {error}", "mend the file first") from None


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def _exists(root: Path, name: str) -> bool:
    return (root / name).exists() or (root / name).is_symlink()


def _indented(text: str) -> str:
    return re.sub(r"^(?=.)", "    ", text.rstrip("\n"), flags=re.MULTILINE)


def _whole(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
