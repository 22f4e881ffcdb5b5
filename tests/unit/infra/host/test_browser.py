"""The handing over of a session: one visit of this user's browser gets it, and nobody and nothing else."""

from __future__ import annotations

import http.client
import os
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gaiaflow.infra.host import browser
from gaiaflow.infra.host.browser import Handoff

URL = "http://127.0.0.1:8080/next?token=secret"


def visit(address: str, path: str = "") -> http.client.HTTPResponse:
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)
    connection.request("GET", path or where.path)
    answer = connection.getresponse()
    answer.read()
    return answer


def test_the_first_visit_gets_it_and_the_next_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    with Handoff(URL, "_token=jwt") as handoff:
        assert "secret" not in handoff.address
        assert "jwt" not in handoff.address
        first, second = visit(handoff.address), visit(handoff.address)
    assert (first.status, first.headers["Location"]) == (302, URL)
    assert first.headers["Set-Cookie"] == "_token=jwt; Path=/; HttpOnly; SameSite=Lax"
    assert (first.headers["Cache-Control"], first.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert (second.status, second.headers["Location"], second.headers["Set-Cookie"]) == (404, None, None)
    assert capsys.readouterr() == ("", "")


def test_another_path_gets_nothing_and_takes_nothing() -> None:
    with Handoff(URL) as handoff:
        assert [visit(handoff.address, path).status for path in ("/", "/favicon.ico", "/x")] == [404] * 3
        assert not handoff.taken.is_set()
        answer = visit(handoff.address)
    assert (answer.status, answer.headers["Set-Cookie"]) == (302, None)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux says whose a socket is")
def test_another_user_of_the_machine_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    uid = os.getuid()
    monkeypatch.setattr(browser.os, "getuid", lambda: uid + 1)
    with Handoff(URL, "_token=jwt") as handoff:
        answer = visit(handoff.address)
        assert (answer.status, answer.headers["Location"]) == (404, None)
        monkeypatch.setattr(browser.os, "getuid", lambda: uid)
        assert visit(handoff.address).status == 302


def test_of_many_visits_at_once_one_gets_it() -> None:
    with Handoff(URL) as handoff:
        found: list[int] = []
        visits = [
            threading.Thread(target=lambda: found.append(visit(handoff.address).status)) for _ in range(8)
        ]
        for each in visits:
            each.start()
        for each in visits:
            each.join(10)
    assert sorted(found) == [302, *[404] * 7]


def program(folder: Path, body: str) -> str:
    """A browser for the variable BROWSER."""
    file = folder / "browser"
    file.write_text(f"#!{sys.executable}\nimport sys, urllib.request\n{body}\n")
    file.chmod(0o755)
    return str(file)


def test_a_browser_comes_and_its_arguments_hold_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = tmp_path / "argv"
    body = f"open({str(argv)!r}, 'w').write(' '.join(sys.argv))\nurllib.request.urlopen(sys.argv[1])"
    monkeypatch.setenv("BROWSER", program(tmp_path, body))
    monkeypatch.setattr(browser.webbrowser, "_tryorder", None)
    assert browser.has_browser()
    with Handoff("http://127.0.0.1:1/secret") as landing:
        assert browser.open_page(landing.address, "_token=jwt", patience=20)
        assert landing.taken.is_set()  # the browser followed the redirect
    assert landing.address not in argv.read_text()
    assert "jwt" not in argv.read_text()


def test_a_browser_that_does_not_come_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER", program(tmp_path, ""))
    monkeypatch.setattr(browser.webbrowser, "_tryorder", None)
    assert not browser.open_page(URL, patience=0.2)


def test_without_a_screen_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(browser.sys, "platform", "linux")
    assert not browser.has_browser()
