"""Which ports are free, who holds the others, what is taken instead."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.infra.host import ports
from gaiaflow.project import Project


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").write_text("[tool.gaiaflow]\n")
    return Project.find(tmp_path)


def test_a_listening_port_is_not_free(taken: int) -> None:
    assert not ports.is_free(taken)


def test_a_listener_on_all_interfaces_holds_loopback_too() -> None:
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        assert not ports.is_free(listener.getsockname()[1])


@pytest.mark.parametrize("address", ["127.0.0.2", "127.1.2.3", "0.0.0.0", "::1", "::"])
def test_a_listener_at_any_address_holds_the_port(address: str) -> None:
    with listening(address) as listener:
        port = listener.getsockname()[1]
        assert not ports.is_free(port)
        with ports.Claims() as claims:
            assert not claims.take(port)
            assert ports.settle({"s3": port}, auto=True, take=claims.take)["s3"] > port
        with pytest.raises(UsageError, match=rf"port {port} of `s3` is taken by .* \(pid {os.getpid()}\)"):
            ports.settle({"s3": port}, auto=False)
    assert ports.is_free(port)


def test_loopback_is_looked_at_by_itself() -> None:
    with listening("127.0.0.2") as listener:
        port = listener.getsockname()[1]
        assert ports.can_listen("127.0.0.1", port)
        assert not ports.can_listen("127.0.0.2", port)


def test_a_listener_by_ipv4_leaves_ipv6_free(taken: int) -> None:
    assert ports.can_listen("::", taken)


def test_an_address_that_the_machine_lacks_is_no_obstacle() -> None:
    assert ports.can_listen("192.0.2.1", 20999)
    assert ports.can_listen("2001:db8::1", 20999)


def test_own_listeners_do_not_count_and_those_of_others_do(taken: int) -> None:
    with listening("127.0.0.2") as own, listening("127.0.0.3", own.getsockname()[1]) as other:
        port = own.getsockname()[1]
        assert ports.is_free(port, [os.getpid()])
        assert not ports.is_free(port, [1])
        other.close()
        with stranger("127.0.0.3", port):
            assert not ports.is_free(port, [os.getpid()])
        with ports.Claims(lambda: [os.getpid()]) as claims:
            assert claims.take(port)
        ports.refuse_lost({"s3": port}, [os.getpid()])
    assert not ports.is_free(taken, [os.getpid()])  # on loopback nothing but the service itself may listen


@contextmanager
def listening(address: str, port: int = 0) -> Iterator[socket.socket]:
    """Listens there; skips where the machine has no such address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        made = socket.create_server((address, port), family=family)
    except OSError as error:
        pytest.skip(f"this machine has no address {address}: {error}")
    with made:
        yield made


@contextmanager
def stranger(address: str, port: int) -> Iterator[None]:
    """Another process listens there."""
    code = f"import socket\ns = socket.create_server(({address!r}, {port}))\nprint('up', flush=True)\ninput()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        yield
        process.communicate("\n")


def test_the_owner_is_named_with_its_pid(taken: int) -> None:
    assert ports.owner(taken).endswith(f"(pid {os.getpid()})")


def test_a_taken_port_is_refused_with_its_owner_and_a_way_out(taken: int) -> None:
    with pytest.raises(UsageError) as refused:
        ports.settle({"mlflow": taken}, auto=False)
    assert f"port {taken} of `mlflow` is taken by" in refused.value.message
    assert f"pid {os.getpid()}" in refused.value.message
    assert "--auto-ports" in refused.value.hint


def test_auto_moves_to_the_next_free_port(taken: int) -> None:
    assert ports.settle({"mlflow": taken}, auto=True)["mlflow"] > taken


@pytest.mark.parametrize(
    ("wanted", "settled"),
    [
        ({"mlflow": 5000}, {"mlflow": 5002}),
        ({"mlflow": 5001}, {"mlflow": 5001}),
        ({"model": 5001}, {"model": 5001}),
        ({"s3": 5000, "mlflow": 5000}, {"s3": 5002, "mlflow": 5003}),
    ],
)
def test_auto_leaves_the_port_of_models_to_them(wanted: dict[str, int], settled: dict[str, int]) -> None:
    assert ports.settle(wanted, auto=True, take=lambda port: port != 5000) == settled


def test_auto_gives_no_port_twice(taken: int) -> None:
    settled = ports.settle({"s3": taken, "mlflow": taken, "airflow": taken}, auto=True)
    assert len(set(settled.values())) == 3


def test_two_services_cannot_want_the_same_port() -> None:
    with pytest.raises(UsageError, match="is also the port of another service"):
        ports.settle({"s3": 21001, "mlflow": 21001}, auto=False)


