"""Hostile create requests through the Docker socket proxy to a real engine: nothing, or a container shut in."""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from container_schema import CONTAINER, EMPTY, HOST, NET
from docker import APIClient
from docker.errors import ImageNotFound, NotFound
from evidence import Evidence
from hypothesis import HealthCheck, given, settings, strategies as st

from gaiaflow import envvar
from gaiaflow.infra.images.engine import connect, engine_address, engine_answers
from gaiaflow.infra.images.image import DEFAULT_PYTHON_IMAGE
from gaiaflow.operators.container_file import folder_archive, only_file
from tests.socket_proxy import create, running, server

pytestmark = pytest.mark.engine

FULL = bool(os.environ.get("GAIAFLOW_FULL_FAULTS"))
EXAMPLES, SECONDS = (5000, 600) if FULL else (250, 30)
MODES = ("PidMode", "UTSMode", "UsernsMode", "Cgroup", "CgroupParent", "VolumesFrom", "Links", "GroupAdd")
ASKED = (
    "Binds",
    "Mounts",
    "Tmpfs",
    "CapAdd",
    "Devices",
    "DeviceCgroupRules",
    "PortBindings",
    "Sysctls",
    "StorageOpt",
)


@dataclass
class Try:
    """A proxy before the engine, and what went through it."""

    client: Any
    port: int
    project: str
    network: str
    image: str
    asked: int = 0
    let_through: int = 0
    began: float = field(default_factory=time.monotonic)

    def send(self, body: str) -> int:
        """Ask; check what was created with the engine itself, and remove it."""
        name = f"flow-task-{secrets.token_hex(6)}"
        self.asked += 1
        status, answer = create(self.port, body.replace(NET, self.network).encode(), name)
        if status != 201:
            return status
        try:
            assert_shut_in(self.client.api.inspect_container(answer["Id"]), self)
            self.let_through += 1
        finally:
            self.client.api.remove_container(answer["Id"], v=True, force=True)
        return status


def assert_shut_in(found: dict[str, Any], tried: Try) -> None:
    host, config = found["HostConfig"], found["Config"]
    assert found["Mounts"] == []
    assert not config.get("Volumes")
    assert [key for key in (*MODES, *ASKED) if host.get(key)] == []
    assert (host["Privileged"], host["PublishAllPorts"], host["CapDrop"]) == (False, False, ["ALL"])
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert (host["IpcMode"], host["CgroupnsMode"]) == ("private", "private")
    assert host["MaskedPaths"]
    assert host["ReadonlyPaths"]
    assert host["LogConfig"]["Type"] == "json-file"
    assert host["LogConfig"]["Config"].keys() == {"max-size", "max-file"}
    assert host["RestartPolicy"]["Name"] in ("", "no")
    assert host["Memory"] > 0
    assert 0 < host["PidsLimit"] <= 4096
    assert host["OomScoreAdj"] == 0
    assert not host.get("OomKillDisable")
    assert all(request["Capabilities"] == [["gpu"]] for request in host.get("DeviceRequests") or [])
    assert config["User"].split(":")[0] not in ("", "0", "root")
    assert config["Hostname"] == found["Id"][:12]
    assert_own_network(found, tried)
    labels = config["Labels"]
    assert labels["gaiaflow.task-of"] == labels["gaiaflow.project"] == tried.project
    assert labels.keys() <= {"gaiaflow.task-of", "gaiaflow.project", "mine"}


def assert_own_network(found: dict[str, Any], tried: Try) -> None:
    mode = found["HostConfig"]["NetworkMode"]
    assert mode in (tried.network, "none")
    assert found["NetworkSettings"]["Networks"].keys() == {mode}
    endpoint = found["NetworkSettings"]["Networks"][mode]
    assert not endpoint["Links"]
    assert not endpoint["IPAMConfig"]
    assert set(endpoint["Aliases"] or ()) <= {found["Id"][:12]}


@pytest.fixture(scope="module")
def tried() -> Iterator[Try]:
    if not engine_answers():
        pytest.skip("no Docker engine answers")
    client, mark = connect(), secrets.token_hex(4)
    socket = (engine_address() or "unix:///var/run/docker.sock").removeprefix("unix://")
    project = f"proxy-test-{mark}"
    quiet, server.Handler.log_message = server.Handler.log_message, lambda *_: None
    image = f"gaiaflow-tests/proxy:{mark}"
    client.api.import_image_from_data(empty_archive(), *image.split(":"))
    network = client.networks.create(f"{project}_default")
    try:
        with running(socket, project, network.name) as port:
            yield Try(client, port, project, network.name, image)
    finally:
        label = {"label": f"gaiaflow.task-of={project}"}
        for container in client.containers.list(all=True, filters=label):
            container.remove(force=True)
        network.remove()
        client.images.remove(image)
        client.close()
        server.Handler.log_message = quiet


