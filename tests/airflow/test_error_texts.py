"""The whole texts of errors that need Airflow: what create_task refuses, and what an operator meets."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from airflow.sdk import DAG, Asset

from gaiaflow.errors import GaiaflowError
from gaiaflow.operators import call, environment
from gaiaflow.operators.pod import start as pod_start
from gaiaflow.tasks import FromRun, FromTask, create_task

ECHO = "parity.functions:echo"


class Case(NamedTuple):
    """What is made in a DAG called `flow`, and the whole of what it is told."""

    make: Callable[[], object]
    message: str
    hint: str


def task(name: str = "t", **given: Any) -> Any:
    return create_task(name, given.pop("func_path", ECHO), **given)


def outside(**given: Any) -> Any:
    """A task whose DAG is not known."""
    from airflow.sdk.definitions._internal.contextmanager import DagContext

    dag = DagContext.pop()
    try:
        return task(**given)
    finally:
        DagContext.push(dag)


def linked(operator: Any) -> None:
    call.link_references(operator)


def waiting(reason: str, message: str) -> Any:
    state = SimpleNamespace(waiting=SimpleNamespace(reason=reason, message=message))
    status = SimpleNamespace(container_statuses=[SimpleNamespace(state=state)], conditions=[])
    return SimpleNamespace(status=status)


def encoded(**params: Any) -> str:
    """The call as a worker makes it, its arguments resolved."""
    made = task()
    made.func_args, made.func_kwargs = [], {}
    return str(made.encode_call({"params": params}))


def raised(error: GaiaflowError | None) -> None:
    assert error is not None
    raise error


def started_by_assets(name: str) -> Any:
    with DAG("tiles", schedule=[Asset("scenes")]):
        return task(map_over={"extra": [FromRun(f'asset("{name}")')]})


CASES = [
    Case(
        lambda: task(func_kwargs={"x": [FromRun("params.scael")]}, params={"scale": 1}),
        "task `t` of DAG `flow`: FromRun(params.scael): the DAG has no param `scael` (did you mean `scale`?)",
        "it has scale",
    ),
    Case(
        lambda: task(func_args=[FromRun("params.scale")]),
        "task `t` of DAG `flow`: FromRun(params.scale): the DAG has no param `scale`",
        'it has none; declare it: DAG(..., params={"name": 1})',
    ),
    Case(
        lambda: started_by_assets("scense"),
        'task `t` of DAG `tiles`: FromRun(asset("scense")): no asset `scense` starts the DAG '
        "(did you mean `scenes`?)",
        "its schedule has scenes",
    ),
    Case(
        lambda: FromRun("params.tile", "north").resolve({"params": {"tile": 3}}),
        "FromRun(params.tile, north) needs a key, but `params.tile` has a int",
        "return a dict there, or leave `key` out",
    ),
    Case(
        lambda: task(func_args=[object]),
        "task `t` of DAG `flow`: func_args[0] is a type: it cannot be passed as JSON",
        "pass str, int, finite float, bool, None, lists and dicts of them",
    ),
    Case(
        lambda: outside(map_over={"tile": FromTask("tiles")}),
        "task `t`: map_over with FromTask needs the DAG",
        "create the task inside `with DAG(...)`",
    ),
    Case(
        lambda: linked(task(func_args=[FromTask("t")])),
        "task `t` of DAG `flow` uses its own result: FromTask(`t`)",
        "name another task",
    ),
    Case(
        lambda: (task("load"), linked(task(func_args=[FromTask("laod")]))),
        "task `t` of DAG `flow` uses the result of `laod`, which is not in the DAG (did you mean `load`?)",
        "a task in a TaskGroup is named `group.task`",
    ),
    Case(
        lambda: encoded(when=object),
        'task `t` cannot pass its arguments to `parity.functions:echo`: params["when"] is a type',
        "pass str, int, finite float, bool, None, and lists and dicts of them",
    ),
    Case(lambda: task().decode_result(" "), "`parity.functions:echo` ended without a result",
         "the process was killed or called os._exit; see its log above"),
    Case(
        lambda: task().decode_result("{"),
        "`parity.functions:echo` left a result that is not JSON: Expecting property name enclosed in double "
        "quotes: line 1 column 2 (char 1)",
        "",
    ),
    Case(
        lambda: task(mode="prod"),
        "task `t` of DAG `flow`: mode `prod` needs an image, and neither `image` nor `GAIAFLOW_IMAGE` is set",
        'inv dev.dockerize, then image="my-project/my_package:0.1.0" or GAIAFLOW_IMAGE in .env',
    ),
    Case(
        lambda: task(mode="prod", image="a:1", kubernetes={"image": "b:1"}),
        "task `t` of DAG `flow`: `image` is not allowed in `kubernetes`: gaiaflow sets it",
        'image="my-project/my_package:0.1.0"',
    ),
    Case(
        lambda: task(mode="prod_local", image="a:1").execute({}),
        "no local cluster: `GAIAFLOW_KUBECONFIG` is not set",
        "inv prodlocal.start",
    ),
    Case(
        lambda: environment.stack_variables("prod_local"),
        "no file `/none/task.env` with the addresses of the local stack",
        "inv prodlocal.start",
    ),
    Case(
        lambda: raised(pod_start.hopeless(waiting("CreateContainerConfigError", 'secret "keys" not found'))),
        "secret `keys` is not in the cluster",
        "inv secret.create keys",
    ),
    Case(
        lambda: raised(pod_start.hopeless(waiting("CreateContainerConfigError", "image will run as root"))),
        "the cluster does not allow containers to run as root: image will run as root",
        'USER 10001 in the Dockerfile, or kubernetes={"security_context": {"runAsUser": 10001}}',
    ),
    Case(
        lambda: raised(pod_start.hopeless(waiting("CreateContainerConfigError", "no such key"))),
        "the container cannot be created: no such key",
        "kubectl describe pod",
    ),
    Case(
        lambda: raised(pod_start.timeout_error(waiting("Pending", "no node"), "it took long")),
        "the pod did not start: Pending: no node",
        "kubectl describe pod",
    ),
    Case(
        lambda: raised(pod_start.image_error("a:1", "prod", "evicted")),
        "the pod ended before its function started: evicted",
        "kubectl get events",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.message[:60])
def test_an_error_says_this_and_no_more(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_TASK_ENV_PROD_LOCAL", "/none/task.env")
    with DAG("flow", schedule=None), pytest.raises(GaiaflowError) as caught:
        case.make()
    assert [caught.value.message, caught.value.hint] == [case.message, case.hint]


def test_no_environment_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "GAIAFLOW_PYTHON", str(tmp_path / "python"))
    with DAG("flow", schedule=None):
        made = task()
    with pytest.raises(GaiaflowError) as caught:
        made.execute({})
    assert (
        caught.value.message
        == f"no Python at `{tmp_path}/python`: the project's environment does not exist yet"
    )
    assert caught.value.hint == "inv dev.start"
