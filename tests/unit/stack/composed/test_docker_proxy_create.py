"""The description of a container: what the proxy takes over, what it sets itself, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gaiaflow.operators.container_name import container_name
from gaiaflow.stack.composed.belongings import TASK_LABEL
from tests.socket_proxy import container, description, mount, refusal, routes

NETWORK, PROJECT = "demo_default", "demo-12345678"
GPU = {"Driver": "", "Count": 1, "DeviceIDs": [], "Capabilities": [["gpu"]], "Options": {}}


def made(host: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    found = container.create_request(description(NETWORK, host, **more), PROJECT, NETWORK)
    return dict(found)


def refused(body: bytes) -> str:
    with pytest.raises(refusal.RefusedError) as caught:
        container.create_request(body, PROJECT, NETWORK)
    return str(caught.value)


def test_label_is_the_one_that_cleanup_looks_for() -> None:
    assert container.LABEL == TASK_LABEL


def test_a_plain_container_is_shut_in() -> None:
    found = made()
    assert found["Labels"] == {"gaiaflow.task-of": PROJECT, "gaiaflow.project": PROJECT}
    host = found["HostConfig"]
    assert 0 < host.pop("Memory") == host.pop("MemorySwap")
    assert host == {
        "NetworkMode": NETWORK,
        "PidsLimit": 4096,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
    }


def test_what_the_operator_asks_for_is_kept() -> None:
    asked = {
        "Cmd": ["-u", "/opt/gaiaflow/runner.py"],
        "Entrypoint": ["python"],
        "Env": ["A=b"],
        "Labels": {"mine": "", "gaiaflow.dag": "d", "gaiaflow.task": "t", "gaiaflow.map_index": "0"},
        "User": "1000:1000",
        "WorkingDir": "/w",
        "AttachStdout": True,
    }
    host = {
        "NanoCpus": 5,
        "Memory": 2**26,
        "ShmSize": 7,
        "Dns": ["10.0.0.1"],
        "ExtraHosts": ["a:10.0.0.2"],
        "Ulimits": [{"Name": "nofile", "Soft": 5, "Hard": 6}],
        "DeviceRequests": [GPU],
        "LogConfig": {"Type": None, "Config": {"max-size": "1m"}},
    }
    found = made(host, **asked)
    assert found.pop("Labels").items() >= asked.pop("Labels").items()  # type: ignore[attr-defined]
    assert {key: found[key] for key in asked} == asked
    kept = found["HostConfig"]
    assert {key: kept[key] for key in ("NanoCpus", "Memory", "ShmSize", "Dns", "ExtraHosts", "Ulimits")} == {
        key: host[key] for key in ("NanoCpus", "Memory", "ShmSize", "Dns", "ExtraHosts", "Ulimits")
    }
    assert kept["DeviceRequests"] == [{"Count": 1, "Capabilities": [["gpu"]]}]
    assert kept["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "3"}}


def test_more_memory_than_the_machine_has_is_less() -> None:
    assert made({"Memory": 2**62})["HostConfig"]["Memory"] == made()["HostConfig"]["Memory"]


@pytest.mark.parametrize("empty", [None, False, 0, "", [], {}])
@pytest.mark.parametrize(
    "key",
    ["MaskedPaths", "ReadonlyPaths", "Privileged", "Binds", "SecurityOpt", "CapDrop", "Mounts", "Anything"],
)
def test_nothing_empty_is_passed_on(key: str, empty: Any) -> None:
    plain = made()
    assert made({key: empty})["HostConfig"] == plain["HostConfig"]
    assert made(**{key: empty}) == plain


def test_what_clients_write_for_as_usual_is_dropped() -> None:
    usual = {"IpcMode": "private", "CgroupnsMode": "private", "Isolation": "default"}
    assert made({**usual, "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}}) == made()
    assert made(NetworkingConfig={"EndpointsConfig": {NETWORK: {"Aliases": None}}}) == made()


@pytest.mark.parametrize(
    "host",
    [
        {"Privileged": True},
        {"privileged": True},
        {"Binds": ["/:/host"]},
        {"Mounts": [{"Type": "bind", "Source": "/", "Target": "/x"}]},
        {"Tmpfs": {"/x": ""}},
        {"Tmpfs": {"": ""}},
        {"PidMode": "host"},
        {"IpcMode": "host"},
        {"CgroupnsMode": "host"},
        {"UsernsMode": "host"},
        {"UsernsMode": "private"},
        {"UTSMode": "host"},
        {"NetworkMode": "host"},
        {"NetworkMode": "bridge"},
        {"NetworkMode": "container:other"},
        {"CapAdd": ["SYS_ADMIN"]},
        {"Devices": [{"PathOnHost": "/dev/sda"}]},
        {"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["vendor.com/device=all"]}]},
        {"DeviceRequests": [{**GPU, "Driver": "cdi"}]},
        {"DeviceRequests": [{**GPU, "DeviceIDs": ["vendor.com/device=all"]}]},
        {"DeviceRequests": [{**GPU, "Capabilities": [["gpu", "display"]]}]},
        {"SecurityOpt": ["seccomp=unconfined"]},
        {"VolumesFrom": ["other"]},
        {"PortBindings": {"80/tcp": [{"HostPort": "80"}]}},
        {"RestartPolicy": {"Name": "always"}},
        {"RestartPolicy": "always"},
        {"LogConfig": {"Type": "syslog"}},
        {"LogConfig": {"Config": {"syslog-address": "tcp://127.0.0.1:6379"}}},
        {"LogConfig": [1]},
        {"CgroupParent": "/"},
        {"CgroupParent": "private"},
        {"Runtime": "other"},
        {"OomScoreAdj": -1000},
        {"OomKillDisable": True},
        {"MemorySwap": -1},
        {"Memory": -1},
        {"Memory": True},
        {"Memory": 2**64},
        {"PidsLimit": -1},
        {"Ulimits": [{"Name": "rtprio", "Soft": 99, "Hard": 99}]},
        {"MaskedPaths": ["/x"]},
        {"ReadonlyPaths": ["/x"]},
    ],
)
def test_container_that_reaches_the_host_is_refused(host: dict[str, Any]) -> None:
    refused(description(NETWORK, host))


@pytest.mark.parametrize(
    "extra",
    [
        {"Volumes": {"/x": {}}},
        {"NetworkingConfig": {"EndpointsConfig": {"other": {}}}},
        {"NetworkingConfig": {"endpointsconfig": {"other": {"Aliases": ["s3"]}}}},
        {"NetworkingConfig": {"EndpointsConfig": {NETWORK: {"Aliases": ["postgres"]}}}},
        {"NetworkingConfig": {"EndpointsConfig": {NETWORK: {"Links": ["postgres"]}}}},
        {"NetworkingConfig": {"EndpointsConfig": {NETWORK: {"IPAMConfig": {"IPv4Address": "172.18.0.2"}}}}},
        {"NetworkingConfig": [1]},
        {"Hostname": "postgres"},  # the engine's name server answers to it
        {"Domainname": "x"},
        {"MacAddress": "02:42:ac:11:00:02"},
        {"Labels": {"com.docker.compose.project": PROJECT}},
        {"Labels": {"Com.Docker.compose.service": "s3"}},
        {"Labels": {"gaiaflow.kind": "stack"}},
        {"Labels": {"gaiaflow.task-of": "other"}},
        {"Labels": {"GAIAFLOW.project": "other"}},
        {"User": "0"},
        {"User": "00"},
        {"User": "+0"},
        {"User": "root"},
        {"User": "root:1"},
        {"User": "0:1000"},
        {"Image": "a//b"},
        {"Image": "a/../b"},
        {"Image": 7},
        {"Image": ""},
        {"Env": "A=b"},
        {"Env": ["A=\ud800"]},
        {"Cmd": ["a\0b"]},
        {"Cmd": {"a": "b"}},
        {"Tty": "yes"},
    ],
)
def test_container_that_looks_like_another_is_refused(extra: dict[str, Any]) -> None:
    refused(json.dumps({**json.loads(description(NETWORK)), **extra}).encode())


def test_the_project_of_a_label_is_set_here() -> None:
    assert made(Labels={"gaiaflow.project": "other"})["Labels"]["gaiaflow.project"] == PROJECT


HOST = f'{{"Image": "x", "HostConfig": {{"NetworkMode": "{NETWORK}"%s}}%s}}'


@pytest.mark.parametrize(
    ("in_host", "outside"),
    [
        (', "networkmode": "default"', ""),
        (', "NetworkMode": "default"', ""),
        (', "SecurityOpt": [], "securityopt": []', ""),
        (', "LogConfig": {"Type": "json-file", "type": "syslog"}', ""),
        (', "RestartPolicy": {"Name": "no", "name": "always"}', ""),
        ("", ', "hostconfig": {"Privileged": true}'),
        ("", ', "ho\\u017ftConfig": {"Privileged": true}'),
        ("", ', "Labels": {"a": "1", "A": "2"}'),
    ],
)
def test_keys_that_differ_by_case_are_refused(in_host: str, outside: str) -> None:
    assert refused((HOST % (in_host, outside)).encode()) == "an object has a key twice"


@pytest.mark.parametrize(
    "extra", [', "hostconfig": null', ', "Memory": NaN', ', "ExposedPorts": {"80/tcp": {}}']
)
def test_other_slips_are_refused(extra: str) -> None:
    refused((HOST % ("", extra)).encode())


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"no", b'"x"', b"null", b"{}", b"[" * 200_000, b"\xff\xfe", b'{"HostConfig": 7}']
)
def test_description_that_is_no_object_is_refused(body: bytes) -> None:
    refused(body)


def test_images_by_digest_and_by_id_can_be_used() -> None:
    for image in (f"r.example:5000/p/p@sha256:{'a' * 64}", f"sha256:{'a' * 64}", "p/p:1.0"):
        assert made(Image=image)["Image"] == image


@pytest.mark.parametrize(
    ("asked", "image", "runs_as"),
    [
        (None, "", "10001:0"),
        (None, "root", "10001:0"),
        (None, "0:0", "10001:0"),
        (None, "00", "10001:0"),
        (None, "10001:0", None),
        (None, "airflow", None),
        ("1000", "root", "1000"),
    ],
)
def test_no_container_runs_as_root(asked: str | None, image: str, runs_as: str | None) -> None:
    found = made(User=asked)
    container.settle_user(found, image)
    assert found.get("User") == runs_as


@pytest.mark.parametrize(
    ("project", "dag", "task"),
    [("p", "d", "t"), ("p", "группа.x", "a" * 300), ("p", "a.b-c_d", "-x-"), ("", "a" * 39 + "-" + "b", "t")],
)
def test_the_operators_names_are_taken(project: str, dag: str, task: str) -> None:
    name = container_name(project, dag, task, "run", 3)
    assert routes.find("POST", f"/containers/create?name={name}").query == {"name": name}


@pytest.mark.parametrize(
    "name", ["postgres", "s3", "3f", "", "-a-0123456789ab", "a-b-0123456789AB", "a-0123456789ab"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(refusal.RefusedError):
        routes.find("POST", f"/containers/create?name={name}")


TABLE = '{"tiles": {"path": "/p/data/tiles"}, "scratch": {"path": "/p/scratch", "writable": true}}'
TILES = {"Type": "bind", "Source": "/p/data/tiles", "Target": "/opt/gaiaflow/data/tiles", "ReadOnly": True}
SCRATCH = {"Type": "bind", "Source": "/p/scratch", "Target": "/opt/gaiaflow/data/scratch"}


def mounted(*mounts: Any, table: str = TABLE) -> Any:
    body = description(NETWORK, {"Mounts": list(mounts)})
    made = container.create_request(body, PROJECT, NETWORK, mount.declared(table))
    return made["HostConfig"].get("Mounts")


def test_declared_folders_are_mounted_as_they_are_declared() -> None:
    assert mounted(TILES) == [TILES]
    assert mounted(SCRATCH) == [{**SCRATCH, "ReadOnly": False}]
    assert mounted(SCRATCH, TILES) == [TILES, {**SCRATCH, "ReadOnly": False}]
    assert mounted() is None


@pytest.mark.parametrize(
    "asked",
    [
        {**TILES, "Source": "/"},
        {**TILES, "Source": "/p/data"},
        {**TILES, "Source": "/p/data/tiles/"},
        {**TILES, "Source": "/p/data/tiles/.."},
        {**TILES, "Source": "/p/data/./tiles"},
        {**TILES, "Source": "/p//data/tiles"},
        {**TILES, "Source": "/p/data/tiles/sub"},
        {**TILES, "Source": "/P/data/tiles"},
        {**TILES, "Source": "/p/scratch"},
        {**TILES, "Source": None},
        {**TILES, "Source": ["/p/data/tiles"]},
        {**TILES, "Target": "/opt/gaiaflow"},
        {**TILES, "Target": "/opt/gaiaflow/data/tiles/"},
        {**TILES, "Target": "/opt/gaiaflow/data/scratch"},
        {**TILES, "Target": "/usr/local/bin"},
        {**TILES, "ReadOnly": False},
        {**TILES, "ReadOnly": 0},
        {**TILES, "ReadOnly": 1},
        {**TILES, "ReadOnly": "true"},
        {**TILES, "ReadOnly": None},
        {key: value for key, value in TILES.items() if key != "ReadOnly"},
        {**SCRATCH, "ReadOnly": True},
        {**TILES, "Type": "volume"},
        {**TILES, "Type": "tmpfs"},
        {**TILES, "Type": "image"},
        {**TILES, "Type": ""},
        {**TILES, "BindOptions": {"Propagation": "rshared"}},
        {**TILES, "BindOptions": {}},
        {**TILES, "VolumeOptions": {"DriverConfig": {"Options": {"device": "/", "o": "bind", "type": "none"}}}},
        {**TILES, "Consistency": "default"},
        {"type": "bind", "source": "/p/data/tiles", "target": "/opt/gaiaflow/data/tiles", "readonly": True},
        {**TILES, "readonly": False},
        "/p/data/tiles:/opt/gaiaflow/data/tiles:ro",
        [],
        None,
    ],
)
def test_another_mount_is_refused(asked: Any) -> None:
    for mounts in ([asked], [TILES, asked], [asked, SCRATCH]):
        with pytest.raises(refusal.RefusedError):
            mounted(*mounts)


def test_a_folder_is_mounted_once() -> None:
    with pytest.raises(refusal.RefusedError, match="only folders of"):
        mounted(TILES, TILES)


def test_where_nothing_is_declared_nothing_is_mounted() -> None:
    for table in ("", "{}"):
        with pytest.raises(refusal.RefusedError, match="only folders of"):
            mounted(TILES, table=table)


def test_a_declared_folder_opens_no_other_way_to_it() -> None:
    folders = mount.declared(TABLE)
    for host in (
        {"Binds": ["/p/data/tiles:/opt/gaiaflow/data/tiles:ro"]},
        {"mounts": [TILES]},
        {"Mounts": TILES},
        {"Mounts": {"0": TILES}},
        {"VolumesFrom": ["x"]},
    ):
        with pytest.raises(refusal.RefusedError):
            container.create_request(description(NETWORK, host), PROJECT, NETWORK, folders)


@pytest.mark.parametrize(
    "table",
    [
        "[",
        "[]",
        '{"tiles": {}}',
        '{"tiles": {"path": ""}}',
        '{"tiles": {"path": "data"}}',
        '{"tiles": {"path": 7}}',
        '{"tiles": {"path": "/p", "writable": "no"}}',
    ],
)
def test_a_table_that_cannot_be_read_stops_the_proxy(table: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        mount.declared(table)
