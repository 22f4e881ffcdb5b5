"""The doctor on a real engine and on the running stack; tests/integration/test_prodlocal.py has its pod."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from example_stack import SERVICES, Running

from gaiaflow.doctor import address, container, docker, image, port
from gaiaflow.doctor.check import State
from gaiaflow.doctor.place import Place
from gaiaflow.infra.host import privatefile
from gaiaflow.infra.host.envfile import write_variables
from gaiaflow.infra.images import engine
from gaiaflow.project import Project

needs_engine = pytest.mark.skipif(not engine.engine_answers(), reason="no Docker engine answers")
# Answers every request as MLflow would, and as a store does that wants a signature.
SERVER = """
import http.server

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if "mlflow" in self.path else 403)
        self.end_headers()

http.server.HTTPServer(("", 8000), Handler).serve_forever()
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A project whose stack is of Compose, as its state says."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "doctor-test"\n[tool.gaiaflow]\n')
    made = Place(Project.find(tmp_path))
    home = privatefile.folder(made.project.home)
    privatefile.write_json(home / "state.json", {"backend": "docker"})
    folder = privatefile.folder(privatefile.folder(home / "compose") / "task")
    addresses = {"MLFLOW_TRACKING_URI": "http://mlflow:8000", "AWS_ENDPOINT_URL_S3": "http://s3:8000"}
    write_variables(folder / "dev_docker.env", addresses)
    return made


@pytest.fixture
def served(place: Place) -> Iterator[Any]:
    """The stack's network with one container that answers as MLflow and S3; the container."""
    if not (python := os.environ.get("GAIAFLOW_PYTHON_IMAGE")):
        pytest.skip("`GAIAFLOW_PYTHON_IMAGE` names no image of Python")
    labels = {engine.PROJECT_LABEL: place.project.id, "com.docker.compose.service": "mlflow"}
    with closing(engine.connect()) as client:
        network = client.networks.create(f"{place.project.id}_default", labels=labels)
        made = client.containers.create(python, ["python", "-c", SERVER], labels=labels)
        try:
            network.connect(made, aliases=["mlflow", "s3"])
            made.start()
            yield made
        finally:
            made.remove(force=True)
            network.remove()


@pytest.mark.engine
@needs_engine
def test_the_engine_is_read(place: Place) -> None:
    facts = docker.read(place)
    for judge in (docker.client, docker.engine, docker.compose, docker.buildx, docker.platform):
        assert judge(facts).state is State.OK, judge(facts).said
    assert docker.engine_clock(facts).state is State.OK
    assert (
        image.project(image.read(place)).said == "the project's image `doctor-test/doctor_test:0` is not built"
    )


@pytest.mark.engine
@needs_engine
def test_a_container_of_the_network_asks_and_is_gone(place: Place, served: Any) -> None:
    check = address.judge(container.read(place))
    assert check.said == "from a container answer mlflow at http://mlflow:8000, s3 at http://s3:8000"
    with closing(engine.connect()) as client:
        label = f"{container.KIND_LABEL}={container.KIND}"
        assert client.containers.list(all=True, filters={"label": [label]}, ignore_removed=True) == []


@pytest.mark.engine
@needs_engine
def test_a_container_that_does_not_reach_a_service_says_which(place: Place, served: Any) -> None:
    file = place.project.home / "compose" / "task" / "dev_docker.env"
    write_variables(file, {"MLFLOW_TRACKING_URI": "http://mlflow:8001"})
    check = address.judge(container.read(place))
    assert (check.state, check.said) == (
        State.FAILED,
        "`mlflow` does not answer a container at http://mlflow:8001: connection refused",
    )
    assert check.hint == "inv dev.logs --service mlflow"


@pytest.mark.engine
@needs_engine
def test_the_container_that_has_a_port_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (python := os.environ.get("GAIAFLOW_PYTHON_IMAGE")):
        pytest.skip("`GAIAFLOW_PYTHON_IMAGE` names no image of Python")
    with closing(engine.connect()) as client:
        command, published = ["python", "-c", SERVER], {"8000/tcp": ("127.0.0.1", None)}
        made = client.containers.run(python, command, ports=published, detach=True)
        try:
            made.reload()
            number = made.ports["8000/tcp"][0]["HostPort"]
            monkeypatch.setenv("GAIAFLOW_JUPYTER_PORT", number)
            taken = [entry for entry in port.read(place) if entry.service == "jupyter"]
            assert port.free(taken).said == f"taken ports: {number} of `jupyter` by the container `{made.name}`"
        finally:
            made.remove(force=True)


@pytest.mark.stack
def test_the_running_stack_is_well(stack: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_IMAGE", "doctor-test/nobody:made")
    told = json.loads(stack.inv("doctor", "--json"))
    found = {check["name"]: check for check in told["checks"]}
    assert told["ready"]["dev"], told
    for name in ("ports", "keys of airflow", "addresses from the host", "environments", "private files"):
        assert found[name]["state"] == "ok", found[name]
    assert found["ports"]["said"].endswith("the stack listens")
    assert all(f"{name} at http://127.0.0.1:" in found["addresses from the host"]["said"] for name in SERVICES)
    assert found["addresses from a container"]["state"] == "unknown"


@pytest.mark.stack
def test_the_zip_of_the_running_stack_has_its_logs_and_none_of_its_keys(stack: Running, tmp_path: Path) -> None:
    file = tmp_path / "help.zip"
    stack.inv("doctor", "--mode", "dev", "--bundle", str(file))
    with zipfile.ZipFile(file) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {f"logs/{name}.log" for name in SERVICES} <= set(texts)
    keys = json.loads((stack.root / ".gaiaflow" / "keys.json").read_text())
    assert [(name, key) for name, text in texts.items() for key, value in keys.items() if value in text] == []


@pytest.mark.stack
def test_repairs_are_made_and_looked_at_again(stack: Running) -> None:
    keys, example, env = (
        stack.root / ".gaiaflow" / "keys.json",
        stack.root / ".env.example",
        stack.root / ".env",
    )
    kept = {file: file.read_text() if file.exists() else None for file in (example, env)}
    env.unlink(missing_ok=True)
    example.write_text("WEATHER=fine\n")
    keys.chmod(0o644)
    try:
        told = json.loads(stack.inv("doctor", "--mode", "dev", "--fix", "--yes", "--json"))
        states = {check["name"]: check["state"] for check in told["checks"]}
        assert (states["private files"], states["keys of .env"]) == ("ok", "ok")
        assert env.read_text() == "WEATHER=fine\n"
        assert [file.stat().st_mode & 0o777 for file in (keys, env)] == [0o600, 0o600]
    finally:
        for file, text in kept.items():
            file.unlink(missing_ok=True)
            if text is not None:
                file.write_text(text)