def empty_archive() -> bytes:
    """An image needs one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    return buffer.getvalue()


Pairs = list[tuple[str, Any]]


def text_of(pairs: Pairs, host: Pairs, image: str) -> str:
    """JSON in which a key may be there twice."""
    inside = _joined([("NetworkMode", NET), *host])
    first = f'"Image": {json.dumps(image)}, "Cmd": ["true"], "HostConfig": {{{inside}}}'
    return f"{{{', '.join(part for part in (first, _joined(pairs)) if part)}}}"


def _joined(pairs: Pairs) -> str:
    return ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in pairs)


def pairs_of(schema: dict[str, list[Any]]) -> st.SearchStrategy[tuple[str, Any]]:
    """A key of the schema, at times in another spelling that the engine takes, and one of its values."""

    def spelled(key: str) -> st.SearchStrategy[str]:
        others = [key.lower(), key.upper(), key.replace("s", "\u017f", 1), key.replace("k", "\u212a", 1)]
        return st.sampled_from([key] * 6 + others)

    def of(key: str) -> st.SearchStrategy[tuple[str, Any]]:
        return st.tuples(spelled(key), st.sampled_from(schema[key] + EMPTY))

    return st.sampled_from(sorted(schema)).flatmap(of)


def test_each_value_alone(tried: Try) -> None:
    """Every value of the table, in the spelling of the API and in lower case."""
    for in_host, schema in ((True, HOST), (False, CONTAINER)):
        for key, values in schema.items():
            for value in values:
                for pair in ((key, value), (key.lower(), value)):
                    one = [pair]
                    tried.send(text_of([] if in_host else one, one if in_host else [], tried.image))
    assert tried.let_through > 20


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    print_blob=True,
)
@given(st.lists(pairs_of(CONTAINER), max_size=2), st.lists(pairs_of(HOST), max_size=3))
def mixtures(tried: Try, pairs: Pairs, host: Pairs) -> None:
    if time.monotonic() - tried.began < SECONDS:
        tried.send(text_of(pairs, host, tried.image))


def test_mixtures_of_values(tried: Try, evidence: Evidence) -> None:
    tried.began, before = time.monotonic(), tried.let_through
    mixtures(tried)
    assert tried.let_through - before > 10
    assert tried.client.containers.list(all=True, filters={"label": f"gaiaflow.task-of={tried.project}"}) == []
    evidence.add(
        "Docker socket proxy",
        "hostile create requests to a real engine: each value of a table of the API, and mixtures of them",
        "refused, or a container without a mount, a capability, another network, log driver or host namespace",
    )


REPORT = (
    "import json, os, pathlib as p; "
    "print(json.dumps([os.getuid(), p.Path('/proc/self/status').read_text(), os.listdir('/gaiaflow')]))"
)


@pytest.fixture(scope="module")
def python_image(tried: Try) -> str:
    """The image that the stack is built from."""
    name = os.environ.get(envvar.PYTHON_IMAGE, DEFAULT_PYTHON_IMAGE)
    try:
        tried.client.images.get(name)
    except ImageNotFound:
        tried.client.images.pull(name)
    return name


def test_a_task_runs_as_the_operator_runs_it(tried: Try, python_image: str, evidence: Evidence) -> None:
    """From docker-py's question for the version to the removal; the kernel says what the container may do."""
    with closing(APIClient(f"tcp://127.0.0.1:{tried.port}", version="auto")) as client:
        assert client.inspect_image(python_image)["Id"]
        limits = {"mem_limit": 2**26, "nano_cpus": 10**9}
        host = client.create_host_config(network_mode=tried.network, log_config={}, mounts=[], **limits)
        container = client.create_container(
            python_image,
            ["-c", REPORT],
            entrypoint=["python3"],
            name=f"flow-task-{secrets.token_hex(6)}",
            host_config=host,
            labels={"gaiaflow.task": "t"},
        )["Id"]
        try:
            client.put_archive(container, "/", folder_archive({"call.json": "{}"}))
            stream = client.attach(container, stdout=True, stderr=True, stream=True)
            client.start(container)
            user, status, files = json.loads(b"".join(stream))
            assert client.wait(container)["StatusCode"] == 0
            archive, _ = client.get_archive(container, "/gaiaflow/call.json")
            assert only_file(archive) == "{}"
            client.stop(container, timeout=1)
        finally:
            client.remove_container(container, v=True, force=True)
        with pytest.raises(NotFound):
            client.inspect_container(container)
    assert (user, files) == (10001, ["call.json"])
    told = dict(line.split(":\t", 1) for line in status.splitlines())
    assert {told[name] for name in ("CapEff", "CapPrm", "CapBnd")} == {"0" * 16}
    assert told["NoNewPrivs"] == "1"
    evidence.add(
        "Docker socket proxy",
        "a container made as the operator makes it, of an image without a user of its own",
        "it runs, as 10001, without a capability in any set and without new privileges",
    )


