"""A folder of data by its name, as the operator of each mode hands it over; no engine, no cluster."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from docker.types import Mount
from kubernetes.client import ApiClient

from gaiaflow.errors import MissingError, UsageError
from gaiaflow.operators.pod import start as pod_start
from gaiaflow.project import Project
from gaiaflow.tasks import create_task, task_factory
from gaiaflow.testing.run import load_dag, run_dag

MODES = ("dev", "dev_docker", "prod_local", "prod")
TARGET = "/opt/gaiaflow/data/tiles"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that Airflow's variable names."""
    made = tmp_path / "tiles"
    made.mkdir()
    table = {
        "tiles": {"path": str(made), "claim": "tiles-claim"},
        "here": {"path": str(made), "writable": True},
    }
    monkeypatch.setenv("GAIAFLOW_DATA", json.dumps(table))
    return made


def make(mode: str, **arguments: Any) -> Any:
    given = {"image": "project/package:1", "mode": mode, "data": ["tiles"], **arguments}
    return create_task("t", "parity.folder:digests", **given)


def pod(**arguments: Any) -> dict[str, Any]:
    task = make("prod_local", **arguments)
    ti = SimpleNamespace(dag_id="d", task_id="t", run_id="run", map_index=-1, try_number=1)
    task.func_args, task.func_kwargs = [], {}
    context = {"ti": ti, "run_id": "run", "dag": SimpleNamespace(), "params": {}}
    task.build_pod_request_obj(context, dry_run=True)
    return dict(ApiClient().sanitize_for_serialization(task.build_pod_request_obj(context, dry_run=True)))


def test_a_pod_mounts_the_claim_read_only(folder: Path) -> None:
    made = pod()
    volumes = [v for v in made["spec"]["volumes"] if "persistentVolumeClaim" in v]
    claim = {"claimName": "tiles-claim", "readOnly": True}
    assert volumes == [{"name": "data-tiles", "persistentVolumeClaim": claim}]
    base, sidecar = made["spec"]["containers"]
    mount = {"name": "data-tiles", "mountPath": TARGET, "readOnly": True}
    assert mount in base["volumeMounts"]
    assert mount not in sidecar["volumeMounts"]
    assert {"name": "GAIAFLOW_DATA_TILES", "value": TARGET} in base["env"]


def test_it_stands_beside_volumes_of_the_author(folder: Path) -> None:
    own = {
        "volumes": [{"name": "scratch", "emptyDir": {}}],
        "volume_mounts": [{"name": "scratch", "mountPath": "/scratch"}],
    }
    made = pod(kubernetes=own)
    assert {v["name"] for v in made["spec"]["volumes"]} == {"scratch", "data-tiles", "xcom"}


def test_a_writable_claim_is_mounted_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"big_tiles": {"claim": "big", "writable": True}}
    monkeypatch.setenv("GAIAFLOW_DATA", json.dumps(table))
    made = pod(data=["big_tiles"])
    mount = made["spec"]["containers"][0]["volumeMounts"][-1]
    assert mount == {"name": "data-big-tiles", "mountPath": "/opt/gaiaflow/data/big_tiles", "readOnly": False}


def test_a_container_mounts_what_the_proxy_lets_through(folder: Path) -> None:
    from tests.socket_proxy import mount

    task = make("dev_docker", data=["tiles", "here"], docker={"mounts": [Mount("/own", "/host", type="bind")]})
    asked = json.loads(json.dumps(task._folders()))
    table = json.dumps({"tiles": {"path": str(folder)}, "here": {"path": str(folder), "writable": True}})
    assert mount.allowed(asked, mount.declared(table)) == [
        {"Type": "bind", "Source": str(folder), "Target": TARGET, "ReadOnly": True},
        {"Type": "bind", "Source": str(folder), "Target": "/opt/gaiaflow/data/here", "ReadOnly": False},
    ]
    assert task._variables({})["GAIAFLOW_DATA_TILES"] == TARGET


