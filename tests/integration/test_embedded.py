"""The embedded stack for real: start, what listens, who gets in, stop without a trace, start again."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from example_stack import SERVICES, Running, opener

from gaiaflow import envvar
from gaiaflow.infra.host import living

pytestmark = pytest.mark.stack


def _status(url: str) -> int:
    try:
        with opener.open(url, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def _listening(pids: set[int]) -> list[tuple[str, int]]:
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            inodes.add(str(descriptor.readlink()).removeprefix("socket:[").rstrip("]"))
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in (line.split() for line in Path(table).read_text().splitlines()[1:]):
            if row[3] == "0A" and row[9] in inodes:
                address, _, port = row[1].partition(":")
                found.append((address, int(port, 16)))
    return found


def test_every_service_runs(stack: Running) -> None:
    assert stack.states() == dict.fromkeys(SERVICES, "running")


def test_starting_again_keeps_the_processes(stack: Running) -> None:
    before = stack.pids()
    stack.start()
    assert before <= stack.pids()


def test_everything_listens_on_loopback_only(stack: Running) -> None:
    listening = _listening(stack.pids())
    assert {port for _, port in listening} >= set(stack.state()["ports"].values())
    assert {address for address, _ in listening} == {"0100007F"}


def test_airflow_has_few_processes(stack: Running) -> None:
    assert 4 <= len(living.marked(envvar.STACK, f"{stack.project.id}/airflow")) <= 15


def test_s3_checks_keys(stack: Running) -> None:
    url = stack.credentials()["s3"]["url"]
    assert _status(f"{url}/") == 403
    assert _status(f"{url}/mlflow/anything") == 403
    assert stack.s3("print([b['Name'] for b in c.list_buckets()['Buckets']])") == "['mlflow']"


def test_the_inner_ports_of_s3_give_nothing(stack: Running) -> None:
    stack.s3("c.put_object(Bucket='mlflow', Key='closed', Body=b'secret')")
    master, _, volume, _, filer, _, _ = stack.state()["inner"]
    assert _status(f"http://127.0.0.1:{master}/dir/assign") in (401, 404)
    assert _status(f"http://127.0.0.1:{volume}/1,01") == 401
    assert _status(f"http://127.0.0.1:{filer}/buckets/mlflow/closed") in (401, 404)


def test_mlflow_refuses_a_strange_host(stack: Running) -> None:
    url = stack.credentials()["mlflow"]["url"]
    strange = urllib.request.Request(
        f"{url}/api/2.0/mlflow/experiments/search", headers={"Host": "evil.example"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        opener.open(strange, timeout=10)
    assert refused.value.code == 403


def test_jupyter_and_airflow_want_a_password(stack: Running) -> None:
    urls = {name: entry["url"] for name, entry in stack.credentials().items()}
    assert _status(f"{urls['jupyter']}/api/contents") == 403
    assert _status(f"{urls['airflow']}/api/v2/dags") == 401


def test_no_secret_stands_in_an_argument_list(stack: Running) -> None:
    secrets = json.loads((stack.root / ".gaiaflow" / "keys.json").read_text()).values()
    for pid in stack.pids():
        arguments = Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
        assert not [secret for secret in secrets if secret in arguments]


def test_what_holds_secrets_is_for_the_user_alone(stack: Running) -> None:
    home = stack.root / ".gaiaflow"
    assert home.stat().st_mode & 0o777 == 0o700
    files = [
        home / "keys.json",
        home / "state.json",
        home / "airflow" / "passwords.json",
        home / "s3" / "s3.key",
    ]
    files += [*(home / "run").glob("*.json"), home / "s3" / "security.toml", home / "run" / "supervisord.conf"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_port_that_is_taken_is_refused_by_name(stack: Running) -> None:
    taken = stack.state()["ports"]["mlflow"]
    stack.inv("dev.stop", "--service", "jupyter")
    try:
        told = stack.start("--service", "jupyter", "--jupyter-port", str(taken), code=2)
        assert f"port {taken}" in told
        assert stack.states()["jupyter"] == "stopped"
    finally:
        stack.start("--service", "jupyter", "--auto-ports")


def test_data_goes_only_when_somebody_says_so(stack: Running) -> None:
    told = stack.inv("dev.stop", "--delete-volume", code=2)
    assert ".gaiaflow/data" in told
    assert "hint: add --yes" in told
    assert stack.states() == dict.fromkeys(SERVICES, "running")


def secrets_of(stack: Running) -> dict[str, tuple[str, str]]:
    """Users and secrets; the ports may be others' after a stop."""
    return {name: (found["user"], found["secret"]) for name, found in stack.credentials().items()}


def test_stop_leaves_no_process_and_a_new_start_finds_the_data(stack: Running) -> None:
    stack.s3("c.put_object(Bucket='mlflow', Key='kept', Body=b'still here')")
    before = secrets_of(stack)
    stack.inv("dev.stop")
    assert stack.pids() == set()
    assert stack.states() == dict.fromkeys(SERVICES, "stopped")
    stack.inv("dev.stop")
    stack.start("--wait", "400", "--auto-ports")
    assert secrets_of(stack) == before
    assert stack.s3("print(c.get_object(Bucket='mlflow', Key='kept')['Body'].read().decode())") == "still here"


def test_a_process_that_dies_at_start_ends_the_start(stack: Running) -> None:
    stack.inv("dev.stop")
    database = stack.root / ".gaiaflow" / "data" / "mlflow" / "mlflow.db"
    database.rename(database.with_suffix(".kept"))
    database.write_text("this is no database\n" * 100)
    try:
        told = stack.start("--service", "mlflow", "--auto-ports", code=1)
        assert "`mlflow` exited during startup" in told
        assert "database" in told
        assert stack.pids() == set()
    finally:
        database.with_suffix(".kept").replace(database)
