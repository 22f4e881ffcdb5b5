"""The docker backend when things break: signals, killed containers, an engine that stops in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from evidence import Evidence
from loopback import Relay
from signalling import Moment, assert_told_to_end, interrupt
from small_project import SmallProject

from gaiaflow.infra.images.engine import engine_address

pytestmark = pytest.mark.engine

INT, TERM, KILL = signal.SIGINT, signal.SIGTERM, signal.SIGKILL
START = ("dev.start", "--backend", "docker", "--auto-ports", "--service", "mlflow")
STOP, BUILD, RUN = ("dev.stop",), ("dev.dockerize", "--no-cache"), ("dag.run", "kept")
# In CI the first of each; the others where all is asked for.
STARTS = [
    Moment(START, "containers", 0.3, KILL),
    Moment(START, "images", 0.6, TERM),
    Moment(START, "images", 1.5, KILL),
    Moment(START, "images", 2.0, INT, group=True),
    Moment(START, "s3 answers", 0.1, INT),
    Moment(START, "s3 answers", 0.5, TERM),
    Moment(START, "", 0.3, TERM),
    Moment(START, "ports and keys", 0.0, KILL),
]
STOPS = [
    Moment(STOP, "", 0.6, KILL),
    Moment(STOP, "", 0.4, INT),
    Moment(STOP, "", 1.0, TERM),
    Moment(STOP, "", 1.5, KILL),
]
BUILDS = [
    Moment(BUILD, "", 1.5, KILL),
    Moment(BUILD, "", 0.7, TERM),
    Moment(BUILD, "", 1.0, INT),
    Moment(BUILD, "", 2.5, INT, group=True),
]
RUNS = [
    Moment(RUN, "run ", 0.2, KILL),
    Moment(RUN, "run ", 0.0, INT),
    Moment(RUN, "one ", 0.0, TERM),
    Moment(RUN, "", 0.3, KILL),
]
SOCKET = (engine_address() or "unix:///var/run/docker.sock").removeprefix("unix://")


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    """The engine's socket behind one of ours, which shuts when a container is to be made."""
    found = Relay(
        tmp_path / "engine.sock", SOCKET, lambda chunk: b"/containers/create" in chunk.split(b"\r\n")[0]
    )
    yield found
    found.close()


def _some(moments: list[Moment], full: bool) -> list[Moment]:
    return moments if full else moments[:1]


def _assert_stopped(composed: SmallProject) -> None:
    assert composed.containers() == []
    assert composed.processes() == {}
    assert composed.taken_ports() == []


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_signals_to_start_and_stop(composed: SmallProject, full: bool, evidence: Evidence) -> None:
    composed.start("--service", "mlflow", backend="docker")
    made = composed.clients("make", "signals")
    slowest = composed.stop()
    _assert_stopped(composed)
    starts, stops = _some(STARTS, full), _some(STOPS, full)
    for moment in starts:
        assert_told_to_end(moment, *interrupt(composed, moment))
        slowest = max(slowest, composed.stop())
        _assert_stopped(composed)
    for moment in stops:
        composed.start("--service", "mlflow", backend="docker")
        assert_told_to_end(moment, *interrupt(composed, moment))
        slowest = max(slowest, composed.stop())
        _assert_stopped(composed)
    composed.start("--service", "mlflow", backend="docker")
    assert composed.clients("list") == made
    evidence.add(
        "kill",
        f"three signals at {len(starts)} moments of `dev.start`, {len(stops)} of `dev.stop`, docker",
        f"`dev.stop` left no container, process or port (slowest {slowest:.1f} s); all data there",
    )


@pytest.mark.full
def test_signals_to_dockerize(composed: SmallProject, full: bool, evidence: Evidence) -> None:
    moments = _some(BUILDS, full)
    for moment in moments:
        assert_told_to_end(moment, *interrupt(composed, moment))
        composed.stop()
        assert composed.processes() == {}
    composed.inv("dev.dockerize")
    evidence.add(
        "kill",
        f"the same at {len(moments)} moments of `dev.dockerize`",
        "no build goes on; the next one succeeds",
    )


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_signals_to_a_run(composed: SmallProject, evidence: Evidence) -> None:
    composed.start(backend="docker")
    for moment in RUNS:
        assert_told_to_end(moment, *interrupt(composed, moment))
    composed.inv("dag.run", "kept")
    composed.stop()
    _assert_stopped(composed)
    evidence.add("kill", f"the same at {len(RUNS)} moments of `dag.run`, docker", "the next `dag.run` succeeds")


@pytest.mark.full
def test_containers_may_be_killed(composed: SmallProject, evidence: Evidence) -> None:
    composed.start("--service", "mlflow", backend="docker")
    made = composed.clients("make", "containers")
    for name in composed.containers():
        subprocess.run(["docker", "kill", name], check=True, capture_output=True)
    seconds = composed.stop()
    _assert_stopped(composed)
    composed.start("--service", "mlflow", backend="docker")
    assert composed.clients("list") == made
    composed.stop()
    evidence.add(
        "kill",
        "SIGKILL to each container of s3 and mlflow, docker",
        f"`dev.stop` left nothing ({seconds:.1f} s); the next start finds every object, run and model",
    )


@pytest.mark.full
def test_an_engine_that_stops_in_the_middle(composed: SmallProject, relay: Relay, evidence: Evidence) -> None:
    composed.start("--service", "mlflow", backend="docker")
    made = composed.clients("make", "engine")
    composed.stop()
    argv = ("dev.start", "--backend", "docker", "--auto-ports", "--service", "mlflow", "--force-new")
    done = composed.call(*argv, DOCKER_HOST=relay.address)
    assert relay.shut.is_set()
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("error: ") == 1
    assert "Docker engine" in done.stderr
    assert "Traceback" not in done.stderr
    for command in (("dev.stop",), ("dev.logs",), ("dev.dockerize",), ("dev.images",)):
        told = composed.inv(*command, code=3, DOCKER_HOST=relay.address)
        assert "Docker engine" in told
    composed.stop()
    composed.start("--service", "mlflow", backend="docker")
    assert composed.clients("list") == made
    composed.stop()
    _assert_stopped(composed)
    evidence.add(
        "fault",
        "the engine stops in the middle of a start (a relay before its socket shuts at the first container)",
        "one error, exit 3, from start, stop, logs, dockerize and images; with the engine back all is there",
    )


def test_an_engine_that_says_nothing(composed: SmallProject, tmp_path: Path, evidence: Evidence) -> None:
    import socket

    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(16)
        told = composed.inv("dev.images", code=3, DOCKER_HOST=f"unix://{path}")
    assert "no Docker engine answers" in told
    assert os.path.exists(path)  # noqa: PTH110
    evidence.add("fault", "an engine that accepts and says nothing", "one error after 5 s, exit 3")
