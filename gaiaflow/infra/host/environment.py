"""The Python environments under ``.gaiaflow/envs``: made with uv from pinned locks, once."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import sys
from pathlib import Path

import gaiaflow
from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.infra.host import living as orphan, privatefile, process
from gaiaflow.infra.host.requirement import requirements as project_requirements
from gaiaflow.project import Project

NAMES = ("airflow", "services", "project")
LOCKS = Path(__file__).parents[1] / "locks"
TIMEOUT = 1800
_PLUGIN = re.compile(r"^\[airflow\.plugins\][^\[]*", re.MULTILINE)
_LAYOUT = "1"  # raise it when what is put into an environment changes while the locks do not


def ensure_environment(project: Project, name: str) -> Path:
    """The interpreter of an environment, which is made when it is missing, half made or out of date.

    Raises:
        GaiaflowError: its packages could not be installed.
    """
    if name not in NAMES:
        raise UsageError(f"unknown environment `{name}`", f"one of {', '.join(NAMES)}")
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
    file = folder / "stamp"
    return (folder / "bin" / "python").exists() and file.exists() and file.read_text(encoding="utf-8") == stamp


def missing(project: Project) -> list[str]:
    """The environments that the next start has to make."""
    return [name for name in NAMES if not is_current(project.home / "envs" / name, _stamp(project, name))]


def _stamp(project: Project, name: str) -> str:
    parts = [_LAYOUT, platform.python_version(), sys.base_prefix]
    if name == "project":
        parts += [project_requirements(project), _lock("jupyter")]
    else:
        parts.append(_lock(name))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _lock(name: str) -> str:
    return (LOCKS / f"{name}.txt").read_text(encoding="utf-8")


def _build(project: Project, name: str, folder: Path, stamp: str) -> None:
    orphan.end(project.id)  # one of them may still write there
    beside = folder.with_name(f"{name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    _uv(project, "venv", "--relocatable", "--no-project", "--python", sys.executable, str(beside))
    if name == "project":
        _install_project(project, beside)
    else:
        _install(project, beside, LOCKS / f"{name}.txt")
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)
    privatefile.write(folder / "stamp", stamp)


def _install(project: Project, folder: Path, requirements: Path) -> None:
    checked = ["--require-hashes"] if "--hash=" in requirements.read_text(encoding="utf-8") else []
    _uv(project, "pip", "install", "--python", str(folder), *checked, "-r", str(requirements))


def _install_project(project: Project, folder: Path) -> None:
    """The project's own packages first; JupyterLab fits in, from its lock where they leave it free."""
    requirements = folder / "project.txt"
    requirements.write_text(project_requirements(project), encoding="utf-8")
    if requirements.read_text(encoding="utf-8").strip():
        _install(project, folder, requirements)
    frozen = _uv(project, "pip", "freeze", "--python", str(folder))
    constraints = folder / "constraints.txt"
    constraints.write_text(merge_pins(frozen, _lock("jupyter")), encoding="utf-8")
    tops = str(LOCKS / "jupyter.in")
    _uv(project, "pip", "install", "--python", str(folder), "--constraint", str(constraints), "-r", tops)


def merge_pins(first: str, second: str) -> str:
    """The pins of both requirement files, without hashes; where both pin a package the first holds."""
    taken = {_package(line) for line in first.splitlines()}
    rest = [line.rstrip(" \\") for line in second.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    kept = [line for line in first.splitlines() if "==" in line]
    return "\n".join([*kept, *(line for line in rest if _package(line) not in taken)]) + "\n"


def _package(line: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]).lower()


def _link(project: Project, name: str, folder: Path) -> None:
    """Let the environment import what lies elsewhere: gaiaflow itself, or the project's code, live."""
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


def _uv(project: Project, *argv: str) -> str:
    import uv

    kept = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")}
    env = {**kept, **orphan.mark(project.id)}
    hint = "see what uv says above; a proxy or index of yours goes into uv's own settings"
    try:
        return process.run([uv.find_uv_bin(), *argv], env=env, timeout=TIMEOUT, hint=hint).stdout
    except FileNotFoundError as error:
        raise GaiaflowError(f"uv is not in this environment: {error}", "make setup") from None
