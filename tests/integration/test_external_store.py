"""An external S3 store under Compose's MLflow: the embedded stack's, by the bridge's address."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from example_stack import Running, opener

from gaiaflow.infra.cluster import gateway
from gaiaflow.infra.images import engine
from gaiaflow.project import Project

pytestmark = [
    pytest.mark.engine,
    pytest.mark.stack,
    pytest.mark.skipif(not engine.engine_answers(), reason="no Docker engine answers"),
]
PYPROJECT = '[project]\nname = "external-store"\nversion = "0.1"\n[tool.gaiaflow]\n'


def bridge() -> str:
    """This machine as containers see it."""
    return gateway.network_gateway("bridge")


@pytest.fixture(scope="module")
def store(stack: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Its address for containers, and its keys."""
    stack.start("--auto-ports", "--wait", "400", "--service", "s3")
    s3 = stack.credentials()["s3"]
    port = int(s3["url"].rpartition(":")[2])
    folder = tmp_path_factory.mktemp("reached")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    reached = Project.find(folder)
    # Containers of Compose come from a network of their own: the gateway is named, so that it takes them.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAIAFLOW_GATEWAY", bridge())
        gateway.open_ports(reached, bridge(), [port])
    yield {"url": f"http://{bridge()}:{port}", "user": s3["user"], "secret": s3["secret"]}
    gateway.close(reached)


@pytest.fixture(scope="module")
def composed(store: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("composed")
    root.chmod(0o755)
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "tasks.py").write_text("from gaiaflow.lifecycle.namespace import namespace\n\nns = namespace()\n")
    (root / ".env").write_text(
        f"GAIAFLOW_S3_PROVIDER=external\nGAIAFLOW_S3_ENDPOINT={store['url']}\n"
        f"AWS_ACCESS_KEY_ID={store['user']}\nAWS_SECRET_ACCESS_KEY={store['secret']}\n"
    )
    running = Running(root)
    try:
        options = ("--backend", "docker", "--service", "mlflow", "--auto-ports", "--wait", "400")
        running.inv("dev.start", *options)
        yield running
    finally:
        running.inv("dev.cleanup", "--yes")


def test_mlflows_artifacts_lie_in_an_external_store(stack: Running, composed: Running) -> None:
    names = {c.labels["com.docker.compose.service"] for c in containers(composed)}
    assert "mlflow" in names
    assert "s3" not in names
    url = f"{composed.credentials()['mlflow']['url']}/api/2.0/mlflow-artifacts/artifacts/outside/note.txt"
    with opener.open(urllib.request.Request(url, b"kept", method="PUT"), timeout=60) as answer:
        assert answer.status == 200
    keys = stack.s3("print(*(o['Key'] for o in c.list_objects_v2(Bucket='mlflow')['Contents']), sep='\\n')")
    assert [key for key in keys.splitlines() if key.endswith("outside/note.txt")]


def test_everybody_is_shown_the_external_store(composed: Running, store: dict[str, str]) -> None:
    assert composed.states()["s3"] == "running"
    found = composed.credentials()
    assert {name: found["s3"][name] for name in ("url", "user", "secret")} == store
    assert "s3-console" not in found
    told = json.loads(composed.inv("dev.export", "--format", "env", "--json"))["environment"]
    assert (told["AWS_ENDPOINT_URL_S3"], told["AWS_ACCESS_KEY_ID"]) == (store["url"], store["user"])


def containers(composed: Running) -> list[Any]:
    client: Any = engine.connect()
    try:
        return list(client.containers.list(filters={"label": f"{engine.PROJECT_LABEL}={composed.project.id}"}))
    finally:
        client.close()
