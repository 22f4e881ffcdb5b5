"""What holds for every command, also for those that come: --dry starts nothing, what reads has --json."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

import pytest

from gaiaflow.lifecycle.namespace import namespace

HERE = Path(__file__).parent
# What a command must be given, or is best given; each command of the namespace stands here.
COMMANDS: dict[str, list[str]] = {
    "dag.backfill": ["flow", "--from", "2024-05-01", "--to", "2024-05-03"],
    "dag.check": [],
    "dag.explain": ["flow"],
    "dag.graph": ["flow"],
    "dag.list": [],
    "dag.logs": ["flow"],
    "dag.recover": ["flow", "manual__1"],
    "dag.replay": ["flow", "load", "manual__1"],
    "dag.run": ["flow"],
    "dag.test": ["flow"],
    "dag.watch": ["flow"],
    "dev.cleanup": [],
    "dev.credentials": [],
    "dev.dockerize": [],
    "dev.export": ["--format", "compose"],
    "dev.images": [],
    "dev.logs": [],
    "dev.open": [],
    "dev.remove-image": [],
    "dev.restart": [],
    "dev.start": ["--backend", "docker", "--with", "dev_docker"],
    "dev.status": [],
    "dev.stop": ["--delete-volume"],
    "dev.timings": [],
    "dev.update-deps": [],
    "doctor": [],
    "model.deploy": ["forecast"],
    "model.dockerize": ["forecast"],
    "model.list": [],
    "model.serve": ["forecast"],
    "model.stop": [],
    "model.undeploy": ["forecast"],
    "model.url": ["forecast"],
    "prodlocal.cleanup": [],
    "prodlocal.config": [],
    "prodlocal.dockerize": [],
    "prodlocal.images": [],
    "prodlocal.push-data": [],
    "prodlocal.remove-image": [],
    "prodlocal.restart": [],
    "prodlocal.start": ["--cpus", "2"],
    "prodlocal.status": [],
    "prodlocal.stop": [],
    "prod.check": [],
    "prod.manifests": [],
    "prod.push": ["--registry", "registry.example.org/team"],
    "prod.sync": ["--dags", "s3://bucket/dags"],
    "project.adopt": [],
    "project.new": ["other", "--defaults"],
    "project.update": [],
    "secret.create": ["keys"],
    "secret.delete": ["keys"],
    "secret.list": [],
}
NAMES = sorted(namespace().task_names)
READING = [name for name in NAMES if getattr(namespace()[name], "reads", False)]
ANSWERS = {"_ping": "OK", "version": {"ApiVersion": "1.44", "Version": "27.0", "MinAPIVersion": "1.24"}}


class Engine(ThreadingMixIn, UnixStreamServer):
    """Stands where the Docker engine is; has nothing, and remembers what it was asked to do."""

    daemon_threads = True

    def __init__(self, socket: Path) -> None:
        self.asked: list[str] = []
        super().__init__(str(socket), _Answers)


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Engine

    def answer(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        last = self.path.partition("?")[0].rpartition("/")[2]
        listed: Any = {"Volumes": []} if last == "volumes" else []
        body = ANSWERS.get(last, listed)
        text = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - the names that http.server calls

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    server = Engine(tmp_path_factory.mktemp("e") / "s")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("project")
    (made / "dags").mkdir()
    (made / "tmp").mkdir()
    (made / "dags" / "flow.py").write_text(
        "from airflow.sdk import DAG\n\nwith DAG('flow', schedule=None):\n    pass\n"
    )
    (made / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1"\n[tool.gaiaflow]\n'
        '[tool.gaiaflow.data]\ntiles = {path = "data/tiles", claim = "tiles"}\n'
    )
    return made


def guarded(folder: Path, engine: Engine, calls: list[list[str]]) -> list[dict[str, Any]]:
    """How each call ended in one process where nothing can start."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GAIAFLOW_", "DOCKER_"))}
    env = {
        **kept,
        "PYTHONPATH": str(HERE.parents[2]),
        "DOCKER_HOST": f"unix://{engine.server_address}",
        "KUBECONFIG": str(folder / "none"),
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
    }
    done = subprocess.run(
        [sys.executable, "-B", str(HERE / "dry_run.py"), str(engine.server_address)],
        cwd=folder, env=env, input=json.dumps(calls), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


@pytest.fixture(scope="module")
def dry(folder: Path, engine: Engine) -> dict[str, dict[str, Any]]:
    """Each command with --dry."""
    known = [name for name in NAMES if name in COMMANDS]
    ends = guarded(folder, engine, [["--dry", name, *COMMANDS[name]] for name in known])
    return dict(zip(known, ends, strict=True))


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("name", NAMES)
def test_dry_starts_nothing_and_says_what_it_would(dry: dict[str, dict[str, Any]], name: str) -> None:
    assert name in COMMANDS, f"`{name}` is new: give it an entry in COMMANDS of {Path(__file__).name}"
    end = dry[name]
    assert end["did"] == []
    assert end["code"] == 0, end["stderr"]
    assert "would" in end["stderr"] or "nothing" in end["stderr"], end["stderr"]


def test_dry_asks_the_engine_and_tells_it_nothing(
    dry: dict[str, dict[str, Any]], engine: Engine, folder: Path
) -> None:
    assert "would start s3, mlflow, airflow, jupyter on the backend docker" in dry["dev.start"]["stderr"]
    assert [asked for asked in engine.asked if not asked.startswith(("GET ", "HEAD "))] == []
    assert tree(folder) == ["dags", "dags/flow.py", "pyproject.toml", "tmp"]


def test_the_guard_sees_a_start(folder: Path, engine: Engine) -> None:
    ends = guarded(folder, engine, [["dev.credentials"], ["dev.start", "--backend", "docker"]])
    assert [end["did"][0].split()[0] for end in ends] == [
        "os.mkdir",
        "os.mkdir",
    ]  # the home, for the lock of the stack
    assert {end["code"] for end in ends} == {1}


@pytest.mark.parametrize("name", NAMES)
def test_what_reads_prints_json(name: str) -> None:
    flags = {argument.name for argument in namespace()[name].get_arguments()}
    assert {"quiet", "debug"} <= flags
    if name in READING:
        assert "json" in flags


def test_dry_is_json_too_where_json_was_asked_for(folder: Path, engine: Engine) -> None:
    calls = [["--dry", name, *COMMANDS[name], "--json"] for name in READING if name in COMMANDS]
    for name, end in zip([n for n in READING if n in COMMANDS], guarded(folder, engine, calls), strict=True):
        shown = json.loads(end["stdout"])
        assert shown["schema"] == 1, name
        assert shown["dry"].startswith("would only read: "), name


@pytest.fixture(scope="module")
def helped(folder: Path, engine: Engine) -> dict[str, dict[str, Any]]:
    return dict(zip(NAMES, guarded(folder, engine, [[name, "--help"] for name in NAMES]), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_help_behind_a_command_is_help(helped: dict[str, dict[str, Any]], name: str) -> None:
    assert helped[name]["did"] == []
    assert helped[name]["code"] == 0, helped[name]["stderr"]
    assert helped[name]["stdout"].startswith(f"Usage: inv {name} ")


def test_help_is_there_the_second_time_too() -> None:
    for _ in range(2):
        arguments = namespace()["dev.start"].get_arguments()
        assert [argument.name for argument in arguments if not argument.help] == []
