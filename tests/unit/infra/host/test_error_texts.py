"""The whole texts of the errors of this machine: ports, programs, files."""

from __future__ import annotations

import socket
import sys

import pytest

from gaiaflow.endpoints import PORTS
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.host import ports, process, shipped
from gaiaflow.project import Project
from tests.error_case import Case, fail_with, hold, text_of


def taken(_: Project) -> object:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        return ports.settle({"mlflow": other.getsockname()[1]}, auto=False)


def crowded(_: Project) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ports, "is_free", lambda *_: False)
        return ports.inner("demo", 3)


def taken_at_start(_: Project) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ports, "owner", lambda _: "somebody")
        return fail_with(ports.lost("mlflow", 9))


CASES = [
    Case(
        lambda p: ports.from_variable(p, PORTS["mlflow"]),
        2,
        "`GAIAFLOW_MLFLOW_PORT` is `many`: not a port",
        "export GAIAFLOW_MLFLOW_PORT=5000",
    ),
    Case(
        lambda _: ports.settle({"s3-console": 65000}, auto=False, reach={"s3-console": 10000}),
        2,
        "port 65000 of `s3-console` is out of range",
        "choose a port below 55536",
    ),
    Case(
        lambda _: ports.settle({"s3": 21590, "mlflow": 21590}, auto=False),
        2,
        "port 21590 of `mlflow` is also the port of another service",
        "inv dev.start --mlflow-port 21591",
    ),
    Case(
        lambda _: ports._next_free(65536, [], 0, ports.is_free),
        1,
        "no free port above 65536",
        "stop programs that use ports, or choose a lower port",
    ),
    Case(lambda _: process.run(["no-such-tool"], hint="get it"), 3, "`no-such-tool` is not on PATH", "get it"),
    Case(
        lambda _: process.run(["no-such-tool"], hint="get it", tell=print, timeout=5),
        3,
        "`no-such-tool` is not on PATH",
        "get it",
    ),
    Case(
        lambda _: process.run([sys.executable, "-c", "raise SystemExit('why')"], hint="mend it"),
        1,
        f"`{sys.executable} -c raise SystemExit('why')` ended with 1:\nwhy",
        "mend it",
    ),
    Case(
        lambda _: process.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.3, hint="wait"),
        1,
        f"`{sys.executable} -c import time; time.sleep(60)` did not end within 0 s",
        "wait",
    ),
    Case(
        lambda _: process.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.3, tell=print),
        1,
        f"`{sys.executable} -c import time; time.sleep(60)` did not end within 0 s",
        "",
    ),
    Case(
        lambda _: shipped.shipped("nothing"),
        3,
        "gaiaflow's own folder `nothing` is missing: the installation is incomplete",
        "pip install --force-reinstall gaiaflow",
    ),
    Case(
        crowded,
        1,
        f"no 3 free ports between {ports.INNER_FIRST} and {ports.INNER_LAST}",
        "stop the programs that use them",
    ),
    Case(
        taken_at_start,
        2,
        "port 9 of `mlflow` was taken at this moment by somebody",
        "inv dev.start --mlflow-port 10, or inv dev.start --auto-ports",
    ),
]


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("GAIAFLOW_MLFLOW_PORT", "many")
    return project


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


def test_a_taken_port_names_its_owner_and_both_ways_out(project: Project) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        told = Case(
            lambda _: ports.settle({"mlflow": port}, auto=False),
            2,
            f"port {port} of `mlflow` is taken by {ports.owner(port)}",
            f"inv dev.start --mlflow-port {port + 1}, or inv dev.start --auto-ports",
        )
        hold(told, project)


def test_a_port_names_its_owner(project: Project) -> None:
    with pytest.raises(GaiaflowError) as caught:
        taken(project)
    message = caught.value.message
    assert message.startswith("port ")
    assert " of `mlflow` is taken by " in message
    assert caught.value.hint.endswith(", or inv dev.start --auto-ports")
