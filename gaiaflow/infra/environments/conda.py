"""Conda's part of a project's environment: solved once and kept, then installed, by rattler.

rattler lives in an environment of its own; the module ``solver`` runs there.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gaiaflow import envvar
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.environments import interpreter, lockfile, manifest, uv
from gaiaflow.infra.environments.pins import package_name
from gaiaflow.infra.environments.source import PIXI_LOCK, Source
from gaiaflow.infra.host import disk, living, privatefile, process
from gaiaflow.project import Project

SOLVES = "solves"
_PATIENCE = 300
_INSTALL_SECONDS = 1800
_SUBDIRS = {
    ("Linux", "x86_64"): "linux-64",
    ("Linux", "aarch64"): "linux-aarch64",
    ("Darwin", "x86_64"): "osx-64",
    ("Darwin", "arm64"): "osx-arm64",
}
_OF_IMAGES = {"osx-64": "linux-64", "osx-arm64": "linux-aarch64"}


@dataclass(frozen=True)
class Tools:
    """rattler's environment.

    Args:
        python: its interpreter.
    """

    project: Project
    python: Path

    def ask(self, **request: Any) -> dict[str, Any]:
        """What the solver answers.

        Raises:
            GaiaflowError: it could not do it; the message holds its own reason.
        """
        script = Path(__file__).with_name("solver.py")
        folder = privatefile.folder(self.project.home / SOLVES)
        with tempfile.TemporaryDirectory(dir=folder) as name:
            asked, outcome = Path(name, "request.json"), Path(name, "outcome.json")
            privatefile.write_json(asked, request)
            # No bytecode: a full disk would cut it, and Python reads a cut file as a broken one.
            argv: list[str | Path] = [self.python, "-I", "-B", script, asked, outcome]
            env = {**process_environment(), **living.mark(self.project.id)}
            done = process.run(argv, env=env, timeout=request["seconds"] + 60, check=False)
            told = privatefile.read_json(outcome) or {"error": _unanswered(done)}
        if said := told.get("error"):
            hint = disk.hint(str(said), _HINTS[request["do"]])
            raise GaiaflowError(f"{_WHAT[request['do']]}: {str(said).strip()}", hint)
        return told


def _unanswered(done: process.Output) -> str:
    """Why the solver left no outcome: the last thing that it said."""
    return ": ".join([f"rattler ended with {done.code}", *done.stderr.strip().splitlines()[-1:]])


_WHAT = {
    "solve": "cannot solve the conda environment",
    "install": "cannot install the conda packages",
}
_HINTS = {
    "solve": "change the channels or the versions in the file that asks for them, then: inv dev.update-deps",
    "install": "see whether the channels have what the lock names, then: inv dev.update-deps",
}


def process_environment() -> dict[str, str]:
    """The user's variables: rattler's configuration, login and caches are among them."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}


def subdir() -> str:
    """conda's name for this machine.

    Raises:
        GaiaflowError: conda has no packages for it.
    """
    kind = (platform.system(), platform.machine())
    if kind not in _SUBDIRS:
        raise GaiaflowError(f"conda has no packages for {' '.join(kind)}", "work on Linux or macOS")
    return _SUBDIRS[kind]


def subdirs() -> list[str]:
    """This machine's, and that of the images which it builds."""
    here = subdir()
    return list(dict.fromkeys([here, _OF_IMAGES.get(here, here)]))


