"""Every listening socket of both backends: loopback only, and what answers there asks who you are."""

from __future__ import annotations

import base64
import hmac
import json
import socket
import ssl
import subprocess
import uuid
from pathlib import Path

import pytest
from evidence import Evidence
from requests_out import answer, status
from small_project import SmallProject

from gaiaflow.endpoints import LOOPBACK
from gaiaflow.stack import backends
from gaiaflow.stack.services.keys import Keys, load

pytestmark = pytest.mark.stack

AIRFLOW_LOG_PORTS = {8793, 8794}
FOREIGN = "evil.example"
# What a task says when it starts; only the token is missing.
RUNNING = json.dumps(
    {"state": "running", "hostname": "h", "unixname": "u", "pid": 1, "start_date": "2026-01-01T00:00:00Z"}
).encode()


def _listening(pids: set[int]) -> dict[int, str]:
    """The address, as the kernel spells it, of each port that one of the processes listens on."""
    inodes = {
        str(link.readlink()).removeprefix("socket:[").rstrip("]")
        for pid in pids
        for link in Path(f"/proc/{pid}/fd").iterdir()
    }
    rows = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
    ]
    return {
        int(row[1].rpartition(":")[2], 16): row[1].rpartition(":")[0]
        for row in rows
        if row[3] == "0A" and row[9] in inodes
    }


def test_embedded_listens_on_loopback_only(embedded: SmallProject, evidence: Evidence) -> None:
    found = _listening(set(embedded.processes()))
    assert set(found.values()) == {"0100007F"}
    assert set(embedded.state["ports"].values()) <= set(found)
    assert not AIRFLOW_LOG_PORTS & set(found)
    evidence.add(
        "access",
        "every listening TCP socket of the embedded stack",
        f"{len(found)} sockets, all on 127.0.0.1; Airflow's log servers (8793, 8794; no host option) are off",
    )


@pytest.mark.engine
def test_docker_publishes_on_loopback_only(composed: SmallProject, evidence: Evidence) -> None:
    listed = subprocess.run(
        ["docker", "inspect", *composed.containers()], capture_output=True, text=True, check=True
    )
    published = [
        (entry["HostIp"], int(entry["HostPort"]), inner)
        for container in json.loads(listed.stdout)
        for inner, entries in container["NetworkSettings"]["Ports"].items()
        for entry in entries or ()
    ]
    assert {host for host, _, _ in published} == {LOOPBACK}
    assert {port for _, port, _ in published} == set(composed.state["ports"].values())
    assert not [inner for _, _, inner in published if int(inner.partition("/")[0]) in AIRFLOW_LOG_PORTS]
    evidence.add(
        "access",
        "every published port of the Compose stack",
        f"{len(published)} ports, all on 127.0.0.1; 8793 and 8794 not published, and off",
    )


@pytest.mark.engine
def test_the_log_ports_are_closed_inside_the_network_too(composed: SmallProject) -> None:
    code = (
        "import socket, sys\n"
        "for host in ('airflow-scheduler', 'airflow-triggerer', 'airflow'):\n"
        "    for port in (8793, 8794):\n"
        "        with socket.socket() as s:\n"
        "            s.settimeout(3)\n"
        "            print(host, port, s.connect_ex((host, port)))\n"
    )
    container = f"{composed.project.id}-mlflow-1"
    done = subprocess.run(
        ["docker", "exec", container, "python", "-c", code], capture_output=True, text=True, check=True
    )
    assert len(done.stdout.splitlines()) == 6
    assert [line for line in done.stdout.splitlines() if line.endswith(" 0")] == []


