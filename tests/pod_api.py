"""A fake of Kubernetes' core API, and a pod that an operator sends to it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException

from gaiaflow.tasks import create_task


class Api:
    """As much of the core API as a launch asks for.

    Args:
        refused: what it says to a Secret.
    """

    def __init__(self, refused: tuple[int, str] | None = None) -> None:
        self.api_client = ApiClient()
        self.refused = refused
        self.pods: dict[str, Any] = {}
        self.secrets: list[dict[str, Any]] = []

    def create_namespaced_pod(self, body: dict[str, Any], **_: Any) -> Any:
        self.pods[body["metadata"]["name"]] = body

    def read_namespaced_pod(self, name: str, _namespace: str) -> Any:
        return SimpleNamespace(metadata=SimpleNamespace(name=name, namespace="mine", uid=f"uid of {name}"))

    def list_namespaced_pod(self, **_: Any) -> Any:
        return SimpleNamespace(items=[])

    def create_namespaced_secret(self, _namespace: str, body: dict[str, Any]) -> None:
        if self.refused:
            raise refusal(*self.refused)
        self.secrets.append(body)

    def delete_namespaced_pod(self, name: str, *_: Any, **__: Any) -> None:
        del self.pods[name]


def refusal(code: int, said: str) -> ApiException:
    error = ApiException(status=code)
    error.body = json.dumps({"message": said})
    return error


def launched(monkeypatch: pytest.MonkeyPatch, api: Api, mode: str = "prod", **given: Any) -> Any:
    """The pod of a task, as it is sent."""
    task = create_task("t", "package.module:function", image="p/p:1", mode=mode, **given)
    monkeypatch.setattr(type(task), "client", api)
    task.func_args, task.func_kwargs = list(task.func_args.value), {}
    ti = SimpleNamespace(dag_id="flow", task_id="t", run_id="run", map_index=-1, try_number=1)
    context = {"ti": ti, "run_id": "run", "dag": SimpleNamespace(), "params": {}}
    made = task.build_pod_request_obj(context, dry_run=True)
    task.get_or_create_pod(made, context)
    return ApiClient().sanitize_for_serialization(made)