def test_the_second_port_of_a_service_is_checked_too(taken: int) -> None:
    reach = next(n for n in range(1, 1000) if ports.is_free(taken - n))  # strangers have ports too
    with pytest.raises(UsageError, match=f"port {taken} of `s3-console`"):
        ports.settle({"s3-console": taken - reach}, auto=False, reach={"s3-console": reach})


def test_a_port_whose_second_is_out_of_range_is_refused() -> None:
    with pytest.raises(UsageError, match="out of range"):
        ports.settle({"s3-console": 60000}, auto=False, reach={"s3-console": 10000})


def test_the_second_port_is_that_far_above_the_first() -> None:
    def settle(port: int, auto: bool) -> dict[str, int]:
        return ports.settle({"s3": port}, auto=auto, reach={"s3": 3}, take=lambda one: one != 5006)

    with pytest.raises(UsageError, match="port 5006 of `s3` is taken"):
        settle(5003, auto=False)
    assert settle(5003, auto=True) == {"s3": 5004}


def test_the_highest_port_may_be_wanted_and_none_above_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ports.settle({"s3": 65535}, auto=False, take=lambda _: True) == {"s3": 65535}
    monkeypatch.setenv("GAIAFLOW_S3_PORT", "65535")
    assert ports.wanted(project, {})["s3"] == 65535
    with pytest.raises(GaiaflowError, match="no free port above 65530"):
        ports.settle({"s3": 65530}, auto=True, reach={"s3": 3}, take=lambda one: one >= 65533)


def test_a_flag_comes_before_the_variable_and_the_variable_before_the_table(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAIAFLOW_MLFLOW_PORT", "15001")
    monkeypatch.setenv("GAIAFLOW_S3_PORT", "19001")
    found = ports.wanted(project, {"mlflow": 15002})
    assert (found["mlflow"], found["s3"], found["airflow"]) == (15002, 19001, 8080)


@pytest.mark.parametrize("text", ["many", "0", "70000", "-1"])
def test_a_variable_that_is_no_port_is_named(
    project: Project, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("GAIAFLOW_S3_PORT", text)
    with pytest.raises(UsageError, match="GAIAFLOW_S3_PORT"):
        ports.wanted(project, {})


def test_inner_ports_are_neighbours_and_the_same_for_one_project() -> None:
    block = ports.inner("a-project", 7)
    assert block == list(range(block[0], block[0] + 7))
    assert ports.inner("a-project", 7) == block
    assert ports.inner("another-project", 7) != block


def test_inner_ports_are_a_block_of_their_range_and_the_next_one_where_it_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _: True)
    blocks = [ports.inner(f"project-{number}", 7) for number in range(20)]
    assert all(block[0] >= 20000 and block[-1] < 31000 for block in blocks)
    assert {(block[0] - 20000) % 7 for block in blocks} == {0}
    first = blocks[0][0]
    monkeypatch.setattr(ports, "is_free", lambda port: port != first)
    assert ports.inner("project-0", 7)[0] == first + 7


def test_who_listens_is_told_from_the_processes(taken: int) -> None:
    assert ports.is_listened_on_by([os.getpid()], taken)
    assert not ports.is_listened_on_by([1, 2**22], taken)


def test_a_port_that_is_lost_names_its_owner(taken: int) -> None:
    lost = ports.lost("mlflow", taken)
    assert f"port {taken} of `mlflow` was taken at this moment by" in lost.message
    assert f"pid {os.getpid()}" in lost.message
    assert "--auto-ports" in lost.hint


def test_what_one_start_has_chosen_another_does_not_get(taken: int) -> None:
    with ports.Claims() as first, ports.Claims() as second:
        mine = ports.settle({"mlflow": taken}, auto=True, take=first.take)["mlflow"]
        assert ports.is_free(mine)
        assert ports.settle({"mlflow": taken}, auto=True, take=second.take)["mlflow"] > mine
        with pytest.raises(UsageError, match="is taken by another stack that starts now"):
            ports.settle({"mlflow": mine}, auto=False, take=second.take)
        assert ports.settle({"mlflow": mine}, auto=False, take=first.take) == {"mlflow": mine}


def test_a_port_that_somebody_listens_at_cannot_be_claimed(taken: int) -> None:
    with ports.Claims() as claims:
        assert not claims.take(taken)
        assert not claims.take(taken)


def test_a_claim_ends_with_the_start_and_with_its_process(taken: int) -> None:
    port = ports.settle({"mlflow": taken}, auto=True)["mlflow"]
    with ports.Claims() as over:
        assert over.take(port)
    code = (
        f"from gaiaflow.infra.host.ports import Claims\nprint(Claims().take({port}), flush=True)\n"
        + "import os; os.abort()"
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert killed.stdout == "True\n"
    with ports.Claims() as next_one:
        assert next_one.take(port)
