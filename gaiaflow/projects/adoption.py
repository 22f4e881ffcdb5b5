"""Adds to a project that exists what gaiaflow needs and it lacks; what is there stays, byte for byte."""

from __future__ import annotations

import difflib
import re
import shlex
import sys
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.project import slug
from gaiaflow.projects import origin, recognition, scaffold
from gaiaflow.projects.recognition import Environment

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYPROJECT = "pyproject.toml"
TABLE = "# All keys have defaults; see `gaiaflow --list` for what works on this project.\n[tool.gaiaflow]\n"
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
    ".env": (".env",),
    ".env.example": (".env.example",),
    ".gitignore": (".gitignore",),
    ".github/workflows/ci.yml": (".github/workflows",),
}
_GITIGNORE = ".gitignore"
LEAST = ("tasks.py", PYPROJECT, _GITIGNORE)
# These are the project's own: what comes stands at their end.
_AT_THE_END = (PYPROJECT, _GITIGNORE)
_IGNORED = {".env": ".env", ".gaiaflow/": "", ".venv-gaiaflow/": "Makefile"}
# Where a project may say which gaiaflow it needs.
_REQUIRED = re.compile(r"gaiaflow *(@|[=~>]=)")
_REQUIRING = ("Makefile", PYPROJECT, "requirements.txt", "requirements-dev.txt", "environment.yml", "pixi.toml")
_NAMESPACE = "from gaiaflow.lifecycle.namespace import namespace\n\nns = namespace()\n"


@dataclass(frozen=True)
class Plan:
    """What would be added.

    Attributes:
        additions: the bytes that each file gets: a new one all of it, the project's own their end.
        advice: what has to be done by hand, each ready to paste.
        environment: who makes the project's environment; it stays as it is.
        earlier: the earlier template of gaiaflow made the project.
    """

    root: Path
    additions: dict[str, bytes]
    advice: list[str]
    environment: Environment = field(default_factory=Environment)
    earlier: bool = False

    def only(self, names: Collection[str]) -> Plan:
        """The part of the plan that concerns these files."""
        return replace(self, additions={k: v for k, v in self.additions.items() if k in names})


def plan(root: Path, name: str = "", *, minimal: bool = False) -> Plan:
    """What a project lacks. Nothing is written.

    Args:
        name: the project's name; by default as pyproject.toml says, else the folder's.
        minimal: only what gaiaflow cannot do without.

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
    additions = _missing(root, name, package)
    if minimal:
        additions = {file: text for file, text in additions.items() if file in LEAST}
    advice: list[str] = []
    _plan_table(root, name, known, additions, advice)
    _plan_gitignore(root, additions)
    manager = recognition.environment(root, known)
    advice += _plan_tasks(root, additions) + _plan_requirement(root, additions)
    advice += recognition.advice(manager, known)
    if _NOTEBOOK in additions:
        advice += _plan_notebook(known)
    return Plan(root, additions, advice, manager, recognition.is_earlier(root))


def _missing(root: Path, name: str, package: str | None) -> dict[str, bytes]:
    """The files of the template that the project has nothing like."""
    given = {
        "name": name,
        "package": package or scaffold.near_package(name),
        "examples": False,
        "requirement": origin.find().requirement,
        "adopted": True,
    }
    with tempfile.TemporaryDirectory() as folder:
        return {
            file: Path(folder, file).read_bytes()
            for file in scaffold.render(Path(folder), given)
            if file in _WANTED
            and not any(_exists(root, other) for other in _WANTED[file])
            and (package or file != _NOTEBOOK)  # the notebook imports the package
        }


def _name(known: Mapping[str, Any]) -> str:
    own = known.get("tool", {}).get("gaiaflow", {}).get("name")
    poetry = known.get("tool", {}).get("poetry", {}).get("name")
    return str(own or known.get("project", {}).get("name") or poetry or "")


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
    said = slug(known.get("project", {}).get("name") or (root.name if file.exists() else "")) == slug(name)
    table = TABLE if said else f'{TABLE}name = "{name}"\n'
    if not file.exists():
        additions[PYPROJECT] = table.encode()
        return
    if "gaiaflow" in known.get("tool", {}):
        return
    before = file.read_bytes()
    end = (b"" if before.endswith(b"\n") or not before else b"\n") + f"\n{table}".encode()
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


def _plan_gitignore(root: Path, additions: dict[str, bytes]) -> None:
    """The lines of what git must not keep, at the end of a .gitignore that lacks them."""
    if _GITIGNORE in additions:
        return
    before = _text(root / _GITIGNORE)
    lines = {line.strip().strip("/") for line in before.splitlines()}
    absent = [
        line
        for line, of in _IGNORED.items()
        if line.strip("/") not in lines and (not of or of in additions or _exists(root, of))
    ]
    if absent:
        start = "" if before.endswith("\n") or not before else "\n"
        additions[_GITIGNORE] = (start + "".join(f"{line}\n" for line in absent)).encode()


def _plan_tasks(root: Path, additions: Mapping[str, bytes]) -> list[str]:
    """What the project's own tasks.py should say, and does not."""
    if "tasks.py" in additions or "gaiaflow" in _text(root / "tasks.py"):
        return []
    return [f"tasks.py is yours; for gaiaflow's commands it needs:\n{_indented(_NAMESPACE)}"]


def _plan_requirement(root: Path, additions: Mapping[str, bytes]) -> list[str]:
    """How others get this gaiaflow, where neither our Makefile nor a file of the project says it."""
    said = "Makefile" in additions or any(_REQUIRED.search(_text(root / name)) for name in _REQUIRING)
    if said:
        return []
    source = origin.find()
    install = _indented(f"pip install {shlex.quote(source.requirement)}")
    return [f"no file says which gaiaflow the project needs; yours is from {source.kind}:\n{install}"]


def _plan_notebook(known: Mapping[str, Any]) -> list[str]:
    """What the notebook imports, where pyproject does not name it."""
    named = " ".join(map(str, known.get("project", {}).get("dependencies", [])))
    absent = [package for package in ("mlflow-skinny", "boto3") if package.partition("-")[0] not in named]
    listed = "\n".join(f'"{package}",' for package in absent)
    return [f"{_NOTEBOOK} needs among the project's dependencies:\n{_indented(listed)}"] if absent else []


def named(found: Plan) -> list[str]:
    """Each file with what it gets: `tasks.py (new)`, `pyproject.toml (2 lines at its end)`."""
    return [
        f"{name} ({_counted(added)} at its end)" if (found.root / name).exists() else f"{name} (new)"
        for name, added in found.additions.items()
    ]


def _counted(added: bytes) -> str:
    """How many lines with something in them."""
    lines = sum(bool(line.strip()) for line in added.splitlines())
    return f"{lines} line{'' if lines == 1 else 's'}"


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
            with file.open("ab" if name in _AT_THE_END else "xb") as out:
                out.write(added)
        except FileExistsError:
            raise GaiaflowError(f"`{file}` appeared meanwhile: not overwritten", "inv project.adopt") from None


def _read(root: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(root / PYPROJECT))
    except tomllib.TOMLDecodeError as error:
        raise GaiaflowError(f"cannot read `{root / PYPROJECT}`: {error}", "fix the file first") from None


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def _exists(root: Path, name: str) -> bool:
    return (root / name).exists() or (root / name).is_symlink()


def _indented(text: str) -> str:
    return re.sub(r"^(?=.)", "    ", text.rstrip("\n"), flags=re.MULTILINE)


def _whole(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
