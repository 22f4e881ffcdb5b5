"""The whole texts of errors: ports, programs, and what a machine has."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from gaiaflow.endpoints import PORTS
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster import preflight
from gaiaflow.infra.cluster.preflight import Machine, Wanted
from gaiaflow.infra.host import ports, process, shipped
from gaiaflow.project import Project
from tests.error_case import Case, hold, text_of

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
        "give one below 55536",
    ),
    Case(
        lambda _: ports.settle({"s3": 21590, "mlflow": 21590}, auto=False),
        2,
        "port 21590 is wanted twice, by `mlflow` too",
        "inv dev.start --mlflow-port 21591",
    ),
    Case(
        lambda _: ports._next_free(65536, [], 0, ports.is_free),
        1,
        "no free port above 65536",
        "free some, or give a lower one",
    ),
    Case(
        lambda _: preflight.check(Wanted(cpus=64), Machine(4, 8000)),
        1,
        "64 cpus are more than this machine's 4",
        "--cpus 4",
    ),
    Case(
        lambda _: preflight.check(Wanted(memory=9000), Machine(4, 8000)),
        1,
        "9000 MiB are more than this machine's 8000 MiB",
        "--memory 4000",
    ),
    Case(
        lambda _: preflight.check(Wanted(driver="kvm2"), Machine(4, 8000)),
        3,
        "the driver `kvm2` needs `virsh`: not on PATH",
        "install it, or choose another --driver",
    ),
    Case(lambda _: Wanted.parse("1", "", "", ""), 2, "--cpus `1`: a whole number from 2 up", "--cpus 2"),
    Case(
        lambda _: Wanted.parse("", "little", "", ""),
        2,
        "--memory `little`: a number with g or mb behind it",
        "--memory 4g",
    ),
    Case(
        lambda _: Wanted.parse("", "100", "", ""),
        2,
        "--memory `100`: minikube needs 1800 MiB or more",
        "--memory 2g",
    ),
    Case(
        lambda _: Wanted.parse("", "", "", "one"),
        2,
        "`one` is no version of Kubernetes",
        "--kubernetes-version v1.33.1, or stable",
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
        "gaiaflow's own folder `nothing` is not there: the installation is incomplete",
        "pip install --force-reinstall gaiaflow",
    ),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for variable in [name for name in os.environ if name.startswith("GAIAFLOW_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("GAIAFLOW_MLFLOW_PORT", "many")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    return Project.find(tmp_path)


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


def taken(_: Project) -> object:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        return ports.settle({"mlflow": other.getsockname()[1]}, auto=False)


def test_a_port_names_its_owner(project: Project) -> None:
    with pytest.raises(GaiaflowError) as caught:
        taken(project)
    message = caught.value.message
    assert message.startswith("port ")
    assert " of `mlflow` is taken by " in message
    assert caught.value.hint.endswith(", or inv dev.start --auto-ports")
