"""`dev.open` and the last lines of `dev.start`: addresses, secrets only where they belong, the next step."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.endpoints import PORTS, Endpoints
from gaiaflow.infra.host import browser
from gaiaflow.lifecycle.dev import ending, opening
from gaiaflow.lifecycle.namespace import namespace
from gaiaflow.lifecycle.terminal.program import GaiaflowProgram
from gaiaflow.project import Project
from gaiaflow.stack import backends
from gaiaflow.stack.services.backend import Credential, ServiceStatus

DAG = "from airflow.sdk import DAG\n\nDAG('flow')\n"
PASSWORD, TOKEN = "a-password", "a-token"


class Services:
    """Airflow, MLflow and JupyterLab in one small server; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        services = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                services.asked.append((self.path, self.headers.get("Cookie", ""), ""))
                experiments = {"experiments": [{"experiment_id": "0"}, {"experiment_id": "7"}]}
                nothing = {"import_errors": [], "total_entries": 0}
                self.answer(experiments if "experiments" in self.path else nothing)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                services.asked.append((self.path, self.headers.get("Cookie", ""), body["password"]))
                self.answer({"access_token": "a-session"})

            def answer(self, value: dict[str, Any]) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(value).encode())

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


class Stack:
    """A backend whose services all run at one address."""

    name = "embedded"

    def __init__(self, url: str, place: Path) -> None:
        self.url, self.place = url, place
        self.states = dict.fromkeys(("s3", "mlflow", "airflow", "jupyter"), "running")

    def status(self) -> list[ServiceStatus]:
        return [ServiceStatus(name, state, self.url) for name, state in self.states.items()]

    def endpoints(self) -> Endpoints:
        return Endpoints({name: entry.port for name, entry in PORTS.items()})

    def credentials(self) -> list[Credential]:
        rows = [("s3", "key", "secret"), ("s3-console", "admin", PASSWORD), ("mlflow", "", "")]
        rows += [("airflow", "admin", PASSWORD), ("jupyter", "", TOKEN)]
        return [Credential(name, self.url, user, secret, self.place) for name, user, secret in rows]


@pytest.fixture
def services() -> Iterator[Services]:
    running = Services()
    threading.Thread(target=running.server.serve_forever, args=(0.1,), daemon=True).start()
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, services: Services) -> Stack:
    for variable in [name for name in os.environ if name.startswith("GAIAFLOW_")]:
        monkeypatch.delenv(variable)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "flow.py").write_text(DAG)
    monkeypatch.chdir(tmp_path)
    made = Stack(services.url, tmp_path / "keys.json")
    monkeypatch.setattr(backends, "current", lambda _: made)
    monkeypatch.setattr(browser, "has_browser", lambda: False)
    return made


