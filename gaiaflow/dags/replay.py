"""Runs one task of a past run again: in dev, with the inputs of that run, whatever mode it ran in."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gaiaflow import runner
from gaiaflow.dags.api import AirflowApi
from gaiaflow.dags.home import test_home
from gaiaflow.dags.inspector import Inspector
from gaiaflow.dags.when import UNDATED, When
from gaiaflow.errors import MissingError, UsageError, near_miss
from gaiaflow.infra.host import privatefile
from gaiaflow.result import SUCCESS, Part, combine, same

DEBUGGER = Path(__file__).parents[1] / "inspection" / "debugger.py"
MASKED = "***"
NOT_MAPPED = -1
# The operators that make all calls of a map.
_ALL_CALLS = frozenset({"JobOperator", "DevJobOperator", "DevDockerJobOperator"})
INTERVAL = ("data_interval_start", "data_interval_end")


@dataclass(frozen=True)
class Recalled:
    """One task as it was in a run.

    Attributes:
        call: what the runner gets.
        state: how the task ended there.
        value: what it returned there; None unless it succeeded.
        environment, python, folder: where it is run again.
        changed: the DAG file gives other arguments by now; the call has those of the run.
    """

    dag: str
    task: str
    run: str
    map_index: int
    call: dict[str, Any]
    state: str
    value: Any
    environment: dict[str, str]
    python: Path
    folder: str | None
    changed: bool = False


@dataclass(frozen=True)
class Replayed:
    """What came of it; ``error`` is the runner's last line."""

    value: Any
    error: str | None


def recall(
    inspector: Inspector,
    api: AirflowApi,
    dag: str,
    task: str,
    run: Mapping[str, Any],
    map_index: int | None,
    when: When = UNDATED,
) -> Recalled:
    """The task with its inputs.

    Args:
        when: the date, interval and partition in place of the run's own.

    Raises:
        UsageError: the run has no such task or map index.
    """
    run_id = str(run["dag_run_id"])
    every = api.instances(dag, run_id)
    instance = find_instance(every, task, map_index)
    request = {"dag": dag, "task": task, "map_index": instance["map_index"], "conf": run.get("conf") or {}}
    kept, values = kept_arguments(instance), upstream_values(api, dag, run_id, every, task)
    request["run"] = facts(api, dag, run, when) | {"try_number": instance["try_number"]}
    request["moved"] = bool(when)
    request["call"] = map_index
    found = inspector.ask("recall", **request, arguments=kept, values=values)
    part = _part_of(api.part(dag, run_id, instance), found.get("index"))
    return Recalled(
        dag,
        task,
        run_id,
        part.map_index,
        found["call"],
        part.state,
        part.value,
        found["environment"],
        Path(found["python"]),
        found["folder"],
        found["changed"],
    )


def _part_of(part: Part, index: int | None) -> Part:
    """A task instance, or one call of it.

    Args:
        index: of the call, where the task makes several.
    """
    if index is None:
        return part
    values = part.value if isinstance(part.value, list) else []
    return replace(part, map_index=index, value=values[index] if index < len(values) else None)


def makes_all_calls(instance: Mapping[str, Any]) -> bool:
    """Whether a task instance makes all calls of a map."""
    return instance.get("operator") in _ALL_CALLS


def find_instance(every: list[dict[str, Any]], task: str, map_index: int | None) -> dict[str, Any]:
    """The task instance of a run; the only one of a task that makes all calls of its map.

    Raises:
        UsageError: there is none, or several and none was chosen.
    """
    parts = {i["map_index"]: i for i in every if i["task_id"] == task}
    if not parts:
        known = sorted({i["task_id"] for i in every})
        raise UsageError(f"the run has no task `{task}`{near_miss(task, known)}", f"it has {', '.join(known)}")
    if makes_all_calls(parts.get(NOT_MAPPED, {})):
        return parts[NOT_MAPPED]
    if map_index is None and len(parts) > 1:
        raise UsageError(f"task `{task}` is mapped and has {len(parts)} instances", "--map-index 0")
    wanted = next(iter(parts)) if map_index is None else map_index
    if wanted not in parts:
        there = "is not mapped" if NOT_MAPPED in parts else f"has 0 to {max(parts)}"
        raise UsageError(f"task `{task}` has no map index {wanted}", f"in this run it {there}")
    return parts[wanted]


