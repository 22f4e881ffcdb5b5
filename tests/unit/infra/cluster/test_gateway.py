"""The forwarding process: only where it was told, whole streams in both directions, gone when it is closed."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from ipaddress import IPv4Address
from pathlib import Path
from types import SimpleNamespace

import pytest

from gaiaflow.endpoints import Endpoints
from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.infra.cluster import account, gateway
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.host import interface, living, ports, privatefile
from gaiaflow.infra.host.progress import Phase, silent
from gaiaflow.infra.images import engine
from gaiaflow.project import Project
from gaiaflow.stack.services.backend import StartOptions, start_with_ports

# Another address of this machine than the one that services listen on.
GATEWAY = "127.0.0.2"
SIZE = 3 * 2**20


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    try:
        socket.create_server((GATEWAY, 0)).close()
    except OSError:
        pytest.skip(f"this machine has no second loopback address {GATEWAY}")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "p"\n[tool.gaiaflow]\n')
    made = Target.choose(Project.find(tmp_path), profile="none")
    yield made
    gateway.close(made.project)


@pytest.fixture
def service() -> Iterator[int]:
    """Reads until the caller is done, then sends back as much: an upload and a download."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                caller, _ = server.accept()
            except OSError:
                return
            with caller:
                size = 0
                while data := caller.recv(2**16):
                    size += len(data)
                caller.sendall(b"x" * size)

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def exchange(port: int, size: int) -> int:
    with socket.create_connection((GATEWAY, port), timeout=20) as caller:
        caller.sendall(b"y" * size)
        caller.shutdown(socket.SHUT_WR)
        return sum(len(data) for data in iter(lambda: caller.recv(2**16), b""))


