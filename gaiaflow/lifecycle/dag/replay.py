"""`inv dag.replay`: one task of a past run again, on this machine."""

from __future__ import annotations

import json as jsonlib
import sys
from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit

from gaiaflow.errors import UsageError
from gaiaflow.lifecycle.dag.run import WHEN
from gaiaflow.lifecycle.terminal import emit_json, lifecycle_task, say
from gaiaflow.project import Project


@lifecycle_task(
    positional=["name", "task", "run"],
    help={
        "name": "the id of the DAG",
        "task": "the id of the task; in a TaskGroup `group.task`",
        "run": "the id of the run, or `latest`",
        "map-index": "the index of a mapped task",
        **{name: f"{said.partition(';')[0]}; by default that of the run" for name, said in WHEN.items()},
        "stack": "let the function use the running stack's MLflow and S3; by default a temporary MLflow",
        "pdb": "open the debugger where the function raises",
        "json": "print one JSON object",
    },
)
def replay(
    c: Context,
    name: str,
    task: str,
    run: str,
    map_index: str = "",
    date: str = "",
    interval: str = "",
    partition: str = "",
    stack: bool = False,
    pdb: bool = False,
    json: bool = False,
) -> None:
    """Run one task of a past run again, in dev, with the inputs of that run."""
    from gaiaflow.dags import (
        name as dagid,
        replay as dagreplay,
        run as dagrun,
        state as dagstate,
        test as dagtest,
    )
    from gaiaflow.dags.when import read_when
    from gaiaflow.lifecycle.dag.inspector import inspector

    project, index = Project.find(), _index(map_index)
    dagid.checked(name)
    _check_terminal(json, pdb)
    when = read_when(date, interval, partition)
    if c.config.run.dry:
        say(f"would run task `{task}` of DAG `{name}` again, with the inputs of run `{run}`")
        return
    api = dagrun.connect(project)
    asked = inspector(project, *dagtest.environments(project), with_stack=stack)
    recalled = dagreplay.recall(asked, api, name, task, dagstate.find_run(api, name, run), index, when)
    say(f"{recalled.call['function']}, as in run {recalled.run}")
    if recalled.changed:
        say("the DAG file gives other arguments now: those of the run are taken")
    replayed = dagreplay.replay(recalled, asked, pdb)
    found = dagreplay.outcome(recalled, replayed)
    if json:
        emit_json(found)
    elif replayed.error is None:
        sys.stdout.write(jsonlib.dumps(replayed.value, indent=2, ensure_ascii=False) + "\n")
    say(_verdict(found))
    if replayed.error is not None:
        if not stack:
            say("the function found no MLflow and no S3 of the running stack; `--stack` lets it use them")
        raise Exit(f"error: task `{task}` failed again: {replayed.error}", code=1)


def _check_terminal(json: bool, pdb: bool) -> None:
    if json and pdb:
        raise UsageError("`--json` and `--pdb` cannot be combined", "leave one of them out")


def _index(text: str) -> int | None:
    if text and not text.isdigit():
        raise UsageError(f"`--map-index` is `{text}`, not a whole number of 0 or more", "--map-index 0")
    return int(text) if text else None


def _verdict(found: dict[str, Any]) -> str:
    recorded = found["recorded"]
    if found["equal"] is None:
        return f"in the run the task ended as {recorded['state']}"
    if found["equal"]:
        return "equal to what the run recorded"
    return f"not equal: the run recorded {jsonlib.dumps(recorded['value'], ensure_ascii=False)}"
