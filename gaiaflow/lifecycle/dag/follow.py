"""Follows a run on the terminal until its verdict, for `dag.run` and `dag.watch`."""

from __future__ import annotations

import json as jsonlib
import shlex
import signal
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from invoke.exceptions import Exit

from gaiaflow.errors import GaiaflowError
from gaiaflow.lifecycle.terminal import emit_json, emit_table, interruption, say, say_always
from gaiaflow.project import Project

LONGEST_VALUE = 80
# A failure is shown with everything that is known about it.
TOLD_APART = {"failed", "up_for_retry"}


class LeftRunError(GaiaflowError):
    """Ctrl-C ended the watching, not the run; its exit code is the shell's for that signal."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.exit_code = 128 + signal.SIGINT


def follow(
    project: Project,
    api: Any,
    dag: str,
    run: str,
    wait: float,
    json: bool,
    seen: Mapping[tuple[str, int], int] | None = None,
    more: Mapping[str, Any] | None = None,
    kept: Iterable[str] = (),
) -> None:
    """Show what happens to a run until it ends, then its tasks and a verdict; exit 1 when it failed.

    Args:
        wait: at most so many seconds.
        seen: the attempts of each task instance, by id and map index, whose failures are known.
        more: goes into the JSON beside the run.
        kept: the labels of tasks that succeeded before.

    Raises:
        LeftRunError: Ctrl-C; the run goes on.
        StillStartingError: it did not end in time; it goes on.
    """
    from gaiaflow.dags import assets, run as dagrun
    from gaiaflow.dags.failure import Failures
    from gaiaflow.result import SUCCESS

    failures = Failures(api, project, dag, run, dict(seen or {}))

    def look(instances: list[dict[str, Any]]) -> None:
        for failure in failures.new(instances):
            say_always("\n".join(failure.lines()))

    try:
        state = dagrun.follow(api, dag, run, wait, _say_progress, look, dict.fromkeys(kept, SUCCESS))
    except interruption.SignalledError:
        raise
    except KeyboardInterrupt:
        raise LeftRunError(
            f"left run `{run}`, which continues", shlex.join(["inv", "dag.watch", dag, run])
        ) from None
    result = dagrun.collect(api, dag, run, state)
    if address := dagrun.mlflow_address(project, result):
        say(f"MLflow run: {address}")
    brought = assets.brought(api, dag, run)
    for event in brought:
        say("\n".join(event.lines()))
    told = {"assets": [event.as_dict() for event in brought]} if brought else {}
    end({"run_id": run, **(more or {}), **result.as_dict(), **told}, json, api.run_seconds(dag, run))


def say_where(api: Any, dag: str, run: str) -> None:
    say(f"run {run}: {api.url}/dags/{dag}/runs/{quote(run, safe='+:')}")


def _say_progress(task: str, state: str, detail: str) -> None:
    if state not in TOLD_APART:
        say(f"{task} {state} {detail}".rstrip())


def end(run: Mapping[str, Any], json: bool, seconds: float | None) -> None:
    """Show a run that is over and, as the last line, how it ended; exit 1 when it failed.

    Args:
        seconds: how long it took; None if unknown.
    """
    if json:
        emit_json(run)
    else:
        rows = [_row(name, task) for name, task in run["tasks"].items()]
        emit_table(["task", "state", "seconds", "value"], rows)
    time = "" if seconds is None else f" after {seconds:.1f} s"
    if run["state"] == "success":
        say(f"DAG `{run['dag']}` succeeded{time}")
        return
    failed = [name for name, task in run["tasks"].items() if task["state"] == "failed"]
    which = f": {', '.join(f'`{name}`' for name in failed)} failed" if failed else ""
    raise Exit(f"error: DAG `{run['dag']}` {run['state']}{time}{which}", code=1)


def _row(name: str, task: Mapping[str, Any]) -> list[str]:
    shown = task.get("error") or jsonlib.dumps(task["value"], ensure_ascii=False)
    short = shown if len(shown) <= LONGEST_VALUE else shown[: LONGEST_VALUE - 1] + "…"
    return [name, task["state"], f"{task['seconds']:.1f}", short]
