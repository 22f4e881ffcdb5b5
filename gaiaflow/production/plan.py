"""What a synchronisation would add, change and remove: computed before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.project import Project


@dataclass(frozen=True)
class Kept:
    """A file that a synchronisation of this project put there.

    Attributes:
        sha256: of what was put there.
        version: what the store called it then; another one means that another writer came since.
    """

    sha256: str
    version: str


@dataclass(frozen=True)
class Remote:
    """What is there now.

    Attributes:
        own: what this project put there, by name.
        versions: all files under the project's place, by name.
    """

    own: Mapping[str, Kept]
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """What would become of files.

    Attributes:
        foreign: files not from this project, at the paths of the project's files.
    """

    target: str
    added: list[str]
    changed: list[str]
    removed: list[str]
    unchanged: list[str]
    foreign: list[str]

    @property
    def empty(self) -> bool:
        return not (self.added or self.changed or self.removed or self.foreign)

    @property
    def written(self) -> list[str]:
        return sorted([*self.added, *self.changed, *self.foreign])

    def as_dict(self) -> dict[str, Any]:
        names = ("target", "added", "changed", "removed", "unchanged", "foreign")
        return {name: getattr(self, name) for name in names}


def plan(target: str, local: Mapping[str, str], remote: Remote) -> Plan:
    """
    Args:
        local: the hash of each file of the project.
    """
    words: dict[str, list[str]] = {word: [] for word in ("added", "changed", "unchanged", "foreign")}
    for name, sha256 in sorted(local.items()):
        words[_word(sha256, remote.own.get(name), remote.versions.get(name))].append(name)
    removed = sorted(name for name in remote.own if name not in local and name in remote.versions)
    return Plan(target, removed=removed, **words)


def _word(sha256: str, kept: Kept | None, version: str | None) -> str:
    if version is None:
        return "added"
    if kept is None:
        return "foreign"
    return "unchanged" if kept == Kept(sha256, version) else "changed"


def refuse_foreign(found: Plan, force: bool) -> None:
    """
    Raises:
        GaiaflowError: a file from elsewhere would be overwritten.
    """
    if found.foreign and not force:
        names = ", ".join(f"`{name}`" for name in found.foreign)
        raise GaiaflowError(
            f"{found.target} has files that this project did not put there: {names}",
            "choose another place for --dags, or overwrite them: inv prod.sync --force",
        )


def refuse_changed(found: Plan, shown: Plan | None) -> None:
    """
    Raises:
        GaiaflowError: a person agreed to something else.
    """
    if shown is not None and found != shown:
        raise GaiaflowError(f"{found.target} or the DAG files changed since they were shown", "inv prod.sync")


def record_name(project: Project) -> str:
    """The file beside the DAGs that says which of them are this project's."""
    return f".gaiaflow-{project.name}.json"


def as_record(own: Mapping[str, Kept]) -> dict[str, Any]:
    return {"schema": 1, "files": {name: [kept.sha256, kept.version] for name, kept in sorted(own.items())}}


def from_record(value: Mapping[str, Any], where: str) -> dict[str, Kept]:
    """
    Raises:
        UsageError: it is not what a synchronisation writes.
    """
    try:
        return {str(name): Kept(*map(str, kept)) for name, kept in value.get("files", {}).items()}
    except (TypeError, AttributeError):
        raise UsageError(
            f"`{where}` is not what `inv prod.sync` wrote", "check it, and remove it if you do not need it"
        ) from None