def test_what_answers_asks_who_you_are(stack: SmallProject, evidence: Evidence) -> None:
    urls = _urls(stack)
    assert status(f"{urls['airflow']}/api/v2/dags") == 401
    run = f"{urls['airflow']}/execution/task-instances/{uuid.uuid4()}/run"
    for more in ({}, {"Authorization": "Bearer x"}):
        assert status(run, {"Content-Type": "application/json", **more}, "PATCH", RUNNING) in (401, 403)
    assert status(f"{urls['jupyter']}/api/contents") == 403
    assert status(f"{urls['jupyter']}/api/contents?token=wrong") == 403
    assert status(f"{urls['jupyter']}/api/kernels", method="POST") == 403
    assert status(f"{urls['mlflow']}/api/2.0/mlflow/experiments/search", {"Host": FOREIGN}) == 403
    assert status(f"{urls['mlflow']}/", {"Host": FOREIGN}) == 403
    evidence.add(
        "access",
        f"Airflow, its execution API, JupyterLab without a token, MLflow for a foreign Host, {_name(stack)}",
        "401, 403, 403, 403",
    )


def test_the_airflow_token_of_another_project_is_refused(stack: SmallProject, evidence: Evidence) -> None:
    url, keys = _urls(stack)["airflow"], load(stack.project)
    json_body = {"Content-Type": "application/json"}
    wrong = json.dumps({"username": "admin", "password": "admin"}).encode()
    assert status(f"{url}/auth/token", json_body, "POST", wrong) == 401
    right = json.dumps({"username": "admin", "password": keys.airflow_password}).encode()
    token = str(json.loads(answer(f"{url}/auth/token", json_body, "POST", right)[1])["access_token"])
    dags = f"{url}/api/v2/dags"
    assert status(dags, {"Authorization": f"Bearer {token}"}) == 200
    own, other = _signed(token, keys.airflow_jwt), _signed(token, Keys().airflow_jwt)
    assert status(dags, {"Authorization": f"Bearer {own}"}) == 200  # so that the key alone makes the difference
    assert status(dags, {"Authorization": f"Bearer {other}"}) in (401, 403)
    evidence.add("access", f"Airflow with a token that another project's key signed, {_name(stack)}", "refused")


def _signed(token: str, key: str) -> str:
    """The same header and claims, signed by a key."""
    said, _, _ = token.rpartition(".")
    header = json.loads(base64.urlsafe_b64decode(said.partition(".")[0] + "=="))
    digest = hmac.digest(key.encode(), said.encode(), header["alg"].replace("HS", "sha"))
    return f"{said}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def test_the_inner_ports_of_s3_want_a_certificate(embedded: SmallProject, evidence: Evidence) -> None:
    _, master, _, volume, _, filer, s3 = embedded.state["inner"]
    console = embedded.state["ports"]["s3-console"] + 10000
    for port in (master, volume, filer, s3, console):
        assert not _speaks_plainly(port)
        assert not _lets_in_without_certificate(port)
    evidence.add(
        "access",
        "the S3 store's five gRPC ports, in plain text and by TLS without a client's certificate",
        "refused",
    )


def _speaks_plainly(port: int) -> bool:
    """Whether it answers HTTP/2 without TLS."""
    with socket.create_connection((LOOPBACK, port), timeout=10) as plain:
        try:
            plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
            frame = plain.recv(64)
        except OSError:
            return False
    return len(frame) >= 9 and frame[3] == 4 and frame[0] == 0  # a SETTINGS frame


def _lets_in_without_certificate(port: int) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with socket.create_connection((LOOPBACK, port), timeout=10) as plain:
        try:
            with context.wrap_socket(plain) as inside:
                inside.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
                # TLS 1.3 tells a client of a missing certificate only when it reads.
                received = b"".join(iter(lambda: inside.recv(4096), b""))
        except (ssl.SSLError, ConnectionError):
            return False
        except TimeoutError:
            return True
    return bool(received)


def _urls(stack: SmallProject) -> dict[str, str]:
    found = backends.current(stack.project)
    assert found is not None
    endpoints = found.endpoints()
    return {name: endpoints.url(name) for name in stack.state["ports"]}


def _name(stack: SmallProject) -> str:
    return str(stack.state["backend"])
