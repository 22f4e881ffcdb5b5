"""The doctor's checks of the machine, of clocks, proxies and ports: each when it is well and when it is not."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.doctor import clock, machine, port, proxy
from gaiaflow.doctor.check import Check
from gaiaflow.doctor.place import Place
from gaiaflow.infra.host import living
from gaiaflow.project import Project

GOOD = machine.Facts(
    cpus=4, memory=16000, available=9000, disk=50000, system="Linux", kernel="6.1.0", architecture="amd64",
    folder=Path("/home/me/project"),
)  # fmt: skip
LESS = "inv dev.start --service mlflow  # less than everything"
ELSEWHERE = "inv prodlocal.start --context NAME  # a cluster on another machine"
WSL2, WSL1 = "5.15.90.1-microsoft-standard-WSL2", "4.4.0-19041-Microsoft"
DISK = "MiB are free on the disk of `/home/me/project`"


def told(check: Check) -> tuple[str, str, str]:
    return check.state.value, check.said, check.hint


@pytest.mark.parametrize(
    ("judge", "changes", "expected"),
    [
        (machine.cpus, {}, ("ok", "4 cpus", "")),
        (machine.cpus, {"cpus": 1}, ("warning", "1 cpu: the whole stack starts slowly on it", LESS)),
        (machine.cluster_cpus, {}, ("ok", "4 cpus, minikube needs 2", "")),
        (machine.cluster_cpus, {"cpus": 1}, ("failed", "1 cpu: minikube needs 2", ELSEWHERE)),
        (machine.memory, {}, ("ok", "16000 MiB of memory", "")),
        (
            machine.memory,
            {"memory": None},
            ("unknown", "the system does not say how much memory there is", ""),
        ),
        (
            machine.memory,
            {"memory": 1024},
            ("failed", "1024 MiB of memory: the stack needs 2048 MiB", LESS),
        ),
        (machine.memory, {"memory": 3000}, ("warning", "3000 MiB of memory: tight for the whole stack", LESS)),
        (
            machine.memory,
            {"available": 100},
            (
                "warning",
                "100 of 16000 MiB of memory are free: tasks may be killed",
                "inv dev.stop --service jupyter, or end other programs",
            ),
        ),
        (
            machine.cluster_memory,
            {},
            ("ok", "16000 MiB of memory, enough for a cluster beside the stack", ""),
        ),
        (
            machine.cluster_memory,
            {"memory": None},
            ("unknown", "the system does not say how much memory there is", ""),
        ),
        (
            machine.cluster_memory,
            {"memory": 1024},
            ("failed", "1024 MiB of memory: minikube needs 1800 MiB", ELSEWHERE),
        ),
        (
            machine.cluster_memory,
            {"memory": 5000},
            (
                "warning",
                "5000 MiB of memory: tight for a cluster beside the stack",
                "inv prodlocal.start --memory 2000mb",
            ),
        ),
        (machine.disk, {}, ("ok", f"50000 {DISK}", "")),
        (
            machine.disk,
            {"disk": 500},
            ("failed", f"500 {DISK}: less than 1024 MiB", "docker system df, then: docker builder prune"),
        ),
        (
            machine.disk,
            {"disk": 3000},
            (
                "warning",
                f"3000 {DISK}: environments and images take more",
                "docker system df, and: uv cache prune",
            ),
        ),
        (machine.system, {}, ("ok", "Linux 6.1.0", "")),
        (machine.system, {"kernel": WSL2}, ("ok", f"WSL 2, {WSL2}", "")),
        (
            machine.system,
            {"kernel": WSL1},
            (
                "failed",
                "this is WSL 1, which has no Linux kernel of its own",
                "wsl --set-version <distribution> 2",
            ),
        ),
        (
            machine.system,
            {"kernel": WSL2, "folder": Path("/mnt/c/project")},
            (
                "warning",
                "`/mnt/c/project` is a Windows drive: slow under WSL 2, and private files are open there",
                'cp -r "/mnt/c/project" ~/',
            ),
        ),
        (
            machine.system,
            {"system": "Windows"},
            ("failed", "this is Windows itself: gaiaflow runs in its Linux", "wsl --install"),
        ),
        (machine.processor, {"architecture": "arm64"}, ("ok", "arm64", "")),
        (
            machine.processor,
            {"architecture": "riscv64"},
            (
                "warning",
                "the architecture is riscv64: wheels and images are made for amd64 and arm64",
                "inv dev.start --backend embedded",
            ),
        ),
    ],
)
def test_the_machine(judge: Any, changes: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert told(judge(replace(GOOD, **changes))) == expected


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "pyproject.toml").write_text("[tool.gaiaflow]\n")
    return Place(Project.find(tmp_path))


def test_this_machine_is_read(place: Place) -> None:
    facts = machine.read(place)
    assert facts.cpus >= 1
    assert facts.disk > 0
    assert facts.folder == place.project.root


@pytest.mark.parametrize(("name", "word"), [("x86_64", "amd64"), ("aarch64", "arm64"), ("arm64", "arm64")])
def test_architectures_have_one_name(name: str, word: str) -> None:
    assert machine.architecture(name) == word


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, ("unknown", "the clock of the engine was not read", "")),
        (1.0, ("ok", "the clock of the engine agrees with this machine's", "")),
        (-20.0, ("warning", "the clock of the engine is 20 s behind this machine's", "mend")),
        (3600.0, ("failed", "the clock of the engine is 3600 s ahead of this machine's", "mend")),
    ],
)
def test_clocks(seconds: float | None, expected: tuple[str, str, str]) -> None:
    assert told(clock.judge("the engine", seconds, "mend")) == expected


def test_times_of_an_engine_are_understood() -> None:
    assert clock.parse("1970-01-01T00:01:00.500000000Z") == pytest.approx(60.5)
    assert clock.parse("1970-01-01T01:00:00+01:00") == pytest.approx(0)
    assert clock.parse("yesterday") is None


@pytest.mark.parametrize(("theirs", "offset"), [(105.0, 0), (115.0, 5), (95.0, -5)])
def test_a_clock_that_was_read_between_two_times_is_right(theirs: float, offset: float) -> None:
    assert clock.offset(theirs, 100, 110) == pytest.approx(offset)


PROXY = {"https_proxy": "http://user:hunter2@proxy:3128"}
EXPORT = 'export NO_PROXY="127.0.0.1,localhost${NO_PROXY:+,$NO_PROXY}" no_proxy="127.0.0.1,localhost"'


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ("ok", "no proxy is set", "")),
        (
            PROXY,
            (
                "warning",
                "`https_proxy` is set, `NO_PROXY` lacks 127.0.0.1 and localhost: the stack is asked by it",
                EXPORT,
            ),
        ),
        (
            {**PROXY, "NO_PROXY": "localhost"},
            ("warning", "`https_proxy` is set, `NO_PROXY` lacks 127.0.0.1: the stack is asked by it", EXPORT),
        ),
        (
            {**PROXY, "no_proxy": "localhost, 127.0.0.1"},
            ("ok", "`https_proxy` is set, and not used for this machine", ""),
        ),
        ({**PROXY, "NO_PROXY": "*"}, ("ok", "`https_proxy` is set, and not used for this machine", "")),
    ],
)
def test_proxies_of_this_machine(environment: dict[str, str], expected: tuple[str, str, str]) -> None:
    check = proxy.host(proxy.gather(environment, {}))
    assert told(check) == expected
    assert "hunter2" not in str(check)


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        ({}, ("ok", "containers get no proxy", "")),
        (
            {"httpProxy": "http://proxy:3128", "noProxy": "s3,airflow"},
            (
                "warning",
                "containers get Docker's proxy, its `noProxy` lacks mlflow: tasks do not reach them",
                'in ~/.docker/config.json: "proxies": {"default": {"noProxy": "mlflow,s3,airflow"}}',
            ),
        ),
        (
            {"httpProxy": "http://proxy:3128", "noProxy": "mlflow,s3,airflow"},
            ("ok", "containers get Docker's proxy, and do not use it for the stack", ""),
        ),
    ],
)
def test_proxies_of_containers(default: dict[str, str], expected: tuple[str, str, str]) -> None:
    assert told(proxy.containers(proxy.gather({}, {"proxies": {"default": default}}))) == expected


def test_free_and_own_ports_are_fine() -> None:
    free = [port.Port("s3", 9000, ""), port.Port("mlflow", 5000, "")]
    assert told(port.free(free)) == ("ok", "ports 9000, 5000: free", "")
    own = [replace(free[0], owner="ours"), free[1]]
    assert told(port.free(own)) == ("ok", "ports 9000, 5000: the stack listens", "")


def test_a_taken_port_is_named_with_who_holds_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        number = listener.getsockname()[1]
        monkeypatch.setenv("GAIAFLOW_MLFLOW_PORT", str(number))
        found = [entry for entry in port.read(place) if entry.service == "mlflow"]
    check = port.free(found)
    name = living.name_of(os.getpid())
    assert told(check) == (
        "failed",
        f"taken ports: {number} of `mlflow` by `{name}` (pid {os.getpid()})",
        "inv dev.start --auto-ports",
    )


def test_a_port_that_is_forwarded_to_the_stack_is_free_for_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.2", 0)) as forwarding:
        monkeypatch.setenv("GAIAFLOW_S3_PORT", str(forwarding.getsockname()[1]))
        assert [bool(entry.owner) for entry in port.read(place) if entry.service == "s3"] == [True]
        monkeypatch.setattr(port.gateway, "pids", lambda _: [os.getpid()])
        assert [entry.owner for entry in port.read(place) if entry.service == "s3"] == [""]
