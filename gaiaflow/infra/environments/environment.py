"""The Python environments under ``.gaiaflow/envs``: made from pinned locks or the project's own file, once."""

from __future__ import annotations

import hashlib
import platform
import re
import secrets
import shutil
import sys
from pathlib import Path

import gaiaflow
from gaiaflow.errors import UsageError
from gaiaflow.infra.environments import conda, interpreter, kernel, providers, uv
from gaiaflow.infra.environments.description import PACKAGES, describe
from gaiaflow.infra.environments.pins import merge_pins
from gaiaflow.infra.environments.requirement import inputs, requirements
from gaiaflow.infra.environments.source import source
from gaiaflow.infra.host import living, privatefile
from gaiaflow.project import Project

# In the order in which a start makes them.
NAMES = ("airflow", "services", "project", "jupyter", "conda")
LOCKS = Path(__file__).parents[1] / "locks"
_PLUGIN = re.compile(r"^\[airflow\.plugins\][^\[]*", re.MULTILINE)
_STAMP = "stamp"
_LAYOUT = "1"  # raise it when what is put into an environment changes while the locks do not


def names(project: Project) -> list[str]:
    """The environments that the project's stack has; that of conda's tools comes with the project's."""
    skipped = {"conda"}
    if interpreter.given(project):
        skipped.add("project")
    if shares_jupyter(project):
        skipped.add("jupyter")
    return [name for name in NAMES if name not in skipped]


def shares_jupyter(project: Project) -> bool:
    """Whether JupyterLab is put into the project's environment: only into one that is ours, on our Python."""
    return not interpreter.given(project) and not source(project).is_conda and interpreter.is_own(project)


def python_of(project: Project, name: str) -> Path:
    """The interpreter of an environment, made or not."""
    if name == "jupyter" and shares_jupyter(project):
        name = "project"
    given = interpreter.given(project) if name == "project" else None
    return given or project.home / "envs" / name / "bin" / "python"


def settled(python: Path) -> Path:
    """The same interpreter, whatever its environment's name leads to later."""
    return python.parent.parent.resolve() / python.parent.name / python.name


def ensure_environment(project: Project, name: str) -> Path:
    """The interpreter of an environment, which is made when it is missing, half made or out of date.

    Raises:
        GaiaflowError: its packages could not be installed; the one that was there stays.
    """
    if name not in NAMES:
        raise UsageError(f"unknown environment `{name}`", f"one of {', '.join(NAMES)}")
    if name == "project" and (given := interpreter.given(project)):
        return interpreter.checked(given)
    folder = privatefile.folder(project.home / "envs") / name
    stamp = _stamp(project, name)
    # One command at a time makes an environment; another waits, and finds it made.
    with privatefile.locked(folder.with_name(f"{name}.lock")):
        if not is_current(folder, stamp):
            _build(project, name, folder, stamp)
        _link(project, name, folder)
    return folder / "bin" / "python"


def is_current(folder: Path, stamp: str) -> bool:
    """Whether an environment was made to the end, from the same inputs."""
    file = folder / _STAMP
    return (folder / "bin" / "python").exists() and file.exists() and file.read_text(encoding="utf-8") == stamp


def title(project: Project, name: str) -> str:
    """An environment in one line, as ``environment project: environment.yml, 2 channels, 141 packages``."""
    if name != "project":
        return f"environment {name}"
    folder = project.home / "envs" / name
    made = not interpreter.given(project) and is_current(folder, _stamp(project, name))
    return f"environment {name}: {describe(project, folder if made else None)}"


def missing(project: Project) -> list[str]:
    """The environments that the next start has to make."""
    return [
        name for name in names(project) if not is_current(project.home / "envs" / name, _stamp(project, name))
    ]


def _stamp(project: Project, name: str) -> str:
    parts = [_LAYOUT, platform.python_version(), sys.base_prefix]
    if name == "project":
        parts += [inputs(project), _lock("jupyter") if shares_jupyter(project) else ""]
    else:
        parts.append(_lock(name))
    if name == "airflow" and (added := providers.requirements(project)):
        parts.append(added)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _lock(name: str) -> str:
    return (LOCKS / f"{name}.txt").read_text(encoding="utf-8")


