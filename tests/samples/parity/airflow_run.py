"""A DAG of tasks that a test describes, and how each of them ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

DAG_FILE = """
import json
from datetime import datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG
from gaiaflow.tasks import FromTask, create_task

HERE = Path(__file__)
GIVEN = json.loads(HERE.with_suffix(".json").read_text())


def record(context):
    ti, error = context["ti"], context.get("exception")
    value = None if error else ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index)
    line = {"task": ti.task_id, "index": ti.map_index, "try": ti.try_number, "value": value,
            "type": type(error).__name__ if error else None, "error": str(error) if error else None}
    with HERE.with_suffix(".report").open("a") as report:
        report.write(json.dumps(line) + "\\n")


def decode(value):
    if isinstance(value, dict):
        return FromTask(*value["$from"]) if "$from" in value else {k: decode(v) for k, v in value.items()}
    return [decode(item) for item in value] if isinstance(value, list) else value


SECONDS = ("execution_timeout", "retry_delay")
CALLBACKS = dict.fromkeys(("on_success_callback", "on_failure_callback", "on_retry_callback"), record)
with DAG(HERE.stem, schedule=None, start_date=datetime(2025, 1, 1), params=GIVEN["params"],
         default_args={"retries": 0}) as dag:
    for given in GIVEN["tasks"]:
        times = {key: timedelta(seconds=given.pop(key)) for key in SECONDS if key in given}
        create_task(**decode(given), **times, **CALLBACKS)
if __name__ == "__main__":
    dag.test()
"""


@dataclass(frozen=True)
class Outcome:
    """How one task, or one index of a mapped task, ended.

    Attributes:
        kind: the type of the error; None after success.
        error: its text.
    """

    value: Any
    kind: str | None
    error: str | None
    tries: int


@dataclass(frozen=True)
class Outcomes:
    """A finished run."""

    log: str
    lines: list[dict[str, Any]] = field(repr=False)

    def __getitem__(self, task: str) -> Outcome:
        return self.at(task, -1)

    def at(self, task: str, index: int) -> Outcome:
        found = [line for line in self.lines if (line["task"], line["index"]) == (task, index)]
        assert found, f"{task}[{index}] did not end; the log ends with\n{self.log[-3000:]}"
        last = found[-1]
        return Outcome(last["value"], last["type"], last["error"], last["try"])


RunTasks = Callable[..., Any]