def facts(api: AirflowApi, dag: str, run: Mapping[str, Any], when: When = UNDATED) -> dict[str, Any]:
    """What a run was about, by the names of Airflow's API.

    Args:
        when: what replaces the run's own; another date brings another interval.
    """
    own = {name: run.get(name) for name in ("logical_date", *INTERVAL, "partition_key")}
    if when.date is not None:
        own |= dict.fromkeys(INTERVAL)
    by_assets = run.get("run_type") == "asset_triggered"
    events = api.asset_events(dag, str(run["dag_run_id"])) if by_assets else []
    return {"run_id": run["dag_run_id"], **own, **when.as_dict(), "asset_events": events}


def kept_arguments(instance: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments as Airflow kept them; None where it cut or masked them, or threw them away since."""
    fields = instance.get("rendered_fields") or {}
    args, kwargs = fields.get("func_args"), fields.get("func_kwargs")
    if not isinstance(args, list) or not isinstance(kwargs, dict) or MASKED in json.dumps([args, kwargs]):
        return None
    return {"func_args": args, "func_kwargs": kwargs}


def upstream_values(
    api: AirflowApi, dag: str, run: str, every: list[dict[str, Any]], task: str
) -> dict[str, Any]:
    """What the tasks before one returned in a run."""
    found: dict[str, Any] = {}
    for before in api.tasks(dag):
        if task in before["downstream_task_ids"]:
            name = before["task_id"]
            parts: list[Part] = [api.part(dag, run, i) for i in every if i["task_id"] == name]
            result = combine(parts, bool(before.get("is_mapped")))
            if result.state == SUCCESS:
                found[name] = result.value
    return found


def replay(recalled: Recalled, inspector: Inspector, pdb: bool = False) -> Replayed:
    """Run it; what the function prints goes to stderr, with ``pdb`` to the terminal.

    Raises:
        MissingError: the project's environment does not exist yet.
    """
    if not recalled.python.is_file():
        raise MissingError(
            f"no Python at `{recalled.python}`: the project's environment does not exist yet", "inv dev.start"
        )
    folder = privatefile.folder(test_home(inspector.project) / "output")
    with TemporaryDirectory(dir=folder) as temporary:
        call, result = Path(temporary, "call.json"), Path(temporary, "result.json")
        privatefile.write(call, json.dumps(recalled.call))  # in this order: a dict has one
        variables = {runner.CALL_FILE: str(call), runner.RESULT_FILE: str(result)}
        code, said = _run(recalled, {**recalled.environment, **variables}, pdb)
        if code == 0 and result.is_file():
            return Replayed(json.loads(result.read_text(encoding="utf-8")), None)
        return Replayed(None, said or f"`{recalled.call['function']}` exited with code {code}")


def _run(recalled: Recalled, env: Mapping[str, str], pdb: bool) -> tuple[int, str]:
    """The exit code, and what the runner said last."""
    script = [str(DEBUGGER), str(runner.__file__)] if pdb else [str(runner.__file__)]
    process = subprocess.Popen(
        [str(recalled.python), "-u", *script],
        env=dict(env),
        cwd=recalled.folder,
        stdin=None if pdb else subprocess.DEVNULL,
        stdout=None if pdb else sys.stderr.fileno(),
        stderr=None if pdb else subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    said = ""
    before = signal.getsignal(signal.SIGINT)
    if pdb:  # Ctrl-C is the debugger's
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for line in process.stderr or ():
            sys.stderr.write(line)
            said = line[len(runner.PREFIX) :].strip() if line.startswith(runner.PREFIX) else said
        return process.wait(), said
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        signal.signal(signal.SIGINT, before)


def equal(recalled: Recalled, replayed: Replayed) -> bool | None:
    """Whether the value is the recorded one; None where either is missing."""
    if recalled.state != SUCCESS or replayed.error is not None:
        return None
    return same(recalled.value, replayed.value)


def outcome(recalled: Recalled, replayed: Replayed) -> dict[str, Any]:
    """Both sides as one JSON object."""
    index = {} if recalled.map_index == NOT_MAPPED else {"map_index": recalled.map_index}
    return {
        "dag": recalled.dag,
        "task": recalled.task,
        "run": recalled.run,
        **index,
        "changed": recalled.changed,
        "function": recalled.call["function"],
        "recorded": {"state": recalled.state, "value": recalled.value},
        "replayed": {"value": replayed.value, "error": replayed.error},
        "equal": equal(recalled, replayed),
    }