def _build(project: Project, name: str, folder: Path, stamp: str) -> None:
    """Make it beside the one in use, then let its name lead to it; whoever runs in the other one goes on."""
    living.end_left(project.id)  # one of them may still write there
    for left in _made(folder):
        if not (left / _STAMP).exists():  # of a run that was killed
            shutil.rmtree(left, ignore_errors=True)
    tools = None
    if name == "project" and source(project).is_conda:
        tools = conda.Tools(project, ensure_environment(project, "conda"))
    made = folder.with_name(f"{name}-{secrets.token_hex(4)}")
    with privatefile.whole(made):
        if tools:
            _note(made, conda.build(tools, source(project), made))
        else:
            _make(project, name, made)
        privatefile.write(made / _STAMP, stamp)
    _switch(folder, made)


def _make(project: Project, name: str, made: Path) -> None:
    """Make an environment and install what belongs into it."""
    python = interpreter.request(project) if name == "project" else sys.executable
    uv.run(project, "venv", "--relocatable", "--no-project", "--python", python, str(made))
    if name == "project":
        _install_project(project, made)
    else:
        _install(project, made, LOCKS / f"{name}.txt")
    if name == "airflow":
        providers.install(project, made, _lock(name))


def _made(folder: Path) -> list[Path]:
    """What was made for an environment and is not in use under its name."""
    used = folder.resolve()
    named = re.compile(rf"{folder.name}-[0-9a-f]{{8}}").fullmatch
    return [
        path for path in folder.parent.glob(f"{folder.name}-*") if named(path.name) and path.resolve() != used
    ]


def _switch(folder: Path, made: Path) -> None:
    """Let the environment's name lead to the new one."""
    if folder.is_dir() and not folder.is_symlink():  # as gaiaflow 1.0.0 made it
        folder.rename(folder.with_name(f"{folder.name}-{secrets.token_hex(4)}"))
    link = folder.with_name(f"{folder.name}.link")
    link.unlink(missing_ok=True)
    link.symlink_to(made.name)
    link.replace(folder)


def prune(project: Project) -> None:
    """Remove the environments that later ones took the place of, when nothing of the stack runs in them."""
    for name in NAMES:
        folder = project.home / "envs" / name
        if left := _made(folder):
            with privatefile.locked(folder.with_name(f"{name}.lock")):
                for path in left:
                    shutil.rmtree(path, ignore_errors=True)


def _note(folder: Path, packages: list[str]) -> None:
    privatefile.write(folder / PACKAGES, "".join(f"{line}\n" for line in packages))


def _install(project: Project, folder: Path, file: Path) -> None:
    checked = ["--require-hashes"] if "--hash=" in file.read_text(encoding="utf-8") else []
    uv.run(project, "pip", "install", "--python", str(folder), *checked, "-r", str(file))


def _install_project(project: Project, folder: Path) -> None:
    """The project's own packages first; JupyterLab fits in, from its lock where they leave it free."""
    file = folder / "project.txt"
    file.write_text(requirements(project), encoding="utf-8")
    if file.read_text(encoding="utf-8").strip():
        _install(project, folder, file)
    frozen = uv.run(project, "pip", "freeze", "--python", str(folder))
    _note(folder, frozen.splitlines())
    if not shares_jupyter(project):
        return
    constraints = folder / "constraints.txt"
    constraints.write_text(merge_pins(frozen, _lock("jupyter")), encoding="utf-8")
    tops = str(LOCKS / "jupyter.in")
    uv.run(project, "pip", "install", "--python", str(folder), "--constraint", str(constraints), "-r", tops)


def _link(project: Project, name: str, folder: Path) -> None:
    """Let the environment reach what lies elsewhere: gaiaflow itself, the project's code, its Python."""
    if name == "jupyter":
        kernel.ensure(project, ensure_environment(project, "project"), folder)
    if name not in {"airflow", "project"}:
        return
    packages = next((folder / "lib").glob("python3.*/site-packages"))
    if name == "airflow":
        link, target = packages / "gaiaflow", Path(gaiaflow.__file__).parent
        if not link.is_symlink() or link.readlink() != target:
            link.unlink(missing_ok=True)
            link.symlink_to(target)
        _unplug(packages)
    if name == "project":
        live, paths = packages / "gaiaflow-project.pth", "".join(f"{path}\n" for path in project.code_paths)
        if not live.exists() or live.read_text(encoding="utf-8") != paths:
            privatefile.write(live, paths)


def _unplug(packages: Path) -> None:
    """Take dag-factory's plugin out: it only tells its makers of runs, and every task would load it."""
    for file in packages.glob("dag_factory-*.dist-info/entry_points.txt"):
        text = file.read_text(encoding="utf-8")
        if _PLUGIN.search(text):
            file.unlink()  # it may be a hard link into uv's cache
            file.write_text(_PLUGIN.sub("", text), encoding="utf-8")
