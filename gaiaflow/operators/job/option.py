"""``fan_out`` of ``kubernetes={…}``: one Job that makes all calls of a map, and what does not go with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from gaiaflow.errors import UsageError, near_miss

if TYPE_CHECKING:
    from gaiaflow.spec import TaskSpec

OPTION, QUEUE, AT_ONCE = "fan_out", "queue", "parallelism"
OWN = (OPTION, QUEUE, AT_ONCE)
TASKS, JOB = "tasks", "job"
# How many calls run at a time where the task does not say it.
DEFAULT_AT_ONCE = 50
_QUEUE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_EXAMPLE = 'kubernetes={"fan_out": "job"}'
_SAID_AT_ONCE = 'kubernetes={"fan_out": "job", "parallelism": 20}'
_LEAVE_OUT = "leave it out, or leave `fan_out` out: then each call is a task with a pod of its own"
# What an operator of one pod takes.
ONE_POD = frozenset(
    {
        *("callbacks", "progress_callback", "container_logs", "init_container_logs", "log_formatter"),
        *("logging_interval", "on_finish_action", "on_kill_action", "reattach_on_restart", "trigger_kwargs"),
    }
)
# What Airflow knows of mapped tasks alone, and what to write instead.
_MAPPED = {
    "max_active_tis_per_dag": _SAID_AT_ONCE,
    "max_active_tis_per_dagrun": _SAID_AT_ONCE,
    "map_index_template": _LEAVE_OUT,
}


class FanOut(NamedTuple):
    """How one task makes all calls of its map.

    Attributes:
        at_once: how many calls run at a time.
        queue: the name of a Kueue queue; empty without one.
    """

    at_once: int = DEFAULT_AT_ONCE
    queue: str = ""


def read(spec: TaskSpec) -> FanOut | None:
    """How one task makes all calls, the same in every mode; None where each call is a task of its own.

    Raises:
        UsageError: a wrong value, or an argument that cannot be combined with one Job.
    """
    given = spec.kubernetes
    fan_out = given.get(OPTION, TASKS)
    if fan_out not in (JOB, TASKS):
        raise UsageError(
            f"`fan_out` is {fan_out!r}, not `job` or `tasks`{near_miss(str(fan_out), (JOB, TASKS))}", _EXAMPLE
        )
    if fan_out == TASKS:
        for name in sorted({QUEUE, AT_ONCE} & set(given)):
            raise UsageError(
                f"`{name}` in `kubernetes` is for one Job, and `fan_out` is not `job`",
                f'kubernetes={{"fan_out": "job", "{name}": ...}}',
            )
        return None
    if not spec.map_over:
        raise UsageError("`fan_out` is `job`, and the task has no `map_over`", 'map_over={"tile": [1, 2, 3]}')
    _refuse(spec)
    return FanOut(_at_once(given.get(AT_ONCE, DEFAULT_AT_ONCE)), _queue(given.get(QUEUE)))


def _refuse(spec: TaskSpec) -> None:
    for name in sorted(ONE_POD & set(spec.kubernetes)):
        raise UsageError(
            f"`{name}` in `kubernetes` is for one pod, and `fan_out` is `job`: a Job has many", _LEAVE_OUT
        )
    for name in sorted(set(_MAPPED) & set(spec.operator_kwargs)):
        raise UsageError(f"`{name}` is for mapped tasks, and `fan_out` is `job`", _MAPPED[name])
    if spec.kubernetes.get("results") == "any":
        raise UsageError(
            "`results` is `any`, and `fan_out` is `job`: the calls of a Job return at most 4 KiB each",
            "leave it out; write a larger value to S3 or MLflow and return its address",
        )
    if spec.resources.get("memory_on_oom"):
        raise UsageError(
            "`memory_on_oom` in `resources` is for one pod, and `fan_out` is `job`: its pods are all alike",
            _LEAVE_OUT,
        )


def _at_once(parallelism: Any) -> int:
    if isinstance(parallelism, bool) or not isinstance(parallelism, int) or parallelism < 1:
        raise UsageError(f"`parallelism` is {parallelism!r}, not a whole number of 1 or more", _SAID_AT_ONCE)
    return parallelism


def _queue(queue: Any) -> str:
    if queue is not None and (not isinstance(queue, str) or not _QUEUE_NAME.fullmatch(queue)):
        raise UsageError(
            f"`queue` is {queue!r}, not the name of a Kueue queue",
            'kubernetes={"fan_out": "job", "queue": "research"}',
        )
    return queue or ""
