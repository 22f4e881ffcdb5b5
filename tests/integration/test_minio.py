"""MinIO under Compose's MLflow: of the image `GAIAFLOW_TEST_MINIO_IMAGE`, else one that speaks as it does.

The stand-in takes MinIO's command line, variables and health check, and refuses what MinIO refuses.
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from example_stack import Running, opener

from gaiaflow.infra.images import engine
from gaiaflow.project import Project
from gaiaflow.stack.composed import image as stackimage

pytestmark = [
    pytest.mark.full,
    pytest.mark.engine,
    pytest.mark.stack,
    pytest.mark.skipif(not engine.engine_answers(), reason="no Docker engine answers"),
]
STANDIN = Path(__file__).parent / "minio_standin"
NOTE = "kept/note.txt"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("minio")
    folder.chmod(0o755)
    (folder / "pyproject.toml").write_text('[project]\nname = "minio-test"\nversion = "0.1"\n[tool.gaiaflow]\n')
    (folder / "tasks.py").write_text("from gaiaflow.lifecycle.namespace import namespace\n\nns = namespace()\n")
    return Project.find(folder)


@pytest.fixture(scope="module")
def image(project: Project) -> Iterator[str]:
    if given := os.environ.get("GAIAFLOW_TEST_MINIO_IMAGE"):
        yield given
        return
    name = f"{project.id}/minio"
    stackimage.build(project, ["services"])
    with closing(engine.connect(timeout=300)) as client:
        services = stackimage.names(project)["services"]
        # Its base's labels would pass it for an older image of the stack, which goes when a new one is built.
        labels = {stackimage.KIND_LABEL: "standin", engine.PROJECT_LABEL: "standin"}
        client.images.build(
            path=str(STANDIN), tag=name, buildargs={"SERVICES": services}, labels=labels, rm=True
        )
        yield name
        client.images.remove(name, force=True)


@pytest.fixture(scope="module")
def composed(project: Project, image: str) -> Iterator[Running]:
    (project.root / ".env").write_text(f"GAIAFLOW_S3_PROVIDER=minio\nGAIAFLOW_S3_IMAGE={image}\n")
    running = Running(project.root)
    try:
        start(running)
        yield running
    finally:
        running.inv("dev.cleanup", "--yes")


def start(running: Running) -> None:
    options = ("--service", "mlflow", "--auto-ports", "--wait", "300")
    running.inv("dev.start", "--backend", "docker", *options)


def artifact(running: Running, body: bytes | None = None) -> bytes:
    """The note as MLflow's proxy gives it, or takes it."""
    url = f"{running.credentials()['mlflow']['url']}/api/2.0/mlflow-artifacts/artifacts/{NOTE}"
    request = urllib.request.Request(url, body, method="PUT" if body else "GET")
    with opener.open(request, timeout=60) as answer:
        return bytes(answer.read())


def test_artifacts_lie_in_minio_and_outlast_a_stop(composed: Running) -> None:
    assert composed.states()["s3"] == composed.states()["mlflow"] == "running"
    artifact(composed, b"kept")
    composed.inv("dev.stop")
    start(composed)
    assert artifact(composed) == b"kept"


def test_its_pages_open_with_the_keys_of_the_store(composed: Running) -> None:
    found = composed.credentials()
    assert found["s3-console"]["user"] == found["s3"]["user"]
    assert found["s3-console"]["secret"] == found["s3"]["secret"]
    told = json.loads(composed.inv("dev.export", "--format", "env", "--json"))["environment"]
    assert told["AWS_ACCESS_KEY_ID"] == found["s3"]["user"]
