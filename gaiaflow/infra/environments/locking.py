"""Keep what was solved as a lock beside the file that asked for it."""

from __future__ import annotations

from pathlib import Path

from gaiaflow.errors import UsageError
from gaiaflow.infra.environments import conda, interpreter, uv
from gaiaflow.infra.environments.environment import ensure_environment
from gaiaflow.infra.environments.source import PIXI_LOCK, UV, Source, source
from gaiaflow.project import Project


def write_lock(project: Project, upgrade: bool = False) -> Path:
    """The lock: environment.lock of conda's files, uv.lock of uv's projects, else requirements.lock.

    Args:
        upgrade: solve again, for the newest versions that fit.

    Raises:
        UsageError: there is nothing to lock, or it is a lock of pixi's.
        GaiaflowError: no set of packages fits; the lock that is there stays.
    """
    found = source(project)
    if found.kind == PIXI_LOCK:
        raise UsageError("only pixi can write `pixi.lock`", "pixi lock")
    if found.is_conda:
        return _lock_conda(project, found, upgrade)
    if found.kind == UV:
        uv.run(project, "lock", "--quiet", "--project", str(project.source), *_flag(upgrade))
        return project.source / "uv.lock"
    return _compile(project, found, upgrade)


def _flag(upgrade: bool) -> list[str]:
    return ["--upgrade"] if upgrade else []


def _lock_conda(project: Project, found: Source, upgrade: bool) -> Path:
    tools = conda.Tools(project, ensure_environment(project, "conda"))
    if upgrade:
        conda.solve(tools, found)
        if found.solved:
            found.solved.unlink(missing_ok=True)
    if not interpreter.given(project):
        ensure_environment(project, "project")  # pip's part of the lock is what was put into it
    return conda.keep_lock(tools, found)


def _compile(project: Project, found: Source, upgrade: bool) -> Path:
    asked = _asked(project, found)
    lines = ["--universal", "--generate-hashes", "--no-header", "--no-annotate"]
    wanted = interpreter.specifier(interpreter.wanted(project)).removeprefix("==").removesuffix(".*")
    version = ["--python-version", wanted] if wanted[:1].isdigit() else []
    uv.run(project, "pip", "compile", "--quiet", *lines, *version, *_flag(upgrade), str(asked),
           "--output-file", str(project.lock))  # fmt: skip
    return project.lock


def _asked(project: Project, found: Source) -> Path:
    """The file with the loose requirements."""
    listed = bool(project.pyproject.get("project", {}).get("dependencies"))
    loose = [project.source / "pyproject.toml"] if listed else []
    loose.append(project.source / "requirements.txt")
    if found.file and found.file != project.lock:
        loose.append(found.file)
    for file in loose:
        if file.is_file():
            return file
    raise UsageError(
        f"nothing to lock: no file lists the packages that `{found.name}` would pin",
        "add `dependencies` to [project] in pyproject.toml, then: inv dev.update-deps --lock",
    )
