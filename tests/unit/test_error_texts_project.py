"""The whole texts of errors: the project, where it comes from and where it goes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.images import push
from gaiaflow.production import (
    git as gitdags,
    plan as dagplan,
    s3 as s3dags,
    sync as dagsync,
)
from gaiaflow.project import Project
from gaiaflow.projects import dagfile, scaffold
from tests.error_case import Case, hold, text_of

CASES = [
    Case(
        lambda p: push.registry_of(p, ""),
        2,
        "no registry is named",
        "inv prod.push --registry registry.example.org/team",
    ),
    Case(
        lambda p: push.registry_of(p, "https://registry.example.org"),
        2,
        "`https://registry.example.org` is an address, not a registry",
        "registry.example.org",
    ),
    Case(
        lambda _: push._content_tag(SimpleNamespace(labels={}), "demo:1"),
        1,
        "`demo:1` does not say what went into it: it was not built by gaiaflow",
        "inv dev.dockerize",
    ),
    Case(dagfile.dag_files, 3, "no folder `{root}/dags`", "mkdir {root}/dags"),
    Case(
        lambda p: dagsync.place(p, "ftp://x"),
        2,
        "`ftp://x` is neither a bucket nor a git repository",
        "--dags s3://bucket/prefix",
    ),
    Case(lambda p: s3dags.S3Dags.make(p, "s3://"), 2, "`s3://` names no bucket", "--dags s3://bucket/prefix"),
    Case(
        lambda p: gitdags.GitDags.make(p, "git@host:a/b.git", "../x", "main"),
        2,
        "`../x` is no folder inside a repository",
        "--dags-path demo",
    ),
    Case(
        lambda _: dagplan.from_record({"files": 1}, "s3://b/.gaiaflow-demo.json"),
        2,
        "`s3://b/.gaiaflow-demo.json` is not what `inv prod.sync` wrote",
        "look at it, and remove it when it is of no use",
    ),
    Case(
        lambda _: scaffold.check_answers({"name": "a b"}),
        2,
        "`a b` is no name for a project: letters, digits, dots and dashes",
        "--name a-b",
    ),
    Case(
        lambda p: scaffold.check_folder(p.root / "pyproject.toml"),
        2,
        "`{root}/pyproject.toml` is a file",
        "give the folder of the new project",
    ),
    Case(
        lambda p: scaffold.check_folder(p.root),
        2,
        "`{root}` is not empty: it holds `pyproject.toml`",
        "give a new folder, or for a project that exists: cd {root} && inv project.adopt",
    ),
    Case(
        lambda p: scaffold.update(p.root),
        3,
        "no `.copier-answers.yml` in `{root}`: it was not made from the template",
        "inv project.adopt",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[tool.gaiaflow", "cannot read `{file}`: ", "mend the file; it is not valid TOML"),
        (
            '[tool.gaiaflow]\nsource = "src"\n',
            "`source` in {file} names `src`: no such folder",
            "give the folder that holds dags/, relative to pyproject.toml",
        ),
        (
            '[tool.gaiaflow]\nimgae = "x"\n',
            "`imgae` in [tool.gaiaflow] of {file}: extra inputs are not permitted (did you mean `image`?)",
            "",
        ),
    ],
)
def test_a_project_that_cannot_be_read(tmp_path: Path, text: str, message: str, hint: str) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(text)
    with pytest.raises(GaiaflowError) as caught:
        Project.find(tmp_path)
    assert caught.value.message.startswith(message.replace("{file}", str(file)))
    assert caught.value.exit_code == 2
    assert not hint or caught.value.hint == hint


def test_no_project(tmp_path: Path) -> None:
    with pytest.raises(GaiaflowError) as caught:
        Project.find(tmp_path)
    assert caught.value.message == (
        f"no project in `{tmp_path}` or above it: no pyproject.toml with [tool.gaiaflow]"
    )
