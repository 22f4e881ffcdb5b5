"""Loopback is told from other hosts, and stands in both spellings of NO_PROXY."""

from __future__ import annotations

import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from gaiaflow.infra.host.loopback import is_loopback, no_proxy, opener


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9:80", "localhost", "localhost:5000", "[::1]:80"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "example.org:80", "localhost.example.org", "", "0.0.0.0"])
def test_another_machine(host: str) -> None:
    assert not is_loopback(host)


def test_both_spellings_hold_the_hosts_of_both() -> None:
    given = {"NO_PROXY": "git.corp.example, .corp.example", "no_proxy": "git.corp.example,other.example"}
    expected = "git.corp.example,.corp.example,other.example,127.0.0.1,localhost,::1,mlflow"
    assert no_proxy(given, ["mlflow"]) == {"NO_PROXY": expected, "no_proxy": expected}


def test_an_opener_asks_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    try:
        url = f"http://127.0.0.1:{server.server_port}/health"
        assert opener().open(urllib.request.Request(url), timeout=5).status == 204
    finally:
        server.shutdown()
        server.server_close()
    assert asked == ["/health"]  # a proxy would have been asked for the whole address
