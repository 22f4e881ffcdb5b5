"""All that gaiaflow sends to a cluster, by the schemas of each Kubernetes and by the Pod Security Standards.

The pods of the other tests of this folder are checked where they are built, see conftest.py.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import ApiClient, models

from gaiaflow.doctor import pod as doctor
from gaiaflow.endpoints import PORTS, Endpoints
from gaiaflow.infra.cluster.manifests import EXECUTOR, ORDER, manifests
from gaiaflow.infra.cluster.target import Target
from gaiaflow.models import deployment
from gaiaflow.operators.kubernetes import PodOperator
from gaiaflow.operators.pod import spec as pod_spec
from gaiaflow.operators.resources import PROFILES
from gaiaflow.production import manifests as production
from gaiaflow.project import Project
from gaiaflow.settings import Settings
from gaiaflow.stack import worker
from gaiaflow.tasks import create_task
from gaiaflow.testing.podstandard import BASELINE, violations

pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate: nox -s tests_airflow")
from tests.pod_form import OLDEST, VERSIONS, misfits, newest

k8s: Any = models
PROJECT = Project(Path("/demo"), Path("/demo"), "demo", Settings(), {})
VOLUME = {"name": "tiles", "persistentVolumeClaim": {"claimName": "tiles"}}
TASKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "in production": {"mode": "prod", "secrets": ["keys"], "env_vars": {"A": "$1"}},
    "without a result": {"do_xcom_push": False},
    **{f"profile {name}": {"resources": given} for name, given in PROFILES.items()},
    "devices": {"resources": {"limits": {"ephemeral-storage": "1Gi", "nvidia.com/mig-1g.5gb": 1}}},
    "parts as dicts": {
        "kubernetes": {
            "volumes": [VOLUME, {"name": "tmp", "emptyDir": {}}],
            "volume_mounts": [{"name": "tiles", "mountPath": "/data", "readOnly": True}],
            "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
            "init_containers": [{"name": "wait", "image": "busybox:1.36"}],
            "env_from": [{"configMapRef": {"name": "settings"}}],
            "affinity": {"nodeAffinity": {}},
            "node_selector": {"pool": "gpu"},
        }
    },
}


def pod(**arguments: Any) -> dict[str, Any]:
    """The pod of a task, as the cluster's API gets it."""
    given = {"image": "project/package:1", "mode": "prod_local", **arguments}
    task = create_task("t", "package.module:function", **given)
    task.namespace = "mine"
    ti = SimpleNamespace(dag_id="flow", task_id="t", run_id="run", map_index=-1, try_number=1)
    task.func_args, task.func_kwargs = [], {}
    context = {"ti": ti, "run_id": "run", "dag": SimpleNamespace(), "params": {}}
    return dict(ApiClient().sanitize_for_serialization(task.build_pod_request_obj(context, dry_run=True)))


@pytest.fixture
def worker_pod(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    target = Target(Project.find(tmp_path), "p", "", "mine")
    return worker._pod(target, "demo/worker:1", Endpoints(dict.fromkeys(PORTS, 1)))


def objects() -> Iterator[dict[str, Any]]:
    """Each object that is no task's pod."""
    yield from manifests({"gaiaflow/project": "demo"}, "mine", (*ORDER, *EXECUTOR))
    yield from production.manifests(PROJECT, "mine", "airflow/worker")
    yield from deployment.objects(deployment.Deployed("Co2", 3, "run", "p/m:1", 2), PROJECT, "mine")
    yield doctor.spec(PROJECT, "mine", "gaiaflow-doctor-abc", "p/p:1", ["mlflow=http://mlflow:5000"])


def test_the_schemas_reach_from_the_oldest_to_the_newest_version() -> None:
    """Red when the package knows a newer Kubernetes: raise `VERSIONS`."""
    assert tuple(f"1.{minor}" for minor in range(OLDEST, newest() + 1)) == VERSIONS


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"volums": []}, "spec: Additional properties are not allowed ('volums' was unexpected)"),
        ({"restartPolicy": 1}, "spec.restartPolicy: 1 is not of type 'string', 'null'"),
    ],
)
def test_what_does_not_fit_is_named_with_its_version(change: dict[str, Any], said: str) -> None:
    made = pod()
    made["spec"].update(change)
    assert list(misfits(made)) == [f"{version}: {said}" for version in VERSIONS]


