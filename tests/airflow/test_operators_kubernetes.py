"""The operator of prod_local and prod, and the pod it makes; no cluster is asked."""

from __future__ import annotations

import copy
import json
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from kubernetes.client import ApiClient

from gaiaflow.errors import MissingError, UsageError
from gaiaflow.operators.pod.start import hopeless, image_error, waiting_error
from gaiaflow.operators.resources import PROFILES, chosen, quantity
from gaiaflow.tasks import create_task


@pytest.fixture(autouse=True)
def _contract(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "stack.env").write_text("MLFLOW_TRACKING_URI=http://host.minikube.internal:5000\n")
    for name in ("GAIAFLOW_IMAGE", "GAIAFLOW_MODE", "GAIAFLOW_PROJECT_ID", "GAIAFLOW_KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GAIAFLOW_NAMESPACE", "mine")
    monkeypatch.setenv("GAIAFLOW_PROJECT_NAME", "demo")
    monkeypatch.setenv("GAIAFLOW_TASK_ENV_PROD_LOCAL", str(tmp_path / "stack.env"))


def make(**arguments: Any) -> Any:
    given = {"image": "project/package:1", "mode": "prod_local", **arguments}
    return create_task("group.t", "package.module:function", **given)


def pod(params: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    """The pod as the cluster's API gets it."""
    task = make(**arguments)
    ti = SimpleNamespace(dag_id="My DAG", task_id="group.t", run_id="run", map_index=-1, try_number=1)
    task.func_args, task.func_kwargs = (list(task.func_args.value), dict(task.func_kwargs.value))
    context = {"ti": ti, "run_id": "run", "dag": SimpleNamespace(), "params": params or {}}
    made = task.build_pod_request_obj(context, dry_run=True)
    return dict(ApiClient().sanitize_for_serialization(made))


def base(made: dict[str, Any]) -> dict[str, Any]:
    return next(dict(c) for c in made["spec"]["containers"] if c["name"] == "base")


def variables(made: dict[str, Any]) -> dict[str, str]:
    return {v["name"]: v["value"] for v in base(made)["env"]}


def test_it_is_a_pod_operator_with_the_caller_s_arguments() -> None:
    task = make(retries=5, pool="few", kubernetes={"node_selector": {"disk": "ssd"}})
    assert isinstance(task, KubernetesPodOperator)
    assert (task.retries, task.pool, task.node_selector) == (5, "few", {"disk": "ssd"})


def test_both_containers_are_restricted() -> None:
    made = pod()
    assert [c["name"] for c in made["spec"]["containers"]] == ["base", "airflow-xcom-sidecar"]
    for container in made["spec"]["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert made["spec"]["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert made["spec"]["automountServiceAccountToken"] is False


def test_a_security_context_of_the_caller_s_counts_over_ours() -> None:
    made = pod(kubernetes={"security_context": {"runAsUser": 1000, "fsGroup": 1000}})
    assert made["spec"]["securityContext"]["runAsUser"] == 1000
    assert made["spec"]["securityContext"]["runAsNonRoot"] is True


def test_no_sidecar_where_nothing_is_pushed() -> None:
    made = pod(do_xcom_push=False)
    assert [c["name"] for c in made["spec"]["containers"]] == ["base"]
    assert "GAIAFLOW_RESULT_FILE" not in variables(made)


def test_labels_and_name_say_whose_it_is() -> None:
    metadata = pod()["metadata"]
    assert metadata["namespace"] == "mine"
    assert metadata["name"].startswith("my-dag-group-t-")
    assert metadata["labels"]["gaiaflow/project"] == "demo"
    assert metadata["labels"]["app.kubernetes.io/managed-by"] == "gaiaflow"
    assert metadata["labels"]["task_id"] == "group.t"
    assert metadata["labels"]["run_id"] == "run"


def test_the_call_is_data_for_airflow_and_for_kubernetes() -> None:
    made = pod(func_args=["{{ ds }}", "$(HOME) $$"], env_vars={"A": "$(B)"})
    call = variables(made)["GAIAFLOW_CALL"].replace("$$", "$")
    assert json.loads(call)["args"] == ["{{ ds }}", "$(HOME) $$"]
    assert variables(made)["A"] == "$$(B)"


def test_secrets_are_mounted_so_that_they_win() -> None:
    sources = base(pod(secrets=["s"]))["envFrom"]
    assert sources == [
        {"secretRef": {"name": "s"}},
        {"prefix": "GAIAFLOW_SECRET_", "secretRef": {"name": "s"}},
    ]


def test_the_stack_s_addresses_are_only_in_prod_local() -> None:
    assert variables(pod())["MLFLOW_TRACKING_URI"] == "http://host.minikube.internal:5000"
    made = pod(mode="prod", env_vars={"A": "b"})
    assert set(variables(made)) == {
        "A",
        "GAIAFLOW_CALL",
        "GAIAFLOW_MESSAGE_FILE",
        "GAIAFLOW_RESULT_FILE",
        "GAIAFLOW_LOG_LEVELS",
        "GAIAFLOW_TAGS",
    }


def test_each_mode_knows_its_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_KUBECONFIG", "/k/config")
    local, prod = make(), make(mode="prod")
    assert (local.in_cluster, local.config_file, local.image_pull_policy) == (
        False,
        "/k/config",
        "IfNotPresent",
    )
    assert (prod.in_cluster, prod.config_file, prod.image_pull_policy) == (True, None, None)
    assert make(mode="prod", kubernetes={"namespace": "theirs"}).namespace == "theirs"


def test_without_a_cluster_the_task_says_how_to_get_one() -> None:
    with pytest.raises(MissingError, match="no local cluster") as caught:
        make()._require_cluster()
    assert caught.value.hint == "inv prodlocal.start"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"node_selectors": {}},
            r"does not know `node_selectors` in `kubernetes` \(did you mean `node_selector`\?\)",
        ),
        ({"env_vars": {}}, "`env_vars` is not allowed in `kubernetes`"),
    ],
)
def test_an_override_that_cannot_be_is_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make(kubernetes=overrides)


