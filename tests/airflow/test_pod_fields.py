"""Parts of a pod as plain dicts: what the cluster gets, and what is refused when the file is read."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from kubernetes.client import ApiClient, models

from gaiaflow.dagfactory import Task
from gaiaflow.errors import UsageError
from gaiaflow.podfield import EXAMPLES
from gaiaflow.tasks import create_task

k8s: Any = models
VOLUME = {"name": "tiles", "persistentVolumeClaim": {"claimName": "tiles"}}
MOUNT = {"name": "tiles", "mountPath": "/data", "readOnly": True}
TOLERATION = {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}
AFFINITY = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]
        }
    }
}
INIT = {"name": "wait", "image": "busybox:1.36", "command": ["true"], "volumeMounts": [MOUNT]}
PARTS = {
    "volumes": [VOLUME, {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}],
    "volume_mounts": [MOUNT],
    "tolerations": [TOLERATION],
    "affinity": AFFINITY,
    "node_selector": {"pool": "gpu"},
    "init_containers": [INIT],
    "env_from": [{"configMapRef": {"name": "settings"}}],
}


def make(kubernetes: Any, factory: Any = create_task, **given: Any) -> Any:
    return factory(
        task_id="t",
        func_path="package.module:function",
        image="i:1",
        mode="prod",
        kubernetes=kubernetes,
        **given,
    )


def pod(task: Any) -> dict[str, Any]:
    """The pod as the cluster's API gets it."""
    ti = SimpleNamespace(dag_id="d", task_id="t", run_id="run", map_index=-1, try_number=1)
    task.func_args, task.func_kwargs = (list(task.func_args.value), dict(task.func_kwargs.value))
    context = {"ti": ti, "run_id": "run", "dag": SimpleNamespace(), "params": {}}
    task.namespace = "n"
    made = task.build_pod_request_obj(context, dry_run=True)
    return dict(ApiClient().sanitize_for_serialization(made)["spec"])


def expect_parts(spec: dict[str, Any]) -> None:
    base = spec["containers"][0]
    assert [v for v in spec["volumes"] if v["name"] != "xcom"] == PARTS["volumes"]
    assert [m for m in base["volumeMounts"] if m["name"] != "xcom"] == [MOUNT]
    assert (spec["tolerations"], spec["affinity"], spec["nodeSelector"]) == (
        [TOLERATION],
        AFFINITY,
        {"pool": "gpu"},
    )
    (init,) = spec["initContainers"]
    assert init.pop("securityContext")["capabilities"] == {"drop": ["ALL"]}
    assert init == INIT
    assert base["envFrom"] == PARTS["env_from"]


def test_dicts_reach_the_cluster_as_they_are_and_stay_as_they_were() -> None:
    given = copy.deepcopy(PARTS)
    expect_parts(pod(make(given)))
    assert given == PARTS


def test_so_they_do_from_yaml() -> None:
    expect_parts(pod(make(yaml.safe_load(yaml.safe_dump(PARTS)), Task)))


def test_a_task_that_is_built_again_has_the_same_pod() -> None:
    task = make(PARTS)
    assert pod(task)["volumes"] == pod_again(task)["volumes"]


def pod_again(task: Any) -> dict[str, Any]:
    ti = SimpleNamespace(dag_id="d", task_id="t", run_id="run", map_index=-1, try_number=2)
    context = {"ti": ti, "run_id": "run", "dag": SimpleNamespace(), "params": {}}
    made = task.build_pod_request_obj(context, dry_run=True)
    return dict(ApiClient().sanitize_for_serialization(made)["spec"])


def test_objects_of_the_client_work_beside_dicts() -> None:
    claim = k8s.V1PersistentVolumeClaimVolumeSource(claim_name="tiles")
    volume = k8s.V1Volume(name="tiles", persistent_volume_claim=claim)
    assert VOLUME in pod(make({"volumes": [volume], "volume_mounts": [MOUNT]}))["volumes"]


def test_a_mapped_task_is_stored_with_them() -> None:
    with DAG("d", schedule=None) as dag:
        make(PARTS, map_over={"tile": [1, 2]})
    assert "claimName" in str(DagSerialization.serialize_dag(dag))


def test_a_mount_of_a_template_s_volume_is_left_to_the_cluster() -> None:
    make({"volume_mounts": [MOUNT], "pod_template_dict": {"spec": {"volumes": [VOLUME]}}})


def test_a_disk_s_limit_and_devices_reach_the_pod() -> None:
    limits = {"ephemeral-storage": "2Gi", "nvidia.com/mig-1g.5gb": 1}
    found = pod(make({}, resources={"limits": limits}))
    assert found["containers"][0]["resources"] == {
        "limits": {"ephemeral-storage": "2Gi", "nvidia.com/mig-1g.5gb": "1"}
    }


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        (
            "volumes",
            [{"name": "tiles", "persistent_volume_claim": {}}],
            "`kubernetes['volumes'][0]` has the field `persistent_volume_claim`"
            " (did you mean `persistentVolumeClaim`?)",
        ),
        (
            "volumes",
            [{"name": "tiles", "persistentVolumeClaim": {}}],
            "`kubernetes['volumes'][0]['persistentVolumeClaim']` has no `claimName`",
        ),
        (
            "volumes",
            [{"name": "c", "configMap": {"name": "x", "items": [{"key": "k"}]}}],
            "`kubernetes['volumes'][0]['configMap']['items'][0]` has no `path`",
        ),
        ("volumes", ["tiles"], "`kubernetes['volumes'][0]` is 'tiles', not a dict"),
        ("volumes", "tiles", "`kubernetes['volumes']` is 'tiles', not a list"),
        (
            "volumes",
            [{"name": "tmp", "emptyDir": {"sizeLimit": 5}}],
            "`kubernetes['volumes'][0]['emptyDir']['sizeLimit']` is 5, not text",
        ),
        (
            "volumes",
            [{**VOLUME, "emptyDir": {}}],
            "`kubernetes['volumes'][0]` has two kinds: emptyDir, persistentVolumeClaim",
        ),
        (
            "tolerations",
            [{"key": "gpu", "efect": "NoSchedule"}],
            "`kubernetes['tolerations'][0]` has the field `efect` (did you mean `effect`?)",
        ),
        (
            "tolerations",
            [{"key": "gpu", "tolerationSeconds": True}],
            "`kubernetes['tolerations'][0]['tolerationSeconds']` is True, not a whole number",
        ),
        (
            "affinity",
            {"nodeAfinity": {}},
            "`kubernetes['affinity']` has the field `nodeAfinity` (did you mean `nodeAffinity`?)",
        ),
        ("node_selector", {"gpu": True}, "`kubernetes['node_selector']['gpu']` is True, not text"),
        ("node_selector", ["gpu"], "`kubernetes['node_selector']` is ['gpu'], not a dict"),
        ("env_from", [{"configMapRef": []}], "`kubernetes['env_from'][0]['configMapRef']` is [], not a dict"),
    ],
)
def test_a_wrong_part_is_refused_when_the_file_is_read(part: str, value: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        make({part: value})
    assert [caught.value.message, caught.value.hint] == [f"task `t`: {message}", EXAMPLES[part]]


def test_a_mount_names_a_volume() -> None:
    with pytest.raises(UsageError) as caught:
        make({"volumes": [VOLUME], "volume_mounts": [{**MOUNT, "name": "tils"}]})
    assert caught.value.message == (
        "task `t`: `kubernetes['volume_mounts'][0]` names the volume `tils`, which is not in `volumes`"
        " (did you mean `tiles`?)"
    )
