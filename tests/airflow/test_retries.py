"""Which failures are tried again, and when: what no retry can fix fails at once, in every mode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.configuration import conf
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG, TaskGroup
from docker.errors import APIError, ImageNotFound

from gaiaflow.errors import GaiaflowError, MissingError, TaskFailedError, final
from gaiaflow.operators.container import failure
from gaiaflow.operators.docker import DevDockerOperator
from gaiaflow.operators.final import FinalError, task_errors
from gaiaflow.operators.pod.start import hopeless, image_error, refused_for_good, timeout_error
from gaiaflow.operators.resources import chosen
from gaiaflow.project import Project
from gaiaflow.tasks import FromTask, create_task
from gaiaflow.testing import run_dag

MODES = ("dev", "dev_docker", "prod_local", "prod")
DELAYS = {"dev": 2, "dev_docker": 2, "prod_local": 10}


def delay_of(mode: str, defaults: dict[str, Any] | None = None, **given: Any) -> timedelta:
    with DAG("delays", schedule=None, start_date=datetime(2026, 1, 1), default_args=defaults or {}):
        task = create_task("t", "package.module:function", image="p/p:1", mode=mode, **given)
        assert task.retries == 3
        return timedelta(seconds=task.retry_delay.total_seconds())


@pytest.mark.parametrize("mode", MODES)
def test_the_delay_is_the_modes_unless_the_author_or_default_args_says(mode: str) -> None:
    airflows = conf.getint("core", "default_task_retry_delay")
    assert delay_of(mode) == timedelta(seconds=DELAYS.get(mode, airflows))
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    assert delay_of(mode, retry_delay=minute) == minute
    assert delay_of(mode, {"retry_delay": minute}) == minute
    assert delay_of(mode, {"retry_delay": minute}, retry_delay=hour) == hour


def test_the_delay_of_a_group_counts() -> None:
    minute = timedelta(minutes=1)
    with DAG("delays", schedule=None), TaskGroup("group", default_args={"retry_delay": minute}):
        assert create_task("t", "package.module:function").retry_delay == minute


FUNCTIONS = """
from typing import Any

def value() -> Any:
    return {"a": 1}

def raises():
    raise ValueError("not a word of: package has no function `f`, returned what is not JSON: x")

def returns_a_set():
    return {1}

def takes(a):
    return a
"""
CALLS = """
from airflow.sdk import DAG
from gaiaflow.tasks import FromTask, create_task

with DAG("failing", schedule=None):
    create_task("value", "pk.f:value")
    create_task("raises", "pk.f:raises")
    create_task("no_module", "pk.nowhere:f")
    create_task("no_package", "nowhere.at.all:f")
    create_task("passing_import", "pk.offline:f")
    create_task("syntax", "pk.broken:f")
    create_task("no_function", "pk.f:valve")
    create_task("no_json", "pk.f:returns_a_set")
    create_task("wrong_call", "pk.f:takes", func_kwargs={"b": 1})
    create_task("wrong_key", "pk.f:takes", func_args=[FromTask("value", "b")])
    create_task("right_key", "pk.f:takes", func_args=[{"a": FromTask("value", "a")}])