def test_a_missing_image_is_refused_with_a_command() -> None:
    with pytest.raises(UsageError, match="mode `prod` needs an image"):
        make(mode="prod", image=None)


def test_resources_become_requests_and_limits() -> None:
    given = {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}, "gpu": 2}
    assert base(pod(resources=given))["resources"] == {
        "requests": {"cpu": "100m"},
        "limits": {"memory": "1Gi", "nvidia.com/gpu": "2"},
    }


def test_the_dag_s_param_names_a_profile_where_the_task_has_none() -> None:
    assert base(pod({"resource_profile": "low"}))["resources"] == PROFILES["low"]
    own = {"limits": {"cpu": "3"}}
    assert base(pod({"resource_profile": "low"}, resources=own))["resources"] == own
    assert "resources" not in base(pod())
    with pytest.raises(UsageError, match=r"no resource profile `hgih` \(did you mean `high`\?\)"):
        chosen({}, {"resource_profile": "hgih"})


@pytest.mark.parametrize(("text", "value"), [("500m", 0.5), ("2", 2), ("1.5Gi", 1.5 * 2**30), ("1k", 1000)])
def test_quantities_read_as_kubernetes_reads_them(text: str, value: float) -> None:
    assert float(quantity(text)) == value


@pytest.mark.parametrize("wrong", [{"limit": {}}, {"limits": {"ram": "1Gi"}}, {"limits": []}, {"gpu": 0.5}])
def test_wrong_resources_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="`resources"):
        make(resources=wrong)


def test_the_caller_s_dicts_stay_as_they_were() -> None:
    given = {
        "env_vars": {"A": "$"},
        "kubernetes": {"labels": {"x": "y"}, "security_context": {"runAsUser": 1}},
        "resources": {"limits": {"cpu": "1"}},
        "func_kwargs": {"a": {"b": [1]}},
        "secrets": ["s"],
    }
    before = copy.deepcopy(given)
    pod(**given)
    pod(**given)
    assert given == before


def test_neither_time_nor_environment_is_in_the_serialised_dag() -> None:
    def text() -> str:
        with DAG("d", schedule=None, start_date=datetime(2025, 1, 1)) as dag:
            make(env_vars={"TOKEN": "told-to-nobody"})
        return str(DagSerialization.serialize_dag(dag))

    assert text() == text()
    assert "told-to-nobody" not in text()
    assert "host.minikube.internal" not in text()


def waiting(reason: str, message: str) -> Any:
    state = SimpleNamespace(waiting=SimpleNamespace(reason=reason, message=message))
    return SimpleNamespace(
        status=SimpleNamespace(container_statuses=[SimpleNamespace(state=state)], conditions=None)
    )


def test_what_can_never_start_is_given_up_by_name() -> None:
    error = hopeless(waiting("CreateContainerConfigError", 'secret "nowhere" not found'))
    assert isinstance(error, MissingError)
    assert error.message == "secret `nowhere` is not in the cluster"
    root = "container has runAsNonRoot and image will run as root"
    assert "does not allow containers to run as root" in str(
        hopeless(waiting("CreateContainerConfigError", root))
    )
    assert hopeless(waiting("ContainerCreating", "")) is None
    assert isinstance(waiting_error(waiting("ErrImageNeverPull", "none"), "i:1", "prod_local"), MissingError)


def test_an_image_that_cannot_be_pulled_names_the_command_of_its_mode() -> None:
    error = image_error(
        "i:1", "prod_local", "Image cannot be pulled, unable to start: ErrImagePull\nno such host"
    )
    assert isinstance(error, MissingError)
    assert (error.message, error.hint) == (
        "image `i:1` is not in the local cluster: ErrImagePull no such host",
        "inv prodlocal.dockerize",
    )