def made_of(project: Project, found: Source) -> str:
    """Stands for all that a solve depends on."""
    parts = [found.kind, found.text, interpreter.wanted(project), *subdirs()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def kept(project: Project, found: Source) -> lockfile.Kept | None:
    """The lock that a start takes: pixi's, the one beside the file if it is of it, else the last solve's."""
    if found.kind == PIXI_LOCK and found.file:
        return lockfile.Kept(found.file)
    beside = lockfile.read(found.solved) if found.solved else None
    if beside and beside.made_of == made_of(project, found):
        return beside
    return lockfile.read(project.home / SOLVES / f"{made_of(project, found)}.lock")


def is_stale(project: Project, found: Source) -> bool:
    """Whether there is a lock beside the file that was solved from something else."""
    beside = lockfile.read(found.solved) if found.solved and found.kind != PIXI_LOCK else None
    return bool(beside) and beside.made_of != made_of(project, found)  # type: ignore[union-attr]


def solved(tools: Tools, found: Source) -> lockfile.Kept:
    """The lock to install; solved now only where none is kept.

    Raises:
        GaiaflowError: no set of packages fits; nothing is written.
    """
    return kept(tools.project, found) or solve(tools, found)


def solve(tools: Tools, found: Source) -> lockfile.Kept:
    """Solve now, and keep it for the next starts.

    Raises:
        GaiaflowError: no set of packages fits; nothing is written.
    """
    project = tools.project
    wanted = manifest.read(project, found, subdir())
    patience = float(project.setting(envvar.CHANNEL_SECONDS, str(_PATIENCE)))
    folder = privatefile.folder(project.home / SOLVES)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        file = Path(name, "solved.lock")
        tools.ask(do="solve", channels=_addresses(project, wanted.channels), specs=wanted.specs,
                  subdirs=subdirs(), lock=str(file), seconds=patience)  # fmt: skip
        key = made_of(project, found)
        return lockfile.write(folder / f"{key}.lock", file.read_text(encoding="utf-8"), key, [])


def _addresses(project: Project, channels: list[str]) -> list[str]:
    """Channels as rattler takes them; a folder is meant from the project's."""
    return [
        (project.source / name).resolve().as_uri() if name.startswith(("./", "../", "/")) else name
        for name in channels
    ]


def build(tools: Tools, found: Source, folder: Path) -> list[str]:
    """Make the environment in a new folder, where it stays: conda packages hold its path. What is in it.

    Raises:
        GaiaflowError: it could not be made.
    """
    lock = solved(tools, found)
    pins = folder / "pins.txt"
    tools.ask(**request(lock, subdir(), str(lock.file), str(folder), str(pins)))
    before = _frozen(tools.project, folder)
    _add_pip(tools.project, found, folder, pins.read_text(encoding="utf-8").splitlines(), before)
    added = _added(tools.project, folder, before)
    if added and found.kind != PIXI_LOCK and not lock.pip:
        lockfile.write(lock.file, lock.file.read_text(encoding="utf-8"), lock.made_of, added)
    return sorted([*installed(folder), *added])


def request(lock: lockfile.Kept, platform_name: str, file: str, prefix: str, pins: str) -> dict[str, Any]:
    """What asks the solver to install a lock.

    Args:
        file: the lock, as the solver sees it.
        pins: where the solver writes what pip is to add.
    """
    return {"do": "install", "lock": file, "subdir": platform_name, "prefix": prefix, "requirements": pins,
            "pins": lock.pip, "seconds": _INSTALL_SECONDS}  # fmt: skip


def _add_pip(project: Project, found: Source, folder: Path, pins: list[str], before: list[str]) -> None:
    """Exactly the pins where there are any, else what the manifest asks pip for, beside conda's versions."""
    loose = [] if pins or found.kind == PIXI_LOCK else manifest.read(project, found, subdir()).pip
    for name, lines in (("pip.txt", pins or loose), ("constraints.txt", before)):
        privatefile.write(folder / name, "".join(f"{line}\n" for line in lines))
    if pins or loose:
        more = ["--no-deps"] if pins else ["--constraint", str(folder / "constraints.txt")]
        uv.run(project, "pip", "install", "--python", str(folder / "bin" / "python"), "--break-system-packages",
               *more, "-r", str(folder / "pip.txt"))  # fmt: skip


def _frozen(project: Project, folder: Path) -> list[str]:
    """The Python packages as pins; `pip freeze` would name the folders that conda built them in."""
    text = uv.run(project, "pip", "list", "--python", str(folder / "bin" / "python"), "--format", "json")
    return [f"{item['name']}=={item['version']}" for item in json.loads(text or "[]")]


def _added(project: Project, folder: Path, before: list[str]) -> list[str]:
    """What pip put beside conda's packages, with the addresses of what came from elsewhere than an index."""
    conda = {package_name(line) for line in before}
    text = uv.run(project, "pip", "freeze", "--python", str(folder / "bin" / "python"))
    return [line for line in text.splitlines() if package_name(line) not in conda]


def installed(folder: Path) -> list[str]:
    """The conda packages of an environment, as ``name=version``."""
    records = [json.loads(f.read_text(encoding="utf-8")) for f in (folder / "conda-meta").glob("*.json")]
    return sorted(f"{record['name']}={record['version']}" for record in records)


def hashed(project: Project, pins: list[str]) -> list[str]:
    """The pins with the hashes of their files, one per line."""
    if not pins:
        return []
    with tempfile.NamedTemporaryFile("w", suffix=".in") as file:
        file.write("".join(f"{pin}\n" for pin in pins))
        file.flush()
        text = uv.run(project, "pip", "compile", "--quiet", "--no-deps", "--no-header", "--no-annotate",
                      "--generate-hashes", file.name)  # fmt: skip
    return text.replace(" \\\n", "").split("\n")[:-1]


def keep_lock(tools: Tools, found: Source) -> Path:
    """Write the lock beside the file that was solved; the project's environment was made before.

    Raises:
        GaiaflowError: no set of packages fits.
    """
    lock = solved(tools, found)
    target = found.solved
    assert target is not None  # noqa: S101 - a conda source has a file
    lockfile.write(target, lock.file.read_text(encoding="utf-8"), made_of(tools.project, found),
                   hashed(tools.project, lock.pip))  # fmt: skip
    target.chmod(0o644)
    return target