"""


def test_what_no_retry_can_heal_has_one_attempt(
    project: Callable[..., Path], airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project(CALLS, FUNCTIONS)
    (folder / "pk" / "broken.py").write_text("def f(:\n")
    (folder / "pk" / "offline.py").write_text("raise ConnectionError('no route')\n")
    monkeypatch.delenv("GAIAFLOW_CODE")
    attempts: Counter[str] = Counter()

    def count(task: str, state: str, _detail: str) -> None:
        attempts[task] += state == "started"

    run = run_dag("failing", "dev", project=Project.find(folder), retries=1, progress=count, home=airflow_home)
    assert {name for name, task in run.tasks.items() if task.state == "failed"} == set(run.tasks) - {
        "value",
        "right_key",
    }
    # The key is picked while Airflow prepares the task, before its attempt is told of.
    final_ones = ("no_module", "no_package", "syntax", "no_function", "no_json", "wrong_call")
    assert {name: attempts[name] for name in final_ones} == dict.fromkeys(final_ones, 1)
    assert {name: attempts[name] for name in ("raises", "passing_import")} == {"raises": 2, "passing_import": 2}
    assert "returned no `b`" in str(run.tasks["wrong_key"].error)
    assert str(run.tasks["no_json"].error) == "pk.f:returns_a_set returned what is not JSON: result is a set"


@pytest.mark.parametrize("value", [{"a": 1}, 3, None])
def test_a_key_that_was_not_returned_is_final(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    """Airflow resolves arguments before it executes the task."""
    monkeypatch.setattr("gaiaflow.operators.pull.pull", lambda *_: (value, False))
    with pytest.raises(AirflowFailException, match="FromTask"):
        FromTask("value", "b").resolve({})


def test_a_final_error_says_so_and_is_airflows() -> None:
    with pytest.raises(AirflowFailException) as caught, task_errors():
        raise final(MissingError("no image", "inv dev.dockerize"))
    assert isinstance(caught.value, FinalError)
    assert isinstance(caught.value, MissingError)
    assert (type(caught.value).__name__, caught.value.exit_code) == ("MissingError", 3)
    assert str(caught.value) == (
        "no image\nhint: inv dev.dockerize\nnot retried: another attempt would fail in the same way"
    )
    with pytest.raises(AirflowFailException, match="no resource profile `x`"), task_errors():
        chosen({}, {"resource_profile": "x"})
    with pytest.raises(GaiaflowError) as passing, task_errors():
        raise GaiaflowError("no engine")
    assert not isinstance(passing.value, AirflowFailException)


def operator(mode: str) -> Any:
    with DAG("flow", schedule=None):
        return create_task("t", "package.module:function", image="p/p:1", mode=mode)


@pytest.mark.parametrize(
    ("line", "is_final"),
    [
        ("gaiaflow: m.x does not import: ModuleNotFoundError: No module named 'm.x'", True),
        ("gaiaflow: m.x does not import: SyntaxError: invalid syntax (x.py, line 1)", True),
        ("gaiaflow: m.x does not import: ConnectionError: no route", False),
        ("gaiaflow: m.x has no function `f`: there is g", True),
        ("gaiaflow: m.x:f returned what is not JSON: result is a set", True),
        ("gaiaflow: m.x:f does not take this call: TypeError: f() takes 0", True),
        ("gaiaflow: the call cannot be read: ValueError", True),
        ("gaiaflow: m.x:f raised ValueError: m.x has no function `f`: there is g", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_the_runners_last_line_tells(mode: str, line: str, is_final: bool) -> None:
    error: Any = failure(operator(mode), [line], 1, "p/p:1")
    assert (type(error), error.is_final) == (TaskFailedError, is_final)


def test_an_image_without_the_runner_is_final() -> None:
    line = "python: can't open file '/opt/gaiaflow/runner.py': [Errno 2] No such file or directory"
    error: Any = failure(operator("prod"), [line], 2, "p/p:1")
    assert error.is_final


def test_only_a_container_that_did_not_start_is_told_to_have_no_python() -> None:
    said = 'exec: "python": executable file not found in $PATH: unknown'
    error: Any = failure(operator("prod"), [said], 128, "p/p:1")
    assert (error.message, error.is_final) == (f"image `p/p:1` has no `python`: {said}", True)
    own: Any = failure(operator("prod"), [said, "gaiaflow: m:f raised ValueError: x"], 1, "p/p:1")
    assert (own.message, own.is_final) == ("m:f raised ValueError: x", False)


PULL = "Image cannot be pulled: "


@pytest.mark.parametrize(
    ("mode", "said", "is_final"),
    [
        ("prod", "ErrImagePull\nrpc error: docker.io/p/p:1: not found", True),
        ("prod", "ErrImagePull\npull access denied, repository does not exist", True),
        ("prod", "ErrImagePull\nunexpected status: 401 Unauthorized", True),
        ("prod", "InvalidImageName\ncouldn't parse image reference", True),
        ("prod", "ErrImagePull\ndial tcp: lookup registry: no such host", False),
        ("prod", 'ImagePullBackOff\nBack-off pulling image "p/p:1"', False),
        ("prod", "ErrImagePull\n503 Service Unavailable", False),
        ("prod_local", "ErrImagePull\ndial tcp: lookup registry: no such host", True),
    ],
)
def test_an_image_that_is_not_there_is_final_and_a_silent_registry_is_not(
    mode: str, said: str, is_final: bool
) -> None:
    assert image_error("p/p:1", mode, PULL + said).is_final is is_final


@pytest.mark.parametrize(
    ("status", "said", "is_final"),
    [
        (401, "Unauthorized", True),
        (403, 'pods is forbidden: User "x" cannot create resource "pods"', True),
        (403, 'pods "t" is forbidden: violates PodSecurity "restricted:latest"', True),
        (403, 'pods "t" is forbidden: exceeded quota: few, requested: pods=1', False),
        (422, "Pod is invalid: spec.containers[0].name: Invalid value", True),
        (400, "Pod in version v1 cannot be handled as a Pod", True),
        (409, "object is being deleted", False),
        (429, "too many requests", False),
        (500, "etcdserver: request timed out", False),
        (503, "apiserver not ready", False),
    ],
)
def test_a_pod_refused_for_its_form_is_final_and_a_quota_is_not(status: int, said: str, is_final: bool) -> None:
    assert refused_for_good(status, said) is is_final


def waiting(reason: str, message: str) -> Any:
    state = SimpleNamespace(waiting=SimpleNamespace(reason=reason, message=message))
    status = SimpleNamespace(container_statuses=[SimpleNamespace(state=state)], conditions=[])
    return SimpleNamespace(status=status)


@pytest.mark.parametrize(
    "message",
    [
        'secret "keys" not found',
        "couldn't find key PASSWORD in Secret flow/keys",
        "container has runAsNonRoot and image will run as root",
    ],
)
def test_a_secret_or_a_key_of_it_that_is_not_there_is_final(message: str) -> None:
    error = hopeless(waiting("CreateContainerConfigError", message))
    assert error is not None
    assert error.is_final
    assert not timeout_error(waiting("ContainerCreating", "no node has room"), "timed out").is_final


class Engine:
    """A Docker engine that lacks the image."""

    def inspect_image(self, name: str) -> dict[str, Any]:
        raise ImageNotFound(name)


def test_the_engines_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DevDockerOperator, "cli", Engine())
    task = operator("dev_docker")
    task.container = None

    def refused(said: str, status: int) -> bool:
        return bool(task._refused(APIError(said, SimpleNamespace(status_code=status), said)).is_final)

    assert refused('exec: "python": executable file not found in $PATH', 500)
    assert refused("invalid mount config", 400)
    assert refused("not allowed by the proxy", 403)
    assert not refused("network x not found", 404)
    assert not refused("no space left on device", 500)
    with pytest.raises(GaiaflowError, match="is not on this engine") as caught:
        task._require_image()
    assert caught.value.is_final
