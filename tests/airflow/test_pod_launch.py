"""How a pod comes to be, with a fake API: its large call, and what the cluster refuses."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from gaiaflow.errors import GaiaflowError
from gaiaflow.inspection.production import _mounted
from tests.pod_api import Api, launched

LARGE = "x" * 100_000


@pytest.fixture(autouse=True)
def _place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_NAMESPACE", "mine")
    monkeypatch.setenv("GAIAFLOW_PROJECT_NAME", "demo")


def base(pod: Any) -> Any:
    return next(c for c in pod["spec"]["containers"] if c["name"] == "base")


def test_a_small_call_is_in_the_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api()
    names = {v["name"] for v in base(launched(monkeypatch, api, func_args=["x"]))["env"]}
    assert "GAIAFLOW_CALL" in names
    assert api.secrets == []


def test_a_large_call_comes_by_a_secret_of_the_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api()
    pod = launched(monkeypatch, api, func_args=[LARGE])
    name = pod["metadata"]["name"]
    variables = {v["name"]: v["value"] for v in base(pod)["env"]}
    assert "GAIAFLOW_CALL" not in variables
    assert variables["GAIAFLOW_CALL_FILE"] == "/gaiaflow/call.json"
    assert {"name": "gaiaflow-call", "secret": {"secretName": name}} in pod["spec"]["volumes"]
    mount = {"name": "gaiaflow-call", "mountPath": "/gaiaflow", "readOnly": True}
    assert mount in base(pod)["volumeMounts"]
    (secret,) = api.secrets
    assert json.loads(base64.b64decode(secret["data"]["call.json"]))["args"] == [LARGE]
    owner = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": f"uid of {name}"}
    assert secret["metadata"] == {
        "name": name,
        "labels": {"gaiaflow/project": "demo"},
        "ownerReferences": [owner],
    }


def test_the_check_for_production_does_not_look_for_the_secret_of_a_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pod = launched(monkeypatch, Api(), func_args=[LARGE], secrets=["keys"])
    assert _mounted(pod) == {"keys"}


def test_the_secret_of_a_pod_that_is_taken_up_again_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api(refused=(409, "already exists"))
    launched(monkeypatch, api, func_args=[LARGE])
    assert len(api.pods) == 1


@pytest.mark.parametrize(
    ("mode", "hint"),
    [("prod_local", "inv prodlocal.start"), ("prod", "inv prod.manifests | kubectl apply -f -")],
)
def test_an_account_that_may_not_create_secrets(monkeypatch: pytest.MonkeyPatch, mode: str, hint: str) -> None:
    api = Api(refused=(403, "secrets is forbidden"))
    with pytest.raises(GaiaflowError) as caught:
        launched(monkeypatch, api, mode, func_args=[LARGE])
    assert caught.value.message == (
        "the cluster refused the secret with the arguments of task `t`: secrets is forbidden"
    )
    assert caught.value.hint == hint
    assert caught.value.is_final
    assert api.pods == {}
