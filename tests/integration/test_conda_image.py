"""conda packages are the same on this machine, in the project's image and in Compose's volume."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.endpoints import PORTS
from gaiaflow.infra.environments import environment
from gaiaflow.infra.host.shipped import shipped
from gaiaflow.infra.images import engine, image
from gaiaflow.project import Project
from gaiaflow.stack.composed import belongings, dependency, image as stackimage
from gaiaflow.stack.composed.composition import Composition
from tests import conda_channel

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not engine.engine_answers(), reason="no Docker engine answers"),
]
PROGRAM = (
    "import greet, json, sys; from importlib.metadata import distributions as d; "
    "print(json.dumps([greet.greeting(), sys.version_info[:3], {x.name: x.version for x in d()}]))"
)
CALL = {"protocol": 1, "function": "conda_test:data", "args": [], "kwargs": {}, "params": {}}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A conda project whose channel this machine and its containers reach under one address."""
    root, channel = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("channel")
    root.chmod(0o755)
    (root / "pyproject.toml").write_text('[project]\nname = "conda-test"\nversion = "1"\n[tool.gaiaflow]\n')
    (root / "conda_test").mkdir()
    (root / "conda_test" / "__init__.py").write_text("import os\ndef data(): print(os.environ['GREET_DATA'])\n")
    project = Project.find(root)
    conda_channel.make(channel, str(environment.ensure_environment(project, "conda")))
    with contextlib.closing(engine.connect()) as client:
        gateway = client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"]
    handler = functools.partial(Quiet, directory=str(channel))
    with http.server.ThreadingHTTPServer((gateway, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://{gateway}:{server.server_address[1]}"
        lines = f"channels: ['{address}']\ndependencies:\n- python\n- greet=1.0\n- pip: [six]\n"
        (root / "environment.yml").write_text(lines)
        yield project
        server.shutdown()
    for found in image.images(project):
        image.remove_image(project, found.name)
    belongings.remove(project, belongings.everything(project))


@pytest.fixture(scope="module")
def here(project: Project) -> list[Any]:
    python = environment.ensure_environment(project, "project")
    done = subprocess.run([python, "-c", PROGRAM], capture_output=True, text=True, check=True)
    found: list[Any] = json.loads(done.stdout)
    assert found[0] == 1
    assert {"six", "greet"} <= set(found[2])
    return found


def container(*argv: str) -> str:
    done = subprocess.run(["docker", "run", "--rm", *argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_image_has_the_same_packages_and_no_conda(project: Project, here: list[Any]) -> None:
    built = image.build(project)
    assert json.loads(container(built.name, "python", "-c", PROGRAM)) == here
    variables = ["--env", f"GAIAFLOW_CALL={json.dumps(CALL)}", built.name]
    assert container(*variables, "python", "/opt/gaiaflow/runner.py").strip() == "/opt/env/project/share/greet"
    left = container(built.name, "sh", "-c", "ls -d /opt/rattler /root/.cache 2>/dev/null; ls /opt")
    assert left.split() == ["env", "gaiaflow", "project", "venv"]


def test_a_workers_image_has_them_beside_airflow(project: Project, here: list[Any], tmp_path: Path) -> None:
    own, base = image.build(project), os.environ.get("GAIAFLOW_PYTHON_IMAGE", image.DEFAULT_PYTHON_IMAGE)
    (tmp_path / "dags").mkdir()
    name, file = f"{project.id}/worker-test:1", shipped("compose") / "worker.Dockerfile"
    parts = {"GAIAFLOW_AIRFLOW_IMAGE": base, "GAIAFLOW_IMAGE": own.name}
    image.run_build("it", tmp_path, file, [name], {engine.PROJECT_LABEL: project.id}, parts)
    assert json.loads(container(name, "/opt/env/project/bin/python", "-c", PROGRAM)) == here
    subprocess.run(["docker", "image", "rm", name], check=True, capture_output=True)


def test_an_edit_of_the_code_makes_one_layer(project: Project, here: list[Any]) -> None:
    with contextlib.closing(engine.connect()) as client:
        before = client.images.get(image.build(project).name).attrs["RootFS"]["Layers"]
        (project.root / "conda_test" / "more.py").write_text("X = 1\n")
        after = client.images.get(image.build(project).name).attrs["RootFS"]["Layers"]
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 1


def test_composes_volume_has_the_same_packages_and_jupyterlab(project: Project, here: list[Any]) -> None:
    stackimage.build(project, ["environment"])
    composition = Composition(project, {name: entry.port for name, entry in PORTS.items()})
    composition.write()
    assert dependency.ensure(composition)
    assert not dependency.ensure(composition)
    volume = ["--volume", f"{project.id}_environment:/opt/env:ro", stackimage.names(project)["environment"]]
    greeting, version, packages = json.loads(container(*volume, "/opt/env/current/bin/python", "-c", PROGRAM))
    assert [greeting, version] == here[:2]
    assert here[2].items() <= packages.items()
    assert "jupyterlab" in packages
