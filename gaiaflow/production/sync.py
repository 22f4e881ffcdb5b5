"""Brings DAG files to where production's Airflow reads them: an S3 prefix or a git repository."""

from __future__ import annotations

from typing import Protocol

from gaiaflow.commit import tree_commit
from gaiaflow.errors import UsageError
from gaiaflow.production.git import GitDags
from gaiaflow.production.plan import Plan
from gaiaflow.production.s3 import SCHEME, S3Dags
from gaiaflow.project import Project


class Place(Protocol):
    """One place that DAG files go to."""

    @property
    def name(self) -> str:
        """As a person knows it."""

    def plan(self) -> Plan:
        """What a synchronisation would do; the place is only read."""

    def sync(self, message: str, shown: Plan | None = None) -> Plan:
        """Do what was shown; what was done."""


def place(project: Project, dags: str = "", path: str = "", branch: str = "") -> Place:
    """The place that options name, else the settings.

    Raises:
        UsageError: none is named, or it is neither a bucket nor a repository.
    """
    settings = project.settings.prod
    address = dags or settings.dags or ""
    if not address:
        raise UsageError(
            "no destination for the DAGs is set",
            "inv prod.sync --dags s3://bucket/prefix, or a git repository's",
        )
    if address.startswith(SCHEME):
        return S3Dags.make(project, address)
    if "://" in address and address.partition("://")[0] not in {"https", "http", "ssh", "git", "file"}:
        raise UsageError(f"`{address}` is neither a bucket nor a git repository", "--dags s3://bucket/prefix")
    return GitDags.make(project, address, path or settings.dags_path or "", branch or settings.dags_branch)


def message(project: Project) -> str:
    """What the commit says: project, version and the commit that the files come from."""
    commit = tree_commit(project.source)
    return f"{project.name} {project.version}" + (f" at commit {commit}" if commit else "")
