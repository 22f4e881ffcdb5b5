"""The whole texts of the errors of what goes to production."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from gaiaflow.production import (
    git as gitdags,
    manifests as prodmanifests,
    plan as dagplan,
    s3 as s3dags,
    sync as dagsync,
)
from gaiaflow.production.git import GitDags
from gaiaflow.project import Project
from tests.error_case import Case, hold, text_of

_AUTHOR = ("-c", "user.name=somebody", "-c", "user.email=somebody@localhost")


def git(folder: Path, *argv: str) -> None:
    subprocess.run(["git", "-C", str(folder), *_AUTHOR, *argv], check=True, timeout=60, capture_output=True)


def linked(project: Project) -> GitDags:
    """A repository in which the place of a DAG file is a link to somewhere else."""
    (project.root / "dags").mkdir()
    (project.root / "dags" / "flow.py").write_text("# airflow\n")
    made = project.root / "repository"
    made.mkdir()
    git(made, "init", "--quiet", "--initial-branch", "main")
    (made / "demo").mkdir()
    (made / "demo" / "flow.py").symlink_to("/nowhere/flow.py")
    git(made, "add", "--all")
    git(made, "commit", "--quiet", "--message", "a link")
    return GitDags.make(project, str(made), "demo", "main")


def plans(*added: str) -> dagplan.Plan:
    return dagplan.Plan("s3://bucket/demo", list(added), [], [], [], [])


CASES = [
    Case(
        lambda p: GitDags.make(p, "https://me:key@example.org/dags.git", "", "main"),
        2,
        "the address of the git repository contains a user name, a token or a password",
        "remove them, and let git store them: git config credential.helper store",
    ),
    Case(
        lambda p: GitDags.make(p, "--upload-pack=evil", "", "main"),
        2,
        "`--upload-pack=evil` with branch `main` is not a repository",
        "--dags git@host:team/dags.git",
    ),
    Case(
        lambda p: GitDags.make(p, str(p.root / "none"), "", "main").plan(),
        1,
        "`git ls-remote` of {root}/none failed: fatal: '{root}/none' does not appear to be a git repository\n"
        "fatal: Could not read from remote repository.\n\n"
        "Please make sure you have the correct access rights\nand the repository exists.",
        "git ls-remote {root}/none, to see whether you may read and write there",
    ),
    Case(
        lambda p: linked(p).sync("DAGs"),
        1,
        "`demo/flow.py` of {root}/repository is a link",
        "replace it with a file or a folder",
    ),
    Case(
        lambda p: prodmanifests.manifests(p, account="worker"),
        2,
        "`worker` is not a service account: namespace/name",
        "--account airflow/airflow-worker",
    ),
    Case(
        lambda _: dagplan.refuse_foreign(
            cast(dagplan.Plan, SimpleNamespace(target="s3://b/dags", foreign=["a.py"])), False
        ),
        1,
        "s3://b/dags has files that this project did not put there: `a.py`",
        "choose another place for --dags, or overwrite them: inv prod.sync --force",
    ),
    Case(
        lambda _: dagplan.refuse_changed(plans("a.py"), plans()),
        1,
        "s3://bucket/demo or the DAG files changed since they were shown",
        "inv prod.sync",
    ),
    Case(
        lambda p: dagsync.place(p, "ftp://x"),
        2,
        "`ftp://x` is neither a bucket nor a git repository",
        "--dags s3://bucket/prefix",
    ),
    Case(
        lambda p: s3dags.S3Dags.make(p, "s3://"), 2, "`s3://` has no bucket name", "--dags s3://bucket/prefix"
    ),
    Case(
        lambda p: gitdags.GitDags.make(p, "git@host:a/b.git", "../x", "main"),
        2,
        "`../x` is not a folder inside a repository",
        "--dags-path demo",
    ),
    Case(
        lambda _: dagplan.from_record({"files": 1}, "s3://b/.gaiaflow-demo.json"),
        2,
        "`s3://b/.gaiaflow-demo.json` is not what `inv prod.sync` wrote",
        "check it, and remove it if you do not need it",
    ),
]


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("LC_ALL", "C")
    return project


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)
