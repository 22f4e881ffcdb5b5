"""The operator of dev_docker as a DAG file makes it; no engine is asked."""

from __future__ import annotations

import copy
import io
import tarfile
from contextlib import nullcontext
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from docker.errors import APIError
from requests.exceptions import ConnectionError as RequestsConnectionError

from gaiaflow.errors import TaskFailedError, UsageError
from gaiaflow.operators.container import ending
from gaiaflow.operators.container_file import FOLDER, folder_archive, lines_of, only_file
from gaiaflow.operators.container_name import container_name, labels
from gaiaflow.tasks import create_task


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GAIAFLOW_IMAGE", "GAIAFLOW_MODE", "GAIAFLOW_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)


def make(task_id: str = "t", **arguments: Any) -> Any:
    given = {"image": "project/package:1", "mode": "dev_docker", **arguments}
    return create_task(task_id, "package.module:function", **given)


def test_it_is_a_docker_operator_with_the_caller_s_arguments() -> None:
    task = make(retries=5, pool="few", docker={"user": "1000", "dns": ["10.0.0.1"]})
    assert isinstance(task, DockerOperator)
    assert (task.retries, task.pool, task.user, task.dns) == (5, "few", "1000", ["10.0.0.1"])
    assert task.command[-1] == "/opt/gaiaflow/runner.py"


def test_retries_are_three_when_nobody_says() -> None:
    assert make().retries == 3


def test_a_missing_image_is_refused_with_a_command() -> None:
    with pytest.raises(UsageError, match="mode `dev_docker` needs an image") as caught:
        make(image=None)
    assert "inv dev.dockerize" in caught.value.hint


def test_the_image_may_come_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_IMAGE", "outside/package:2")
    assert make(image=None).image == "outside/package:2"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"usr": "1000"}, r"does not know `usr` in `docker` \(did you mean `user`\?\)"),
        ({"container_name": "mine"}, "`container_name` is not allowed in `docker`"),
        ({"environment": {"A": "b"}}, "`environment` is not allowed in `docker`"),
    ],
)
def test_an_override_that_cannot_be_is_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make(docker=overrides)


def test_wrong_resources_are_refused_at_parse() -> None:
    with pytest.raises(UsageError, match="not a quantity"):
        make(resources={"limits": {"memory": "lots"}})


def test_the_caller_s_dicts_stay_as_they_were() -> None:
    given = {
        "env_vars": {"A": "1"},
        "docker": {"labels": {"x": "y"}, "mounts": [{"target": "/d", "source": "v", "type": "volume"}]},
        "resources": {"limits": {"cpu": "1"}},
        "func_kwargs": {"a": {"b": [1]}},
    }
    before = copy.deepcopy(given)
    make(**given)
    assert given == before


def test_neither_time_nor_environment_is_in_the_serialised_dag() -> None:
    def text() -> str:
        with DAG("d", schedule=None, start_date=datetime(2025, 1, 1)) as dag:
            make(env_vars={"TOKEN": "told-to-nobody"}, secrets=["s"])
        return str(DagSerialization.serialize_dag(dag))

    assert text() == text()
    assert "told-to-nobody" not in text()
    assert "container_name': '" not in text()


def test_names_tell_tasks_apart_and_stay_the_same() -> None:
    one = container_name("p", "My DAG", "group.task", "manual__2025-01-01T00:00:00+00:00", -1)
    assert one == container_name("p", "My DAG", "group.task", "manual__2025-01-01T00:00:00+00:00", None)
    assert one.startswith("My-DAG-group-task-")
    others = {
        container_name("q", "My DAG", "group.task", "manual__2025-01-01T00:00:00+00:00", -1),
        container_name("p", "My DAG", "group-task", "manual__2025-01-01T00:00:00+00:00", -1),
        container_name("p", "My DAG", "group.task", "manual__2025-01-02T00:00:00+00:00", -1),
        container_name("p", "My DAG", "group.task", "manual__2025-01-01T00:00:00+00:00", 0),
    }
    assert len(others | {one}) == 5
    assert container_name("p", "ü" * 300, "ö", "r", 3).isascii()
    dag, task, _ = container_name("p", "d" * 50, "t" * 50, "r", None).split("-")
    assert (dag, task) == ("d" * 40, "t" * 40)