def test_a_field_of_a_later_version_is_refused_by_the_earlier_ones() -> None:
    made = pod()
    made["spec"]["volumes"].append({"name": "data", "image": {"reference": "p/data:1"}})
    said = [line.partition(":")[0] for line in misfits(made)]
    assert said == ["1.29", "1.30"]


def test_a_pod_of_the_operator_that_does_not_fit_is_seen_where_it_is_built() -> None:
    with pytest.raises(pytest.fail.Exception, match="Additional properties are not allowed"):
        pod(kubernetes={"dns_config": {"nameserver": ["1.1.1.1"]}})


@pytest.mark.parametrize("name", TASKS)
def test_a_task_s_pod_fits_and_is_restricted(name: str) -> None:
    made = pod(**copy.deepcopy(TASKS[name]))
    assert list(misfits(made)) == []
    assert violations(made) == []


@pytest.mark.parametrize(
    "thing", list(objects()), ids=lambda thing: f"{thing['kind']}-{thing['metadata']['name']}"
)
def test_an_object_fits(thing: dict[str, Any]) -> None:
    assert list(misfits(thing)) == []


def test_the_pods_of_doctor_worker_and_model_are_restricted(worker_pod: dict[str, Any]) -> None:
    assert list(misfits(worker_pod)) == []
    served = next(thing for thing in objects() if thing["kind"] == "Deployment")["spec"]["template"]
    asking = next(thing for thing in objects() if thing["kind"] == "Pod")
    assert [violations(made) for made in (worker_pod, served, asking)] == [[], [], []]


def bare(**context: Any) -> Any:
    """A pod with the restricted context of its own, whose containers have the given one or none."""
    containers = [k8s.V1Container(name="base", image="i", security_context=context or None)]
    first = [k8s.V1Container(name="first", image="i", security_context=context or None)]
    return k8s.V1Pod(
        metadata=k8s.V1ObjectMeta(name="p"),
        spec=k8s.V1PodSpec(
            containers=containers,
            init_containers=first,
            security_context=pod_spec.pod_security_context(None),
        ),
    )


def wire(made: Any) -> Mapping[str, Any]:
    return dict(ApiClient().sanitize_for_serialization(made))


def test_restrict_makes_each_bare_container_restricted() -> None:
    made = bare()
    assert len(violations(wire(made))) == 4
    pod_spec.restrict(made)
    assert violations(wire(made)) == []


@pytest.mark.parametrize(
    ("context", "control", "level"),
    [
        ({"privileged": True}, "Privileged Containers", BASELINE),
        ({"procMount": "Unmasked"}, "/proc Mount Type", BASELINE),
        ({"seccompProfile": {"type": "Unconfined"}}, "Seccomp", BASELINE),
        ({"capabilities": {"add": ["SYS_ADMIN"], "drop": ["ALL"]}}, "Capabilities", BASELINE),
        ({"allowPrivilegeEscalation": True}, "Privilege Escalation", "restricted"),
        ({"runAsUser": 0}, "Running as Non-root user", "restricted"),
        ({"runAsNonRoot": False}, "Running as Non-root", "restricted"),
    ],
)
def test_what_the_caller_sets_stays_and_is_named(context: dict[str, Any], control: str, level: str) -> None:
    made = pod(kubernetes={"container_security_context": context})
    found = next(c for c in made["spec"]["containers"] if c["name"] == "base")["securityContext"]
    assert found.items() >= context.items()
    assert any(line.startswith("container `base`") and f"({control})" in line for line in violations(made))
    assert bool(violations(made, BASELINE)) is (level == BASELINE)


def test_the_operator_is_the_one_that_is_watched() -> None:
    assert PodOperator.build_pod_request_obj.__module__ == "tests.pod_form"