@pytest.fixture
def chromium(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A browser that follows redirects and keeps cookies, as one does; the file holds its argument list."""
    argv = tmp_path / "argv"
    file = tmp_path / "browser"
    file.write_text(
        f"#!{sys.executable}\nimport sys, urllib.request\nopen({str(argv)!r}, 'a').write(' '.join(sys.argv))\n"
        "urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open(sys.argv[1])\n"
    )
    file.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(file))
    monkeypatch.setattr(browser.webbrowser, "_tryorder", None)
    monkeypatch.setattr(browser, "has_browser", lambda: True)
    return argv


def run(*words: str) -> int:
    try:
        GaiaflowProgram(namespace=namespace()).run(["gaiaflow", *words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_airflow_opens_signed_in_and_the_password_goes_to_airflow_alone(
    stack: Stack, services: Services, chromium: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("dev.open", "airflow") == 0
    login, page = services.asked
    assert login == ("/auth/token", "", PASSWORD)
    assert page == ("/", "_token=a-session", "")
    shown = "".join(capsys.readouterr()) + chromium.read_text()
    assert PASSWORD not in shown
    assert "a-session" not in shown
    assert f"opened {stack.url}\n" in shown


@pytest.mark.parametrize("words", [["dev.open"], ["dev", "open"], ["dev.open", "--service", "airflow"]])
@pytest.mark.usefixtures("stack", "chromium")
def test_airflow_is_the_usual_one(services: Services, words: list[str]) -> None:
    assert run(*words) == 0
    assert services.asked[-1] == ("/", "_token=a-session", "")


@pytest.mark.usefixtures("stack")
def test_jupyter_opens_by_its_token(
    services: Services, chromium: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("dev.open", "jupyter") == 0
    assert services.asked == [(f"/lab?token={TOKEN}", "", "")]
    assert TOKEN not in "".join(capsys.readouterr()) + chromium.read_text()


@pytest.mark.usefixtures("chromium")
def test_mlflow_opens_at_the_training_runs(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("dev.open", "mlflow") == 0
    address = f"{stack.url}/#/experiments/7/runs?workflowType=machine_learning"
    assert capsys.readouterr().err == f"opened {address}\n"


@pytest.mark.parametrize(
    ("service", "path"), [("airflow", ""), ("jupyter", "/lab"), ("mlflow", ""), ("s3", "")]
)
def test_without_a_browser_it_prints_the_address(
    stack: Stack, capsys: pytest.CaptureFixture[str], service: str, path: str
) -> None:
    assert run("dev.open", service) == 0
    assert capsys.readouterr() == (f"{stack.url}{path}\n", "")


@pytest.mark.usefixtures("stack")
def test_a_terminal_gets_the_token(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run("dev.open", "jupyter") == 0
    assert capsys.readouterr().out.endswith(f"/lab?token={TOKEN}\n")


def test_what_does_not_run_is_told(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    stack.states["jupyter"] = "stopped"
    assert run("dev.open", "jupyter") == 3
    said = capsys.readouterr().err
    assert said == "error: `jupyter` is not running\nhint: gaiaflow dev.start --service jupyter\n"


@pytest.mark.parametrize(
    ("service", "message", "hint"),
    [
        ("model", "`model` has no page to open", "one of s3, mlflow, airflow, jupyter"),
        ("all", "`all` has no page to open", "one of s3, mlflow, airflow, jupyter"),
        (
            "juypter",
            "unknown service `juypter` (did you mean `jupyter`?)",
            "one of s3, mlflow, airflow, jupyter, model, minio, all",
        ),
    ],
)
@pytest.mark.usefixtures("stack")
def test_what_has_no_page_is_told(
    capsys: pytest.CaptureFixture[str], service: str, message: str, hint: str
) -> None:
    assert run("dev.open", service) == 2
    assert capsys.readouterr().err == f"error: {message}\nhint: {hint}\n"


def test_a_browser_that_does_not_come_is_told(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(browser, "has_browser", lambda: True)
    monkeypatch.setattr(browser, "open_page", lambda *_: False)
    assert run("dev.open", "s3") == 0
    said = capsys.readouterr().err
    assert said == f"no browser came; open {stack.url} yourself: gaiaflow dev.credentials has the password\n"


# The end of a start


def shown(stack: Any, capsys: pytest.CaptureFixture[str], *services: str) -> tuple[list[str], list[str]]:
    ending.show(Project.find(), stack, services, 89.6)
    found = capsys.readouterr()
    return found.out.splitlines(), found.err.splitlines()


def test_a_start_ends_with_addresses_and_the_next_command(
    stack: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gaiaflow.lifecycle.terminal.called.called.name", "gaiaflow")
    out, err = shown(stack, capsys, "s3", "mlflow", "airflow", "jupyter")
    url = stack.url.ljust(len(stack.url) + len("/lab"))
    assert out == [
        f"  Airflow     {url}  gaiaflow dev.open airflow signs in as admin",
        f"  JupyterLab  {stack.url}/lab  gaiaflow dev.open jupyter",
        f"  MLflow      {stack.url}",
        f"  S3 console  {url}  user admin",
    ]
    assert err == [
        "ready in 90 s",
        "next:  gaiaflow dag.run flow",
        "       gaiaflow dev.open airflow",
        "       gaiaflow dev.credentials",
    ]


def test_a_terminal_gets_jupyter_to_click(
    stack: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    out, err = shown(stack, capsys, "jupyter")
    assert out == [f"  JupyterLab  {stack.url}/lab?token={TOKEN}"]
    assert err[1:] == ["next:  inv dev.open jupyter", "       inv dev.credentials"]


def test_a_pipe_gets_no_secret(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = shown(stack, capsys, "s3", "mlflow", "airflow", "jupyter", "model")
    assert not [line for line in out + err if TOKEN in line or PASSWORD in line]
    assert out[-1] == "  Model       http://127.0.0.1:5001"


def test_a_store_of_somebody_else_is_opened_where_it_is(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Credential("s3", "https://s3.example.org", "key", "secret", stack.place)]
    monkeypatch.setattr(stack, "credentials", lambda: rows)
    found = opening.page(Project.find(), stack, "s3")  # type: ignore[arg-type]
    assert found.url == "https://s3.example.org"
