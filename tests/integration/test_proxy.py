"""Behind a proxy: what one process of the stack asks another never reaches it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

ROOT = Path(__file__).parents[2]
# Logs an artifact through the server, which writes it to the S3 store and reads it back from there.
LOG = """
import mlflow, sys
with mlflow.start_run() as run:
    mlflow.log_text("kept", "note.txt")
print(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/note.txt"))
"""


class Recorder(BaseHTTPRequestHandler):
    """A proxy that writes down what it is asked for, and refuses it."""

    asked: ClassVar[list[str]] = []

    def _refuse(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        self.send_error(502)

    do_GET = do_POST = do_PUT = do_HEAD = do_CONNECT = do_DELETE = _refuse  # noqa: N815 - the names are the server's

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[str]:
    Recorder.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.stack
def test_nothing_of_the_stack_goes_through_the_users_proxy(tmp_path: Path, proxy: str) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "behind"\n[tool.gaiaflow]\n')
    (tmp_path / "tasks.py").write_text(
        "from gaiaflow.lifecycle.namespace import namespace\n\nns = namespace()\n"
    )
    named = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), proxy)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GAIAFLOW_") and k.lower() != "no_proxy"}
    env = {**kept, **named, "PYTHONPATH": str(ROOT), "NO_PROXY": "git.corp.example"}

    def inv(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "invoke", *words]
        return subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    # The environments come from a cache or a registry: they are made without the proxy.
    made = {k: v for k, v in env.items() if k not in named}
    code = (
        "from gaiaflow.infra.environments.environment import ensure_environment; "
        "from gaiaflow.project import Project; "
        "ensure_environment(Project.find(), 'services')"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=made, check=True, capture_output=True)
    try:
        started = inv("dev.start", "--backend", "embedded", "--service", "mlflow", "--auto-ports")
        assert started.returncode == 0, started.stderr
        shown = json.loads(inv("dev.export", "--format", "env", "--json").stdout)["environment"]
        python = tmp_path / ".gaiaflow" / "envs" / "services" / "bin" / "python"
        client = {**made, **shown}
        done = subprocess.run(
            [str(python), "-c", LOG], env=client, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.stdout.splitlines()[-1:] == ["kept"], done.stderr
    finally:
        inv("dev.stop")
    assert Recorder.asked == []