@pytest.mark.parametrize("status", [404, 500])
def test_only_a_conflict_removes_a_leftover(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    def refuse(**_: Any) -> None:
        raise APIError("refused", SimpleNamespace(status_code=status), "not today")  # type: ignore[arg-type]

    task = make()
    # It cannot even look for a leftover.
    monkeypatch.setattr(type(task), "cli", SimpleNamespace(create_host_config=dict, create_container=refuse))
    ti = SimpleNamespace(dag_id="flow", task_id="t", run_id="run", map_index=None)
    with pytest.raises(Exception, match="the Docker engine refused the container of task `t`: not today"):
        task.create_container({"ti": ti}, {})


@pytest.mark.parametrize(("index", "label"), [(None, None), (-1, None), (0, "0"), (3, "3")])
def test_the_label_of_an_instance_is_its_index(index: int | None, label: str | None) -> None:
    ti = SimpleNamespace(dag_id="flow", task_id="t", run_id="run", map_index=index)
    assert labels(["mine"], "p", ti).get("gaiaflow.map_index") == label


def test_the_container_gets_the_limits_and_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    task = make(resources={"limits": {"cpu": "1500m", "memory": "1Gi"}, "gpu": 2})
    monkeypatch.setattr(type(task), "cli", SimpleNamespace(create_host_config=dict))
    monkeypatch.setenv("GAIAFLOW_NETWORK", "stack")
    given = task._host_config({})
    assert (given["nano_cpus"], given["mem_limit"]) == (1_500_000_000, 2**30)
    (gpus,) = given["device_requests"]
    assert (gpus["Count"], gpus["Capabilities"]) == (2, [["gpu"]])
    assert given["network_mode"] == "stack"


def test_lines_survive_the_borders_of_chunks() -> None:
    data = "grüße\r\n世界\n\nend".encode()
    for size in (1, 2, 3, 100):
        chunks = [data[i : i + size] for i in range(0, len(data), size)]
        assert list(lines_of(chunks)) == ["grüße", "世界", "", "end"]


def test_the_archive_holds_a_folder_for_everybody_and_the_call() -> None:
    data = folder_archive({"call.json": '{"ü": 1}'})
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getmember(FOLDER).mode == 0o1777
        assert archive.getmember(f"{FOLDER}/call.json").mode == 0o644
        call = archive.extractfile(f"{FOLDER}/call.json")
        assert call
        assert call.read().decode() == '{"ü": 1}'


def test_the_result_is_the_first_file_of_an_archive() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("result.json")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"null"))
    assert only_file([buffer.getvalue()[:100], buffer.getvalue()[100:]]) == "null"


@pytest.mark.parametrize(
    ("code", "out_of_memory", "text"),
    [
        (3, False, "exited with code 3"),
        (137, False, "was terminated by signal 9"),
        (137, True, "was killed: it used more memory than its limit"),
        (255, False, "exited with code 255"),
    ],
)
def test_an_ending_reads_the_same_in_every_mode(code: int, out_of_memory: bool, text: str) -> None:
    assert ending(code, out_of_memory) == text


@pytest.mark.parametrize("lost", [RequestsConnectionError("the engine went away"), APIError("busy")])
def test_a_container_that_cannot_be_removed_hides_no_other_error(
    monkeypatch: pytest.MonkeyPatch, lost: Exception
) -> None:
    asked = []

    class Engine:
        def stop(self, *_: Any, **__: Any) -> None:
            asked.append("stop")

        def remove_container(self, *_: Any, **__: Any) -> None:
            asked.append("remove")
            raise lost

    task = make()
    monkeypatch.setattr(type(task), "cli", Engine())
    task.container = {"Id": "0123456789abcdef"}
    task.on_kill()
    assert asked == ["stop", "remove"]


class Hungry:
    """An engine whose first containers are killed for their memory; the limits of all."""

    def __init__(self, killed: int) -> None:
        self.killed, self.limits = killed, []  # type: ignore[var-annotated]

    def create_host_config(self, mem_limit: int, **_: Any) -> dict[str, Any]:
        self.limits.append(mem_limit // 2**20)
        return {}

    def create_container(self, **_: Any) -> dict[str, str]:
        return {"Id": f"c{len(self.limits)}"}

    def attach(self, *_: Any, **__: Any) -> list[bytes]:
        return []

    def wait(self, _name: str) -> dict[str, int]:
        return {"StatusCode": 137 if len(self.limits) <= self.killed else 0}

    def inspect_container(self, _name: str) -> dict[str, Any]:
        return {"State": {"OOMKilled": len(self.limits) <= self.killed}}

    def inspect_image(self, _name: str) -> dict[str, str]:
        return {"Id": "sha256:1"}

    def nothing(self, *_: Any, **__: Any) -> None: ...

    put_archive = start = stop = remove_container = nothing


@pytest.mark.parametrize(
    ("killed", "limits", "fails"),
    [(0, [64], False), (2, [64, 128, 256], False), (9, [64, 128, 256, 512], True)],
)
def test_an_out_of_memory_kill_is_tried_with_more(
    monkeypatch: pytest.MonkeyPatch, killed: int, limits: list[int], fails: bool
) -> None:
    resources = {"limits": {"memory": "64Mi"}, "memory_on_oom": "2x"}
    task, engine = make(resources=resources, do_xcom_push=False), Hungry(killed)
    monkeypatch.setattr(type(task), "cli", engine)
    task.func_args, task.func_kwargs = [], {}
    ti = SimpleNamespace(dag_id="flow", task_id="t", run_id="run", map_index=-1, try_number=1)
    context = {"ti": ti, "params": {}}
    with pytest.raises(TaskFailedError, match="more memory than its limit") if fails else nullcontext():
        task.execute(context)
    assert engine.limits == limits