def test_streams_arrive_whole_in_both_directions(target: Target, service: int) -> None:
    gateway.open_ports(target.project, GATEWAY, [service])
    assert exchange(service, SIZE) == SIZE
    callers = [threading.Thread(target=exchange, args=(service, 1000)) for _ in range(20)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(20)
    assert exchange(service, 1) == 1


def test_a_caller_from_another_network_is_cut_off(
    target: Target, service: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux takes packets for the gateway on each of its interfaces, those of a neighbour too."""
    monkeypatch.setattr(gateway, "network_of", lambda _: "192.0.2.0/24")
    gateway.open_ports(target.project, GATEWAY, [service])
    answered = 0
    with suppress(OSError):
        answered = exchange(service, 1)
    assert answered == 0
    monkeypatch.setenv("GAIAFLOW_GATEWAY", GATEWAY)  # whoever names the address knows whose nodes call
    gateway.close(target.project)
    gateway.open_ports(target.project, GATEWAY, [service])
    assert exchange(service, 1) == 1


def test_the_network_of_an_address_is_that_of_its_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interface.socket, "if_nameindex", lambda: [(1, "lo"), (2, "br-1"), (3, "none")])
    known = {
        ("lo", interface._ADDRESS): "127.0.0.1",
        ("lo", interface._MASK): "255.0.0.0",
        ("br-1", interface._ADDRESS): "192.168.49.1",
        ("br-1", interface._MASK): "255.255.255.0",
    }

    def asked(name: str, request: int) -> IPv4Address:
        if name == "none":
            raise OSError(errno.EADDRNOTAVAIL, "no address")
        return IPv4Address(known[name, request])

    monkeypatch.setattr(interface, "_asked", asked)
    assert interface.network_of("192.168.49.1") == "192.168.49.0/24"
    assert interface.network_of(GATEWAY) == "127.0.0.0/8"
    assert interface.network_of("203.0.113.1") == ""
    assert interface.network_of("::1") == ""


@pytest.mark.skipif(sys.platform != "linux", reason="the requests are Linux's")
def test_the_kernel_tells_of_loopback() -> None:
    assert interface.network_of("127.0.0.1") == "127.0.0.0/8"


def test_it_is_one_process_and_ends_when_closed(target: Target, service: int) -> None:
    first = gateway.open_ports(target.project, GATEWAY, [service])
    assert gateway.open_ports(target.project, GATEWAY, [service]) == first
    assert gateway.current(target.project) == first
    assert gateway.close(target.project)
    assert living.started(first.pid) != first.started
    assert not gateway.close(target.project)
    with pytest.raises(OSError, match=r"refused") as caught:
        exchange(service, 1)
    assert caught.value.errno == errno.ECONNREFUSED


def test_it_ends_with_the_project(target: Target, service: int) -> None:
    running = gateway.open_ports(target.project, GATEWAY, [service])
    shutil.rmtree(target.project.home)
    until = time.monotonic() + 30
    while living.started(running.pid) == running.started:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_other_ports_replace_it(target: Target, service: int) -> None:
    first = gateway.open_ports(target.project, GATEWAY, [service])
    with socket.create_server((GATEWAY, 0)) as free:
        other = free.getsockname()[1]
    second = gateway.open_ports(target.project, GATEWAY, [service, other])
    assert living.started(first.pid) != first.started
    assert second.ports == [service, other]


def test_a_service_that_is_down_looks_down_and_comes_back(target: Target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    gateway.open_ports(target.project, GATEWAY, [port])
    with socket.create_connection((GATEWAY, port), timeout=20) as caller, suppress(ConnectionResetError):
        assert caller.recv(1) == b""
    with (
        socket.create_server(("127.0.0.1", port)) as service,
        socket.create_connection((GATEWAY, port)) as caller,
    ):
        served, _ = service.accept()
        with served:
            served.sendall(b"back")
            assert caller.recv(4) == b"back"


def test_a_taken_port_is_an_error_with_its_reason(target: Target) -> None:
    with socket.create_server((GATEWAY, 0)) as holder:
        port = holder.getsockname()[1]
        holder.close()
        with socket.socket() as bound:
            bound.bind((GATEWAY, port))
            with pytest.raises(
                GaiaflowError, match=rf"cannot listen on the gateway `{GATEWAY}` at {port}: .*in use"
            ):
                gateway.open_ports(target.project, GATEWAY, [port])
    assert gateway.current(target.project) is None


def test_somebody_else_who_answers_there_is_not_taken_for_it(target: Target) -> None:
    with socket.create_server((GATEWAY, 0)) as holder, pytest.raises(GaiaflowError, match="in use"):
        gateway.open_ports(target.project, GATEWAY, [holder.getsockname()[1]])
    assert gateway.current(target.project) is None


def test_an_address_of_another_machine_needs_no_forwarding(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAIAFLOW_GATEWAY", "192.0.2.1")
    assert gateway.find(target) == gateway.Gateway("192.0.2.1", "")
    monkeypatch.setenv("GAIAFLOW_GATEWAY", GATEWAY)
    assert gateway.find(target) == gateway.Gateway(GATEWAY, GATEWAY)


@pytest.mark.parametrize(
    ("pools", "expected"),
    [
        ([{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}], "172.17.0.1"),
        # Debian's engine (20.10) does not always show the gateway of `bridge`.
        ([{"Subnet": "172.17.0.0/16"}], "172.17.0.1"),
        ([{"Subnet": "fd00:1::/64", "Gateway": "fd00:1::1"}, {"Subnet": "10.1.0.0/24"}], "10.1.0.1"),
        ([{"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.9"}], "10.1.0.9"),
    ],
)
def test_the_gateway_of_a_docker_network(
    monkeypatch: pytest.MonkeyPatch, pools: list[dict[str, str]], expected: str
) -> None:
    network = SimpleNamespace(attrs={"IPAM": {"Config": pools}})
    client = SimpleNamespace(networks=SimpleNamespace(get=lambda _: network))
    monkeypatch.setattr(engine, "connect", lambda: client)
    assert gateway.network_gateway("bridge") == expected


def test_pods_get_the_gateways_name_and_the_ports_of_the_stack(target: Target) -> None:
    endpoints = Endpoints({"s3": 9009, "mlflow": 5005, "airflow": 1, "jupyter": 2})
    file = account.write_task_environment(
        target, endpoints, "host.minikube.internal", {"AWS_ACCESS_KEY_ID": "k"}
    )
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().splitlines() == [
        'MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD="false"',
        'MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD="false"',
        'MLFLOW_TRACKING_URI="http://host.minikube.internal:5005"',
        'AWS_ENDPOINT_URL_S3="http://host.minikube.internal:9009"',
        'MLFLOW_S3_ENDPOINT_URL="http://host.minikube.internal:9009"',
        'AWS_ACCESS_KEY_ID="k"',
    ]
    assert account.forwarded_ports(endpoints) == [9009, 5005]


def test_the_forwarding_stands_aside_while_the_store_starts(target: Target, service: int) -> None:
    first = gateway.open_ports(target.project, GATEWAY, [service])
    with gateway.aside(target.project):
        socket.create_server((GATEWAY, service)).close()
    again = gateway.current(target.project)
    assert again is not None
    assert (again.address, again.ports) == (first.address, first.ports)
    assert again.pid != first.pid


def test_without_a_forwarding_nothing_is_opened(target: Target) -> None:
    with gateway.aside(target.project):
        pass
    gateway.drop_others(target.project, [])
    assert gateway.pids(target.project) == []
    assert not target.project.home.exists()


def test_ports_that_the_stack_has_left_are_forwarded_no_more(target: Target, service: int) -> None:
    with socket.create_server((GATEWAY, 0)) as free:
        left = free.getsockname()[1]
    first = gateway.open_ports(target.project, GATEWAY, [left, service])
    gateway.drop_others(target.project, [service, left, 1])
    assert gateway.current(target.project) == first
    gateway.drop_others(target.project, [service, 1])
    again = gateway.current(target.project)
    assert again
    assert again.ports == [service]
    assert exchange(service, 1) == 1
    assert ports.is_free(left)
    gateway.drop_others(target.project, [1])
    assert gateway.current(target.project) is None


def test_a_start_takes_the_ports_that_are_forwarded_to_it(target: Target) -> None:
    with socket.create_server((GATEWAY, 0)) as free:
        port = free.getsockname()[1]
    gateway.open_ports(target.project, GATEWAY, [port])
    assert not ports.is_free(port)
    begun: list[int] = []

    def start(_options: StartOptions, _phase: Phase, claims: ports.Claims) -> Endpoints:
        begun.append(ports.settle({"s3": port}, auto=False, take=claims.take)["s3"])
        ports.refuse_lost({"s3": port}, gateway.pids(target.project))
        return Endpoints({"s3": port})

    start_with_ports(target.project, start, StartOptions(["s3"]), lambda _: nullcontext(silent))
    assert begun == [port]
    assert gateway.current(target.project)


@pytest.mark.parametrize(
    "kept", ['{"a": 1}', '{"pid": "x", "started": "1"}', '{"pid": -1, "started": "1"}', "[1]", "{"]
)
def test_a_record_that_makes_no_sense_is_no_forwarding(target: Target, kept: str) -> None:
    (target.folder / "gateway.json").write_text(kept)
    assert gateway.current(target.project) is None


def test_a_record_without_its_ports_is_no_forwarding(target: Target) -> None:
    kept = {"pid": os.getpid(), "started": living.started(os.getpid())}
    privatefile.write_json(target.folder / "gateway.json", kept)
    assert gateway.current(target.project) is None
    assert gateway.close(target.project) is False


@pytest.mark.parametrize("address", ["0.0.0.0", "0", "0x0", "::", "0:0:0:0:0:0:0:0"])
def test_every_interface_is_no_gateway(target: Target, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("GAIAFLOW_GATEWAY", address)
    with pytest.raises(UsageError) as caught:
        gateway.find(target)
    assert caught.value.message == (
        f"`GAIAFLOW_GATEWAY` is `{address}`: every interface of this machine, for the whole network"
    )
