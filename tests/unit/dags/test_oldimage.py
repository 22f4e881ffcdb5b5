"""A run in a mode with images says when the code is newer than the image, and nothing where nobody can know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import ImageNotFound
from invoke.program import Program

from gaiaflow.dags import oldimage, reading, run as dagrun, test as dagtest
from gaiaflow.errors import MissingError
from gaiaflow.infra.cluster import image as nodeimage
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.images import image
from gaiaflow.infra.images.engine import PROJECT_LABEL
from gaiaflow.lifecycle.dag import inspector, run as command
from gaiaflow.lifecycle.namespace import namespace
from gaiaflow.project import Project
from gaiaflow.stack.services import mode as stackmode

NAME = "sample/pk:1"
SAID = f"the code has changed since the image `{NAME}` was built, and tasks run the image: "
Labels = dict[str, str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("GAIAFLOW_IMAGE", raising=False)
    (tmp_path / "pk").mkdir()
    (tmp_path / "pk" / "__init__.py").write_text("a = 1\n")
    (tmp_path / "dags").mkdir()
    (tmp_path / "own.Dockerfile").write_text("FROM scratch\n")
    text = '[project]\nname = "sample"\nversion = "1"\ndependencies = []\n[tool.gaiaflow]\nsource = "."\n'
    (tmp_path / "pyproject.toml").write_text(text)
    return Project.find(tmp_path)


def labels(project: Project, dockerfile: str = "", **other: str) -> Labels:
    """What a build of the tree as it is now says of itself."""
    tag = image.content_tag(project, dockerfile or None)
    return {
        PROJECT_LABEL: project.id,
        image.CONTENT_LABEL: f"sample/pk:{tag}",
        image.DOCKERFILE_LABEL: dockerfile,
        **other,
    }


def engine(found: Labels | Exception) -> Callable[..., Any]:
    def get(name: str) -> Any:
        assert name == NAME
        if isinstance(found, Exception):
            raise found
        return SimpleNamespace(labels=found)

    return lambda **_: SimpleNamespace(images=SimpleNamespace(get=get), close=lambda: None)


def edit(project: Project) -> None:
    (project.source / "pk" / "__init__.py").write_text("a = 2\n")


def test_an_edit_is_told_with_the_command(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oldimage, "connect", engine(labels(project)))
    assert oldimage.warning(project, "dev_docker") == ""
    (project.dags / "flow.py").write_text("flow = 1\n")  # no image has it
    assert oldimage.warning(project, "dev_docker") == ""
    edit(project)
    assert oldimage.warning(project, "dev_docker") == f"{SAID}inv dev.dockerize, or --build"


def test_an_own_dockerfile_is_in_the_command(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oldimage, "connect", engine(labels(project, "own.Dockerfile")))
    assert oldimage.warning(project, "dev_docker") == ""
    (project.root / "own.Dockerfile").write_text("FROM scratch\nUSER 1\n")
    said = f"{SAID}inv dev.dockerize --dockerfile own.Dockerfile, or --build"
    assert oldimage.warning(project, "dev_docker") == said


@pytest.mark.parametrize("engine_in_node", [True, False])
def test_the_image_of_the_node_counts_in_the_cluster(
    project: Project, monkeypatch: pytest.MonkeyPatch, engine_in_node: bool
) -> None:
    config = {"Labels": labels(project)}
    node = SimpleNamespace(
        docker_env=lambda: {"DOCKER_HOST": "tcp://node"} if engine_in_node else None,
        image_configuration=lambda _: {"config": config},
    )
    of_node = SimpleNamespace(get=lambda _: SimpleNamespace(attrs={"Config": config}))
    monkeypatch.setattr(
        nodeimage, "_node_client", lambda _: SimpleNamespace(images=of_node, close=lambda: None)
    )
    monkeypatch.setattr(Target, "choose", lambda _: SimpleNamespace(profile="p", minikube=node))
    edit(project)
    assert oldimage.warning(project, "prod_local") == ""  # there is no cluster yet
    (project.home / "prodlocal").mkdir(parents=True)
    (project.home / "prodlocal" / "config").touch()
    assert oldimage.warning(project, "prod_local") == f"{SAID}inv prodlocal.dockerize, or --build"


@pytest.mark.parametrize("mode", ["", "dev", "prod"])
def test_a_mode_without_an_image_here_asks_nobody(project: Project, mode: str) -> None:
    assert oldimage.warning(project, mode) == ""


def test_nothing_is_said_of_what_nobody_knows(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = labels(project)
    edit(project)
    before = {name: text for name, text in whole.items() if name != image.DOCKERFILE_LABEL}
    unknown: list[Labels | Exception] = [
        {},
        {**whole, PROJECT_LABEL: "another"},
        before,  # of a gaiaflow that did not note the Dockerfile
        {**whole, image.DOCKERFILE_LABEL: "gone.Dockerfile"},
        ImageNotFound("none"),
    ]
    for found in unknown:
        monkeypatch.setattr(oldimage, "connect", engine(found))
        assert oldimage.warning(project, "dev_docker") == ""

    def none(**_: Any) -> Any:
        raise MissingError("no Docker engine", "docker info")

    monkeypatch.setattr(oldimage, "connect", none)
    assert oldimage.warning(project, "dev_docker") == ""


def test_an_environment_of_conda_is_not_made_for_the_question(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = labels(project)
    edit(project)
    (project.root / "environment.yml").write_text("channels: [conda-forge]\ndependencies: [python=3.11]\n")
    file = project.root / "pyproject.toml"
    file.write_text(file.read_text() + 'environment = "environment.yml"\n')
    monkeypatch.setattr(oldimage, "connect", engine(known))
    assert oldimage.warning(Project.find(project.root), "dev_docker") == ""
    assert not (project.home / "envs").exists()


@pytest.mark.parametrize(
    "words", [["dag.run", "flow", "--no-follow"], ["dag.test", "flow", "--mode", "dev_docker"]]
)
def test_a_run_says_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.chdir(project.root)
    monkeypatch.setattr(oldimage, "connect", engine(labels(project)))
    monkeypatch.setattr(stackmode, "kept", lambda _: "dev_docker")
    monkeypatch.setattr(reading, "refuse_undeclared", lambda *_: None)
    for name in ("connect", "await_dag", "trigger"):
        monkeypatch.setattr(dagrun, name, lambda *_, **__: "run")
    monkeypatch.setattr(command, "say_where", lambda *_: None)
    monkeypatch.setattr(inspector, "airflow_python", lambda *_: Path("python"))
    monkeypatch.setattr(command, "end", lambda *_: None)
    monkeypatch.setattr(dagtest, "run", lambda *_: {})
    edit(project)
    Program(namespace=namespace()).run(["inv", *words])
    assert f"{SAID}inv dev.dockerize, or --build" in capsys.readouterr().err.replace("\n", " ")
