"""What the triggerer does with a Job: it waits, has a worker look, and tells the task of errors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from kubernetes import client as k8s

from gaiaflow.operators.job import trigger
from gaiaflow.operators.job.trigger import JobHook, JobTrigger


def waiting(**more: Any) -> JobTrigger:
    return JobTrigger(
        pod_name="flow-t",
        pod_namespace="mine",
        trigger_start_time=datetime.now(timezone.utc),
        base_container_name="base",
        poll_interval=0.01,
        **more,
    )


def job(ready: int = 0, ended: str = "") -> Any:
    conditions = [k8s.V1JobCondition(type=ended, status="True")] if ended else []
    status = k8s.V1JobStatus(ready=ready, conditions=conditions)
    return k8s.V1Job(spec=k8s.V1JobSpec(template=k8s.V1PodTemplateSpec()), status=status)


def answering(monkeypatch: pytest.MonkeyPatch, answers: list[Callable[[], Any]]) -> None:
    async def read(_self: Any, *_: str) -> Any:
        return (answers.pop(0) if len(answers) > 1 else answers[0])()

    monkeypatch.setattr(JobHook, "read", read)


def event(waits: JobTrigger) -> dict[str, Any]:
    async def first() -> Any:
        return await waits.run().__anext__()

    found: dict[str, Any] = asyncio.run(first()).payload
    return found


@pytest.mark.parametrize("how", ["Complete", "Failed", "gone"])
def test_it_fires_when_the_job_has_ended(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    answering(monkeypatch, [job, lambda: job(ready=1), lambda: None if how == "gone" else job(ended=how)])
    assert event(waiting()) == {"status": trigger.ENDED, "name": "flow-t", "message": ""}


def test_it_fires_when_the_task_is_out_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, [job])
    past = {trigger.DEADLINE: int(time.time()) - 1}
    assert event(waiting(trigger_kwargs=past))["status"] == trigger.TIMEOUT


@pytest.mark.parametrize("in_vain", [True, False])
def test_a_worker_looks_at_a_job_whose_pods_do_not_start(
    monkeypatch: pytest.MonkeyPatch, in_vain: bool
) -> None:
    async def asked(*_: Any) -> bool:
        return in_vain

    monkeypatch.setattr(trigger, "LOOK_SECONDS", -1)
    monkeypatch.setattr(JobHook, "waits_in_vain", asked)
    answering(monkeypatch, [lambda: job(ready=1), lambda: job(ready=1, ended="Complete")])
    assert event(waiting())["status"] == (trigger.LOOK if in_vain else trigger.ENDED)
    answering(monkeypatch, [job])
    assert event(waiting())["status"] == trigger.LOOK


def test_an_error_reaches_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise OSError("no answer")

    answering(monkeypatch, [fails])
    assert event(waiting()) == {"status": trigger.ERROR, "name": "flow-t", "message": "OSError: no answer"}


def test_the_triggerer_makes_it_again() -> None:
    path, arguments = waiting(config_dict={"a": 1}, in_cluster=False).serialize()
    assert path == f"{JobTrigger.__module__}.JobTrigger"
    assert JobTrigger(**arguments).serialize() == (path, arguments)