READ = (
    "import errno, json, os, pathlib as p\n"
    "d = p.Path('/opt/gaiaflow/data/tiles'); said = {'read': (d / 'a').read_text()}\n"
    "for name, path in (('new', d / 'b'), ('old', d / 'a')):\n"
    "    try: path.write_text('x'); said[name] = 'written'\n"
    "    except OSError as error: said[name] = errno.errorcode[error.errno]\n"
    "print(json.dumps(said))"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that anybody may write to, and whose parents anybody may enter."""
    made = Path(tempfile.mkdtemp(prefix="gaiaflow-proxy-", dir="/var/tmp"))
    made.chmod(0o755)
    (made / "tiles").mkdir()
    (made / "tiles" / "a").write_text("the bytes")
    for path in (made / "tiles", made / "tiles" / "a"):
        path.chmod(0o777)
    yield made / "tiles"
    shutil.rmtree(made)


@pytest.mark.parametrize("writable", [False, True])
def test_a_declared_folder_and_no_other_is_mounted(
    tried: Try, python_image: str, folder: Path, writable: bool, evidence: Evidence
) -> None:
    """Each near miss is refused; the folder itself is there, and the kernel keeps it closed."""
    declared = json.dumps({"tiles": {"path": str(folder), "writable": writable}})
    right = {
        "Type": "bind",
        "Source": str(folder),
        "Target": "/opt/gaiaflow/data/tiles",
        "ReadOnly": not writable,
    }
    socket = (engine_address() or "unix:///var/run/docker.sock").removeprefix("unix://")
    with running(socket, tried.project, tried.network, declared) as port:
        refused = [create(port, asked(python_image, tried, wrong))[0] for wrong in near_misses(right)]
        assert set(refused) == {403}
        status, answer = create(port, asked(python_image, tried, right), f"flow-task-{secrets.token_hex(6)}")
        assert status == 201, answer
        container = tried.client.containers.get(answer["Id"])
        try:
            (mounted,) = container.attrs["Mounts"]
            assert (mounted["Source"], mounted["Destination"], mounted["RW"]) == (
                str(folder),
                right["Target"],
                writable,
            )
            container.start()
            container.wait()
            said = json.loads(container.logs(stderr=False))
        finally:
            container.remove(force=True)
    wrote = "written" if writable else "EROFS"
    assert said == {"read": "the bytes", "new": wrote, "old": wrote}
    evidence.add(
        "Docker socket proxy",
        f"{len(refused)} mounts that are nearly a declared folder, and the folder itself",
        "refused but for the folder itself, which a task cannot write to unless the project says so",
    )


def asked(image: str, tried: Try, mount: Any) -> bytes:
    program = {"Image": image, "Entrypoint": ["python3"], "Cmd": ["-c", READ]}
    return json.dumps({**program, "HostConfig": {"NetworkMode": tried.network, "Mounts": [mount]}}).encode()


def near_misses(right: dict[str, Any]) -> list[dict[str, Any]]:
    source = right["Source"]
    sources = (
        "/",
        source + "/",
        source + "/..",
        source + "/.",
        str(Path(source).parent),
        source + "\0",
        "/var/run",
    )
    targets = ("/", "/opt/gaiaflow", right["Target"] + "/", right["Target"] + "/../other", "/usr")
    options: list[dict[str, Any]] = [
        {"BindOptions": {"Propagation": "rshared"}},
        {"BindOptions": {"NonRecursive": True}},
        {"VolumeOptions": {"DriverConfig": {"Name": "local"}}},
        {"Type": "volume"},
        {"Type": "npipe"},
        {"ReadOnly": not right["ReadOnly"]},
        {"ReadOnly": None},
    ]
    return [
        *({**right, "Source": other} for other in sources),
        *({**right, "Target": other} for other in targets),
        *({**right, **option} for option in options),
    ]


SWAP = (
    "import errno, json, os; said = []\n"
    "for old in ('/p/data/tiles', '/p/data'):\n"
    "    try: os.rename(old, old + 'x'); os.symlink('/', old); said.append('swapped')\n"
    "    except OSError as error: said.append(errno.errorcode[error.errno])\n"
    "print(json.dumps(said))"
)


def test_no_link_takes_the_place_of_a_declared_folder(
    tried: Try, python_image: str, folder: Path, evidence: Evidence
) -> None:
    """Mounts as those of the overlay, in a container that may write into the project."""
    project = folder.parent
    (project / "data").mkdir()
    folder.rename(project / "data" / "tiles")
    held = ("", "/data", "/data/tiles")
    volumes = [f"{project}{path}:/p{path}" for path in held]
    told = tried.client.containers.run(
        python_image, ["-c", SWAP], entrypoint=["python3"], volumes=volumes, remove=True, user="0"
    )
    assert json.loads(told) == ["EBUSY", "EBUSY"]
    loose = tried.client.containers.run(
        python_image, ["-c", SWAP], entrypoint=["python3"], volumes=volumes[:1], remove=True, user="0"
    )
    assert "swapped" in json.loads(loose), "without the mounts it can be done"
    evidence.add(
        "Docker socket proxy",
        "a task of mode dev that puts a link to `/` in the place of a declared folder, or of one above it",
        "the kernel refuses: each of them is a mount point there",
    )
