"""Runs again what failed in a run and what comes after it; what succeeded keeps its result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from gaiaflow.dags.api import FINISHED, AirflowApi, patiently
from gaiaflow.dags.failure import label
from gaiaflow.errors import GaiaflowError, UsageError, near_miss
from gaiaflow.result import SUCCESS

_FAILED = ("failed", "upstream_failed")


@dataclass(frozen=True)
class Recovery:
    """What a recovery does with the tasks of a run, by label: ``task`` or ``task[2]``.

    Attributes:
        again: run again.
        kept: succeeded, and their results are used again.
        new: are in the DAG by now, and not yet in the run.
        chosen: what Airflow gets: ids, or id and map index.
        seen: the attempts so far of each task instance.
    """

    again: list[str]
    kept: list[str]
    new: list[str]
    chosen: list[Any] = field(repr=False)
    seen: dict[tuple[str, int], int] = field(repr=False)


def recovery(api: AirflowApi, dag: str, run: Mapping[str, Any], first: str = "") -> Recovery:
    """Look what is to be run again, and change nothing.

    Args:
        first: a task to run again, with those after it, even if it succeeded.

    Raises:
        UsageError: the run has no such task, or nothing of it failed.
        GaiaflowError: the run goes on.
    """
    run_id = str(run["dag_run_id"])
    if run["state"] not in FINISHED:
        raise GaiaflowError(
            f"run `{run_id}` of DAG `{dag}` is still running: recover it when it has ended",
            f"inv dag.watch {dag} {run_id}",
        )
    every = api.instances(dag, run_id)
    known = {i["task_id"] for i in every if i["state"] != "removed"}
    if first and first not in known:
        raise UsageError(
            f"run `{run_id}` has no task `{first}`{near_miss(first, sorted(known))}",
            f"it has {', '.join(sorted(known))}",
        )
    chosen = _chosen(every, first)
    if not chosen:
        raise UsageError(
            f"no task of run `{run_id}` of DAG `{dag}` failed, so there is nothing to recover",
            f"inv dag.recover {dag} {run_id} --from TASK runs a task and the tasks after it again",
        )
    described = api.tasks(dag)
    cleared = _clear(api, dag, run_id, chosen, dry=True)
    if added := _added(described, {i["task_id"] for i in cleared}, known):
        chosen += added
        cleared = _clear(api, dag, run_id, chosen, dry=True)
    again = {label(i) for i in cleared}
    kept = [label(i) for i in every if i["state"] == SUCCESS and label(i) not in again]
    tasks = [task["task_id"] for task in described]
    seen = {(i["task_id"], i["map_index"]): int(i["try_number"]) for i in every}
    return Recovery(
        _in_order(again, tasks), _in_order(kept, tasks), [t for t in tasks if t not in known], chosen, seen
    )


def _chosen(every: list[dict[str, Any]], first: str) -> list[Any]:
    """Of a mapped task only the parts that failed; what failed because of another comes after that one."""
    failed = [i for i in every if i["state"] in _FAILED and i["task_id"] != first]
    found = [i["task_id"] if i["map_index"] < 0 else [i["task_id"], i["map_index"]] for i in failed]
    return [first, *found] if first else found


def _added(tasks: list[dict[str, Any]], again: set[str], known: set[str]) -> list[str]:
    """The tasks of the run that come after one of these by now: Airflow looks at the DAG as the run had it."""
    after = {task["task_id"]: task["downstream_task_ids"] for task in tasks}
    reached, waiting = set(again), list(again)
    while waiting:
        found = set(after.get(waiting.pop(), ())) - reached
        reached |= found
        waiting += found
    return sorted(reached & known - again)


def _in_order(labels: Iterable[str], tasks: list[str]) -> list[str]:
    """Upstream tasks first; one that the DAG has no longer comes last."""
    place = {task: number for number, task in enumerate(tasks)}
    return sorted(labels, key=lambda each: (place.get(each.partition("[")[0], len(place)), len(each), each))


def begin(api: AirflowApi, dag: str, run_id: str, planned: Recovery) -> None:
    """Let Airflow run it again, with the DAG as it is now.

    Raises:
        GaiaflowError: Airflow refuses.
    """
    _clear(api, dag, run_id, planned.chosen, dry=False)


def again(api: AirflowApi, dag: str, run: Mapping[str, Any], whole: bool) -> None:
    """Run a run again that is over: all of it, or what failed and what comes after it.

    A run of which no task failed was cancelled before it began; it runs whole.
    """
    run_id = str(run["dag_run_id"])
    if not whole:
        with suppress(UsageError):
            begin(api, dag, run_id, recovery(api, dag, run))
            return
    _clear(api, dag, run_id, None, dry=False)


def _clear(api: AirflowApi, dag: str, run_id: str, chosen: list[Any] | None, dry: bool) -> list[dict[str, Any]]:
    body = {
        "dry_run": dry,
        "dag_run_id": run_id,
        "only_failed": False,
        "reset_dag_runs": True,
        "run_on_latest_version": True,
        **({} if chosen is None else {"task_ids": chosen, "include_downstream": True}),
    }
    path = f"dags/{quote(dag, safe='')}/clearTaskInstances"
    found: list[dict[str, Any]] = patiently(lambda: api.request("POST", path, body))["task_instances"]
    return found
