"""The versions of the project template on this machine: a git repository, which `copier update` compares in.

An installed gaiaflow carries one version of the template. Each version that makes or updates a project is kept,
so that a later one can tell what it changed from what the project's people changed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import gaiaflow
from gaiaflow.errors import MissingError
from gaiaflow.infra.host import privatefile, process

_QUESTIONS = "copier.yml"
_FILES = Path("gaiaflow", "template")
# The same commit for the same content on every machine, whatever git's configuration says.
_WHO = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in {
        "NAME": "gaiaflow",
        "EMAIL": "gaiaflow@localhost",
        "DATE": "2026-01-01T00:00:00Z",
    }.items()
}
_TIMEOUT = 60


def shipped_template() -> Path:
    """The folder with copier.yml and gaiaflow/template: in an installed gaiaflow or in a clone.

    Raises:
        MissingError: neither has it.
    """
    package = Path(gaiaflow.__file__).resolve().parent
    for folder in (package / "_data" / "template", package.parent):
        if (folder / _QUESTIONS).is_file() and (folder / _FILES).is_dir():
            return folder
    raise MissingError(
        "gaiaflow's project template is not there: the installation is incomplete",
        "pip install --force-reinstall gaiaflow",
    )


def address() -> str:
    """Where the versions are kept, as a project's answers name it: the same for every user's home."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return f"{cache or '~/.cache'}/gaiaflow/template"


def publish() -> str:
    """Keep this gaiaflow's template as a version, unless it is one already; its tag.

    Raises:
        MissingError: git or the template is not there.
    """
    store = Path(address()).expanduser()
    with privatefile.locked(privatefile.folder(store.parent) / "template.lock"):
        return _publish(store)


def _publish(store: Path) -> str:
    if not (store / ".git").is_dir():
        _git(store.parent, "init", "--quiet", "--initial-branch=main", str(store))
    copy(shipped_template(), store)
    _git(store, "add", "--all", "--force", ".")
    tree = _git(store, "write-tree")
    known = {_git(store, "rev-parse", f"{tag}^{{tree}}"): tag for tag in tags()}
    if tree not in known:
        _git(store, "commit", "--quiet", "--allow-empty", "--no-verify", "--message", gaiaflow.__version__)
        known[tree] = _next_tag(tree)
        _git(store, "tag", known[tree])
    return known[tree]


def tags() -> list[str]:
    """The versions that are kept."""
    store = Path(address()).expanduser()
    return _git(store, "tag", "--list").split() if (store / ".git").is_dir() else []


def _next_tag(tree: str) -> str:
    """``v1.0.0+TREE``; in a clone, whose content changes under one version, ``v1.0.0.post1+TREE`` after it.

    The tree is in it so that no other machine takes something else for this version.
    """
    plain = f"v{gaiaflow.__version__}"
    count = sum(tag.startswith((f"{plain}+", f"{plain}.post")) for tag in tags())
    return (f"{plain}.post{count}" if count else plain) + f"+{tree[:12]}"


def copy(source: Path, store: Path) -> None:
    """Put the template into a folder in place of the one that is there."""
    shutil.rmtree(store / _FILES, ignore_errors=True)
    unwanted = shutil.ignore_patterns("__pycache__", ".ruff_cache", ".gaiaflow")
    shutil.copytree(source / _FILES, store / _FILES, ignore=unwanted)
    shutil.copyfile(source / _QUESTIONS, store / _QUESTIONS)


def _git(folder: Path, *argv: str) -> str:
    outer = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    settings = ("-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false", "-c", "core.autocrlf=false")
    command = ["git", "-C", str(folder), *settings, *argv]
    hint = "install git: the template's versions are kept with it"
    return process.run(command, env={**outer, **_WHO}, timeout=_TIMEOUT, hint=hint).stdout.strip()
