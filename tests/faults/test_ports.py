"""A port that is taken between the check and the bind: named, or chosen again with --auto-ports."""

from __future__ import annotations

import contextlib
import http.server
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from evidence import Evidence
from small_project import SmallProject

pytestmark = pytest.mark.stack


class Stranger(http.server.BaseHTTPRequestHandler):
    """Answers everything with 200, also the health request that was meant for the service."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@contextmanager
def thief(small: SmallProject, name: str) -> Iterator[list[int]]:
    """Takes the port of a service at the moment when a start has settled on it; the ports that it took."""
    taken: list[int] = []
    over = threading.Event()
    file = small.home / "state.json"
    before = file.stat().st_mtime_ns if file.exists() else 0

    def steal() -> None:
        while not over.is_set():
            if file.exists() and file.stat().st_mtime_ns != before and (port := small.state["ports"][name]):
                with contextlib.suppress(OSError), Server(("127.0.0.1", port), Stranger) as server:
                    taken.append(port)
                    threading.Thread(target=server.serve_forever, daemon=True).start()
                    over.wait()
                    server.shutdown()
                return
            time.sleep(0.002)

    worker = threading.Thread(target=steal)
    worker.start()
    try:
        yield taken
    finally:
        over.set()
        worker.join(20)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def race(small: SmallProject, backend: str, evidence: Evidence) -> None:
    """What holds for both backends."""
    start = ("dev.start", "--backend", backend, "--service", "mlflow", "--wait", "120")
    small.start("--service", "mlflow", backend=backend)
    made = small.clients("make", "race")
    small.stop()
    ports = small.state["ports"]
    given = [part for name in ("s3", "s3-console", "mlflow") for part in (f"--{name}-port", str(ports[name]))]
    with thief(small, "mlflow") as taken:
        told = small.inv(*start, *given, code=2)
        assert taken
        assert f"port {taken[0]} of `mlflow` was taken at this moment by" in told
        assert "--auto-ports" in told
        assert small.call("dev.stop").returncode == 0
    with thief(small, "mlflow") as taken:
        small.inv(*start, *given, "--auto-ports")
        assert taken
        assert small.state["ports"]["mlflow"] != taken[0]
        assert small.clients("list") == made
    small.stop()
    evidence.add(
        "fault",
        f"port taken between check and bind, by one that answers the health request too, {backend}",
        "refused with its owner, exit 2; with `--auto-ports` another one is chosen, once",
    )


def test_embedded(small: SmallProject, evidence: Evidence) -> None:
    race(small, "embedded", evidence)
    small.assert_nothing_left()


@pytest.mark.full
@pytest.mark.engine
def test_docker(composed: SmallProject, evidence: Evidence) -> None:
    race(composed, "docker", evidence)


def test_two_starts_at_one_moment(
    small: SmallProject, tmp_path_factory: pytest.TempPathFactory, evidence: Evidence
) -> None:
    other = SmallProject.make(tmp_path_factory.mktemp("other") / "faulty")
    start = ("dev.start", "--backend", "embedded", "--service", "s3", "--auto-ports", "--wait", "120")
    for project in (small, other):  # both environments are there, so that both choose at one moment
        project.inv(*start)
        project.stop()
    try:
        both = [project.begin(*start) for project in (small, other)]
        told = [begun.communicate(timeout=200)[0] for begun in both]
        assert [begun.returncode for begun in both] == [0, 0], told
        assert not any("once more" in text for text in told)
        chosen = [{p.state["ports"]["s3"], p.state["ports"]["s3-console"]} for p in (small, other)]
        assert not chosen[0] & chosen[1]
    finally:
        small.stop()
        other.inv("dev.cleanup", "--yes")
    small.assert_nothing_left()
    other.assert_nothing_left()
    evidence.add(
        "fault", "two stacks started at one moment, `--auto-ports`", "each gets ports of its own at once"
    )
