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
from gaiaflow.projects import origin

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
        "gaiaflow's project template is missing: the installation is incomplete",
        "pip install --force-reinstall gaiaflow",
    )


def kept_at() -> str:
    """The folder of the versions, as the answers of earlier projects name it, for any user's home."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return f"{cache or '~/.cache'}/gaiaflow/template"


def address() -> str:
    """What a project's answers name as its template: gaiaflow's git repository, in a form that copier takes."""
    repository = origin.find().repository
    plain = repository.endswith(".git") or repository.startswith(("git@", "https://github.com/"))
    return repository if plain else f"git+{repository}"


def redirection() -> dict[str, str]:
    """Variables by which git takes the versions that are kept for the repository, so that none is fetched."""
    repository, count = origin.find().repository, int(os.environ.get("GIT_CONFIG_COUNT", "0"))
    variables = {"GIT_CONFIG_COUNT": str(count + 2)}
    for number, known_as in enumerate((repository, f"{repository}.git"), count):
        variables[f"GIT_CONFIG_KEY_{number}"] = f"url.{Path(kept_at()).expanduser()}.insteadOf"
        variables[f"GIT_CONFIG_VALUE_{number}"] = known_as
    return variables


def publish() -> str:
    """Keep this gaiaflow's template as a version, unless it is one already; its tag.

    Raises:
        MissingError: git or the template is not there.
    """
    store = Path(kept_at()).expanduser()
    with privatefile.locked(privatefile.folder(store.parent) / "template.lock"):
        return _publish(store)


def _publish(store: Path) -> str:
    if not (store / ".git").is_dir():
        _git(store.parent, "init", "--quiet", "--initial-branch=main", str(store))
    copy(shipped_template(), store)
    _git(store, "add", "--all", "--force", ".")
    tree = _git(store, "write-tree")
    tag = _tag_of(store, tree)
    if tag not in tags():
        _git(store, "commit", "--quiet", "--allow-empty", "--no-verify", "--message", gaiaflow.__version__)
        _git(store, "tag", tag)
    return tag


def _tag_of(store: Path, tree: str) -> str:
    """Of a release the tag that gaiaflow's repository has too, of anything else one with the content in it."""
    known = {tag: _git(store, "rev-parse", f"{tag}^{{tree}}") for tag in tags()}
    release = f"v{gaiaflow.__version__}"
    if origin.find().released and known.get(release, tree) == tree:
        return release
    return next((tag for tag, content in known.items() if content == tree), None) or _next_tag(tree)


def tags() -> list[str]:
    """The versions that are kept."""
    store = Path(kept_at()).expanduser()
    return _git(store, "tag", "--list").split() if (store / ".git").is_dir() else []


def recall(version: str) -> bool:
    """Whether a version is kept here, also when another machine gave the same content another number."""
    known = tags()
    if version in known:
        return True
    store, (_, plus, tree) = Path(kept_at()).expanduser(), version.partition("+")
    same = next((tag for tag in known if plus and tag.endswith(f"+{tree}")), None)
    if same:
        message = ("-m", gaiaflow.__version__, "-p", same)
        _git(store, "tag", version, _git(store, "commit-tree", f"{same}^{{tree}}", *message))
    return same is not None


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
