"""What the matrix passed with in prod_local: commit, DAG files and images, kept until it passes with others."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

from gaiaflow.commit import tree_commit
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project
from gaiaflow.projects.dagfile import dag_hash

FOLDER, _FILE = "prod", "receipt.json"
_DIRTY = "-dirty"
_SHORT = 12


@dataclass(frozen=True)
class Receipt:
    """One pass of the matrix.

    Attributes:
        commit: of the project, ``-dirty`` behind it where a file was edited; empty without git.
        dags: the hash of all DAG files.
        images: what the pods ran, by name: its identity in every store, a digest of a store, or nothing.
        at: when, in UTC.
    """

    commit: str
    dags: str
    images: dict[str, str]
    at: str = ""


def take(project: Project, images: Mapping[str, str]) -> Receipt:
    """What holds now."""
    return Receipt(tree_commit(project.source), dag_hash(project), dict(images))


def write(project: Project, receipt: Receipt) -> None:
    privatefile.folder(project.home)
    at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    privatefile.write_json(privatefile.folder(project.home / FOLDER) / _FILE, {**asdict(receipt), "at": at})


def read(project: Project) -> Receipt | None:
    """The last pass; None where the matrix never passed."""
    kept = privatefile.read_json(project.home / FOLDER / _FILE)
    try:
        return Receipt(**kept) if kept else None
    except TypeError:  # another version's
        return None


def differences(passed: Receipt, now: Receipt, known: Mapping[str, Collection[str]]) -> Iterator[str]:
    """What is not what the matrix passed with.

    Args:
        now: its images do not count.
        known: for each image of production its identities, and all digests by which stores may know it.
    """
    if passed.commit.endswith(_DIRTY):
        yield "the matrix passed on files that were in no commit"
    if passed.commit.removesuffix(_DIRTY) != now.commit.removesuffix(_DIRTY):
        yield f"the commit is {_short(now.commit)}; the matrix passed at {_short(passed.commit)}"
    elif now.commit.endswith(_DIRTY):
        yield f"files were edited since commit {_short(now.commit)}"
    if passed.dags != now.dags:
        yield f"the DAG files are {_short(now.dags)}; the matrix passed with {_short(passed.dags)}"
    there = {digest for digest in passed.images.values() if digest}
    for image, digests in known.items():
        if not there & set(digests):
            passed_with = ", ".join(_short(digest) for digest in sorted(there)) or "none that is known"
            yield f"the image {image} is {_named(digests)}; the matrix passed with {passed_with}"


def _named(digests: Collection[str]) -> str:
    return " or ".join(_short(digest) for digest in sorted(digests)) or "not known"


def _short(text: str) -> str:
    """Enough of a commit or a digest to tell it from others."""
    plain = text.removesuffix(_DIRTY).removeprefix("sha256:")
    return plain[:_SHORT] + (_DIRTY if text.endswith(_DIRTY) else "") if plain else "none"
