"""The project's image on a real engine: what is in it, who it runs as, and what an edit rebuilds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gaiaflow import envvar
from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.infra.images import engine, image
from gaiaflow.project import Project
from gaiaflow.stack.composed import belongings

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not engine.engine_answers(), reason="no Docker engine answers"),
]
CODE = "def add(a, b=1):\n    return {'sum': a + b}\n"


@pytest.fixture
def client() -> Iterator[Any]:
    client = engine.connect()
    yield client
    client.close()


@pytest.fixture
def project(tmp_path: Path, client: Any) -> Iterator[Project]:
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "image-test"\nversion = "0.1"\n'
        'dependencies = ["iniconfig==2.1.0"]\n[tool.gaiaflow]\n'
    )
    (tmp_path / "image_test").mkdir()
    (tmp_path / "image_test" / "__init__.py").write_text("")
    (tmp_path / "image_test" / "calc.py").write_text(CODE)
    (tmp_path / ".env").write_text("SECRET=1\n")
    project = Project.find(tmp_path)
    yield project
    labels = [f"{engine.PROJECT_LABEL}={project.id}"]
    for found in client.images.list(all=True, filters={"label": labels}):
        for tag in found.tags:
            client.images.remove(tag)


def layers(client: Any, name: str) -> list[str]:
    return list(client.images.get(name).attrs["RootFS"]["Layers"])


def run(client: Any, name: str, command: list[str], **options: Any) -> str:
    container = client.containers.run(name, command, detach=True, **options)
    try:
        container.wait(timeout=60)
        output: bytes = container.logs()
    finally:
        container.remove(force=True)
    return output.decode()


def call(client: Any, name: str, **options: Any) -> str:
    request = {"protocol": 1, "function": "image_test.calc:add", "args": [2]}
    environment = {"GAIAFLOW_CALL": json.dumps(request), "GAIAFLOW_RESULT_FILE": "/tmp/result"}
    shell = "python /opt/gaiaflow/runner.py && cat /tmp/result"
    return run(client, name, ["sh", "-c", shell], environment=environment, **options)


def test_image_runs_a_function_read_only_as_any_user(project: Project, client: Any) -> None:
    built = image.build(project)
    assert built.name == "image-test/image_test:0.1"
    assert call(client, built.name) == '{"sum": 3}'
    strict = {"read_only": True, "tmpfs": {"/tmp": ""}, "user": "54321:54321", "cap_drop": ["ALL"]}
    assert call(client, built.content, **strict) == '{"sum": 3}'


def test_image_holds_package_and_runner_and_no_secret(project: Project, client: Any) -> None:
    name = image.build(project).name
    found = client.images.get(name)
    assert found.attrs["Config"]["User"] == "10001:0"
    assert not found.attrs["Config"].get("Entrypoint")
    assert found.labels[engine.PROJECT_LABEL] == project.id
    shell = (
        "import os, importlib.metadata as m; "
        "print(m.version('image-test'), os.listdir('/opt/gaiaflow'), os.path.exists('/opt/project/.env'))"
    )
    assert run(client, name, ["python", "-c", shell]).split("\n")[0] == "0.1 ['runner.py'] False"


def test_one_line_change_rebuilds_one_layer(project: Project, client: Any) -> None:
    first = image.build(project)
    before = layers(client, first.name)
    (project.source / "image_test" / "calc.py").write_text(CODE + "# edited\n")
    second = image.build(project)
    after = layers(client, second.name)
    assert second.content != first.content
    assert len(before) == len(after)
    assert [a for a, b in zip(before, after, strict=True) if a != b] == before[-1:]


def test_same_tree_gives_the_same_image(project: Project) -> None:
    assert image.build(project) == image.build(project)


def test_building_writes_nothing_into_the_tree(project: Project, tmp_path: Path) -> None:
    (tmp_path / "runner.py").write_text("mine = True\n")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    image.build(project)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_own_dockerfile_gets_the_runner(project: Project, client: Any) -> None:
    base = project.setting("GAIAFLOW_PYTHON_IMAGE", image.DEFAULT_PYTHON_IMAGE)
    (project.source / "Dockerfile").write_text(
        f"FROM {base}\nCOPY image_test /srv/image_test\nENV PYTHONPATH=/srv\n"
    )
    built = image.build(project, tag="image-test/own:7", dockerfile="Dockerfile")
    assert built.name == "image-test/own:7"
    assert call(client, built.name) == '{"sum": 3}'


@pytest.mark.full
def test_python_s_own_library_is_compiled(
    project: Project, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = project.setting(envvar.PYTHON_IMAGE, image.DEFAULT_PYTHON_IMAGE)
    stripped = "find / -xdev -name '*.pyc' -not -path '*-packages*' -delete"
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "Dockerfile").write_text(f"FROM {base}\nRUN {stripped}\n")
    client.images.build(path=str(tmp_path / "base"), tag="image-test/python:1")
    monkeypatch.setenv(envvar.PYTHON_IMAGE, "image-test/python:1")
    try:
        shell = "import json, pathlib; print(pathlib.Path(json.__cached__).exists())"
        assert run(client, image.build(project).name, ["python", "-c", shell]).strip() == "True"
    finally:
        client.images.remove("image-test/python:1")


def test_failed_build_shows_its_last_lines(project: Project) -> None:
    (project.source / "requirements.lock").write_text("no-such-package-of-gaiaflow==1\n")
    with pytest.raises(GaiaflowError, match="no-such-package-of-gaiaflow"):
        image.build(project)


def test_images_and_removal_are_of_this_project_only(project: Project, client: Any, tmp_path: Path) -> None:
    built = image.build(project)
    other = tmp_path / "clone"
    shutil.copytree(tmp_path, other, ignore=shutil.ignore_patterns("clone"))
    clone = Project.find(other)
    assert [found.name for found in image.images(project)] == [built.name]
    assert image.images(clone) == []
    with pytest.raises(MissingError, match="not an image of this project"):
        image.remove_image(clone, built.name)
    assert image.remove_image(project, built.name) == [built.name, built.content]
    assert image.images(project) == []


def test_name_that_a_clone_took_over_is_left_to_it(project: Project, client: Any, tmp_path: Path) -> None:
    image.build(project)
    named = [held for held in belongings.everything(project) if held.kind == "image"]
    other = tmp_path / "clone"
    shutil.copytree(tmp_path, other, ignore=shutil.ignore_patterns("clone"))
    clone = Project.find(other)
    try:
        taken = image.build(clone)
        belongings.remove(project, named)
        assert client.images.get(taken.name).labels[engine.PROJECT_LABEL] == clone.id
        assert image.images(project) == []
    finally:
        belongings.remove(clone, [held for held in belongings.everything(clone) if held.kind == "image"])
