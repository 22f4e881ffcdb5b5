"""Where this gaiaflow came from, so that a project can require the same: PEP 610's record, or the clone."""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import gaiaflow
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.host import process

REPOSITORY = "https://github.com/bcdev/gaiaflow"
_REMOTE = ("https://", "http://", "ssh://", "git://", "git@")


@dataclass(frozen=True)
class Origin:
    """The source of a gaiaflow.

    Attributes:
        requirement: what a project writes to get the same gaiaflow (PEP 508).
        kind: the source in words.
        repository: the address of its git repository, the same on every machine.
        released: it came from a package index, so the repository has a tag for its version.
    """

    requirement: str
    kind: str
    repository: str = REPOSITORY
    released: bool = False


def find() -> Origin:
    """The origin of the gaiaflow that runs now."""
    package = Path(gaiaflow.__file__).resolve().parent
    distribution = _distribution(package)
    if distribution is None and (package.parent / "pyproject.toml").is_file():
        return _from_folder(package.parent)
    record = json.loads((distribution and distribution.read_text("direct_url.json")) or "{}")
    if "vcs_info" in record:
        return _from_git(record)
    if "dir_info" in record and record["url"].startswith("file:"):
        return _from_folder(_path(record["url"]), record["url"])
    if "url" in record:
        kind = "a file that only this machine has" if record["url"].startswith("file:") else "a file"
        return Origin(f"gaiaflow @ {_without_password(record['url'])}", kind)
    version = distribution.version if distribution else gaiaflow.__version__
    return Origin(f"gaiaflow=={version}", "the package index", released=True)


def _distribution(package: Path) -> importlib.metadata.Distribution | None:
    """What is installed under gaiaflow's name, when the running gaiaflow is part of it."""
    try:
        distribution = importlib.metadata.distribution("gaiaflow")
    except importlib.metadata.PackageNotFoundError:
        return None
    return distribution if Path(str(distribution.locate_file("gaiaflow"))).resolve() == package else None


def _from_git(record: dict[str, Any]) -> Origin:
    address = _without_password(record["url"])
    folder = f"#subdirectory={record['subdirectory']}" if record.get("subdirectory") else ""
    requirement = f"gaiaflow @ git+{address}@{record['vcs_info']['commit_id']}{folder}"
    repository = address if address.startswith(_REMOTE) else REPOSITORY
    return Origin(requirement, "the git repository", repository)


def _from_folder(folder: Path, url: str = "") -> Origin:
    requirement = f"gaiaflow @ {url or folder.as_uri()}"
    return Origin(requirement, "a clone that only this machine has", _remote(folder) or REPOSITORY)


def _remote(clone: Path) -> str | None:
    """The address that a clone was made from; None where it has no address or git is missing."""
    if not (clone / ".git").exists():
        return None
    try:
        told = process.run(["git", "-C", str(clone), "remote", "get-url", "origin"], timeout=60).stdout.strip()
    except GaiaflowError:
        return None
    return _without_password(told) if told.startswith(_REMOTE) else None


def _path(url: str) -> Path:
    from urllib.request import url2pathname

    return Path(url2pathname(urlsplit(url).path))


def _without_password(url: str) -> str:
    """The address without what only one person has; `git@` of ssh stays."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at or (user == "git" and parts.scheme == "ssh"):
        return url
    return urlunsplit(parts._replace(netloc=host))