def test_mapped_tasks_have_it_and_the_dag_does_not_name_the_folder(folder: Path) -> None:
    for mode in MODES:
        with DAG(f"dag_{mode}", schedule=None) as dag:
            create_task(
                "t",
                "parity.folder:first_bytes",
                image="a:1",
                mode=mode,
                data=["tiles"],
                func_kwargs={"count": 1},
                map_over={"name": ["a", "b"]},
            )
        stored = json.dumps(DagSerialization.to_dict(dag), default=str)
        assert '"tiles"' in stored
        assert str(folder) not in stored


def test_the_earlier_factory_has_it(folder: Path) -> None:
    assert task_factory("t", "parity.folder:digests", env="dev", data=["tiles"]).data == ["tiles"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("tiles", "task `t`: `data` is 'tiles', not a list of names"),
        ([7], r"task `t`: `data` is \[7\], not a list of names"),
        (["tile"], r"task `t`: data `tile` is not declared \(did you mean `tiles`\?\)"),
    ],
)
def test_a_wrong_name_is_refused_at_parse(folder: Path, mode: str, data: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        make(mode, data=data)
    assert caught.value.hint


def test_pods_need_a_claim_and_others_the_folder(folder: Path) -> None:
    for mode in ("prod_local", "prod"):
        with pytest.raises(UsageError, match="task `t`: data `here` has no `claim`"):
            make(mode, data=["here"])
    folder.rmdir()
    for mode in ("dev", "dev_docker"):
        with pytest.raises(MissingError, match="task `t`: data `tiles`: no folder"):
            make(mode)
    assert make("prod").data == ["tiles"]


def test_a_claim_that_nobody_made_ends_the_wait() -> None:
    condition = SimpleNamespace(message='0/1 nodes are available: persistentvolumeclaim "tiles" not found.')
    waiting = SimpleNamespace(status=SimpleNamespace(container_statuses=None, conditions=[condition]))
    error = pod_start.hopeless(waiting)
    assert error is not None
    assert error.message == "claim `tiles` is not in the cluster"
    assert error.hint == "inv prodlocal.push-data NAME; in production: kubectl get pvc"
    assert error.is_final


PLAIN = """
from airflow.sdk import DAG
from gaiaflow.tasks import create_task
with DAG("flow", schedule=None):
    create_task("t", "pk.f:read", data=["tiles"])
"""
YAML_DAG = """
from gaiaflow.dagfactory import load_yaml_dags  # for Airflow
load_yaml_dags(globals())
"""
YAML = """
flow:
  schedule: null
  tasks:
    - task_id: t
      operator: gaiaflow.dagfactory.Task
      func_path: pk.f:read
      data: [tiles]
"""
READ = """
import os, pathlib

def read():
    return pathlib.Path(os.environ["GAIAFLOW_DATA_TILES"], "a").read_text()
"""


@pytest.mark.parametrize("kind", ["python", "yaml"])
def test_a_function_of_dev_reads_it(
    project: Callable[..., Path], kind: str, airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(PLAIN if kind == "python" else YAML_DAG, READ)
    if kind == "yaml":
        (root / "dags" / "flow.yml").write_text(YAML)
    with (root / "pyproject.toml").open("a") as file:
        file.write('[tool.gaiaflow.data]\ntiles = {path = "data/tiles", claim = "tiles"}\n')
    (root / "data" / "tiles").mkdir(parents=True)
    (root / "data" / "tiles" / "a").write_text("the bytes")
    monkeypatch.setenv("GAIAFLOW_PYTHON", __import__("sys").executable)
    found = Project.find(root)
    run = run_dag("flow", "dev", project=found, home=airflow_home, with_stack=False)
    assert run.tasks["t"].value == "the bytes", run.tasks["t"].error
    assert load_dag(found, "flow").get_task("t").data == ["tiles"]
