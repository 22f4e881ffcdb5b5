"""Which files of a folder may go into an image: what git tracks or does not ignore, and no key."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.host import process
from gaiaflow.infra.images.secretfile import is_environment, is_named_so, is_never_for_images

if TYPE_CHECKING:
    from docker.utils.build import Pattern

_SECONDS = 60


def files(root: Path, patterns: Sequence[str]) -> list[str]:
    """The paths of the files in a folder that an image may have, with slashes, sorted.

    Args:
        patterns: as in .dockerignore; a pattern with ``!`` that matches what git ignores lets it in.
    """
    from docker.utils.build import Pattern

    rules = [rule for rule in map(Pattern, patterns) if rule.dirs]
    listed = _of_git(root)
    if listed is None:
        found = set(_below(root, root))
    else:
        found = {*listed, *_let_in(root, [rule for rule in rules if rule.exclusion])}
    folders = {folder for path in found for folder in _places(path)[:-1]}
    environments = {folder for folder in folders if is_environment(root / folder)}
    kept = (path for path in found if not _is_ignored(path, rules) and environments.isdisjoint(_places(path)))
    return sorted(path for path in kept if is_file(root / path) and not is_never_for_images(root, path))


def _of_git(root: Path) -> list[str] | None:
    """What git tracks in a folder and what it does not ignore; None where the folder is in no git tree."""
    tracked = _git(root, "--cached", "--recurse-submodules")
    others = _git(root, "--others", "--exclude-standard")
    if not tracked and not others:  # no git, or a folder that the tree around it ignores
        return None
    return [path for entry in [*(tracked or ()), *(others or ())] for path in _expanded(root, entry)]


def _expanded(root: Path, entry: str) -> list[str]:
    """A file as it is; for a clone within the tree its own files."""
    if not entry.endswith("/"):
        return [entry]
    inner = _of_git(root / entry)
    return [entry + path for path in inner or ()]


def _git(root: Path, *options: str) -> list[str] | None:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "ls-files", "-z", *options]
    try:
        done = process.run(command, env=variables, cwd=root, timeout=_SECONDS, check=False)
    except GaiaflowError:
        return None
    return None if done.code else [entry for entry in done.stdout.split("\0") if entry]


def _let_in(root: Path, rules: list[Pattern]) -> Iterator[str]:
    """What git ignores and a ``!`` pattern names: the ignored file, or an ignored folder above it."""
    ignored = _git(root, "--others", "--ignored", "--exclude-standard", "--directory") if rules else None
    for entry in ignored or ():
        depth = entry.rstrip("/").count("/")
        for path in _below(root, root / entry):
            if any(rule.match(place) for place in _places(path)[depth:] for rule in rules):
                yield path


def _below(root: Path, start: Path) -> Iterator[str]:
    """All files from a folder down; not those of environments and folders that no image has."""
    if not start.is_dir() or start.is_symlink():
        yield start.relative_to(root).as_posix()
        return
    if start != root and (is_environment(start) or is_named_so(start.relative_to(root).as_posix())):
        return
    for path in start.iterdir():
        yield from _below(root, path)


def _is_ignored(path: str, rules: list[Pattern]) -> bool:
    """What .dockerignore means: the last pattern that matches the file or a folder above it decides."""
    places = _places(path)
    matching = [rule for rule in rules if any(rule.match(place) for place in places)]
    return bool(matching) and not matching[-1].exclusion


def _places(path: str) -> list[str]:
    """The folders above a file, from the top, and the file."""
    parts = path.split("/")
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]


def is_file(path: Path) -> bool:
    """Whether there is a file or a link; a socket, a pipe or a folder is none."""
    return path.is_symlink() or path.is_file()
