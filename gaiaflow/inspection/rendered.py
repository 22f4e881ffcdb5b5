"""What an operator would send: its process, its container or its pod, made by the operator's own builders."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from gaiaflow import datafolder, runner
from gaiaflow.inspection.environment import local_variables
from gaiaflow.modes import Mode
from gaiaflow.testing.render import NAMESPACE, pod_of

# The oldest API that the engines of today speak; with a version named, the client asks no engine for one.
API = "1.43"


def render(operator: Any, context: dict[str, Any]) -> dict[str, Any]:
    """Image, command, environment and resources, and the whole of what is sent."""
    if hasattr(operator, "build_pod_request_obj"):
        return _pod(operator, context)
    if hasattr(operator, "docker_url"):
        return _container(operator, context)
    return _process(operator, context)


def _process(operator: Any, context: Mapping[str, Any]) -> dict[str, Any]:
    from gaiaflow.operators.lineage import tag_variable

    result = {runner.RESULT_FILE: "a file of this run"} if operator.do_xcom_push else {}
    data = datafolder.of_task(operator.data, Mode.DEV)
    variables = local_variables(operator.secrets) | data | tag_variable(context, Mode.DEV.value)
    return {
        "image": None,
        "command": operator.command_line(),
        "environment": variables | {runner.CALL: _first_call(operator, context)} | result,
        "resources": {},
        "spec": None,
    }


def _container(operator: Any, context: Mapping[str, Any]) -> dict[str, Any]:
    from gaiaflow.operators.resources import chosen

    sent = _unsent_container(operator, context)
    resources = chosen(operator.task_resources, context["params"])
    return {
        "image": sent["Image"],
        "command": [*sent["Entrypoint"], *sent["Cmd"]],
        "environment": dict(entry.split("=", 1) for entry in sent["Env"]),
        "resources": {"limits": resources.limits, "gpu": resources.gpu} if resources.limits else {},
        "spec": sent,
    }


def _unsent_container(operator: Any, context: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the request that makes the container."""
    from docker import APIClient

    from gaiaflow.operators.lineage import tag_variable

    sent: dict[str, Any] = {}

    class Unsent(APIClient):
        def create_container_from_config(self, config: Any, name: Any = None, platform: Any = None) -> Any:
            sent.update({"name": name, **({"platform": platform} if platform else {}), **config})
            return {"Id": ""}

    operator.__dict__["hook"] = SimpleNamespace(api_client=Unsent("tcp://engine.invalid:2375", version=API))
    tags = tag_variable(context, Mode.DEV_DOCKER.value, operator.image)
    operator.create_container(context, {runner.CALL: _first_call(operator, context), **tags})
    return {key: value for key, value in sent.items() if value not in (None, "", [], {})}


def _first_call(operator: Any, context: Mapping[str, Any]) -> str:
    """The call, or the first one of a task that makes several."""
    calls = operator.encode_calls(context) if hasattr(operator, "encode_calls") else ()
    return str(calls[0] if calls else operator.encode_call(context))


def _pod(operator: Any, context: dict[str, Any]) -> dict[str, Any]:
    operator.namespace = operator.namespace or NAMESPACE
    operator.random_name_suffix = False  # its letters would differ at every look
    operator.hook._is_in_cluster = operator.mode == Mode.PROD.value  # noqa: SLF001 - else it looks for a cluster
    sent = _sent(operator, context)
    main = next(c for c in pod_of(sent)["spec"]["containers"] if c["name"] == operator.base_container_name)
    return {
        "image": main["image"],
        "command": main["command"],
        "environment": {v["name"]: v.get("value", "from elsewhere") for v in main.get("env", ())},
        "resources": main.get("resources", {}),
        "spec": json.loads(json.dumps(sent)),
    }


def _sent(operator: Any, context: dict[str, Any]) -> dict[str, Any]:
    """The pod, or the Job."""
    if hasattr(operator, "request_job"):
        calls = operator.encode_calls(context)
        return dict(operator.request_job(operator.request(context), calls, range(len(calls))))
    client: Any = import_module("kubernetes.client")
    return dict(client.ApiClient().sanitize_for_serialization(operator.build_pod_request_obj(context)))
