"""`inv dag.logs`: what the functions of a run said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from invoke.context import Context

from gaiaflow.errors import UsageError
from gaiaflow.lifecycle.terminal import emit_json, lifecycle_task, say
from gaiaflow.project import Project

if TYPE_CHECKING:
    from gaiaflow.dags.tasklog import Line


@lifecycle_task(
    reads=True,
    positional=["name"],
    bare=("task", "run"),
    help={
        "name": "the id of the DAG",
        "task": "the id of one task; in a TaskGroup `group.task`; by default all of them",
        "run": "the id of the run; by default the latest one",
        "attempt": "the number of an attempt, from 1; by default the last one",
        "all": "include the lines of Airflow and gaiaflow, with time and level",
        "follow": "follow until the run has ended",
        "json": "print one JSON object",
    },
)
def logs(
    _c: Context,
    name: str,
    task: str | None = None,
    run: str | None = None,
    attempt: int = 0,
    all: bool = False,  # noqa: A002 - the name of the option
    follow: bool = False,
    json: bool = False,
) -> None:
    """Show what the functions of a run printed and logged, in every mode."""
    from gaiaflow.dags import logs as daglogs, name as dagid, run as dagrun, state as dagstate

    if follow and json:
        raise UsageError("`--follow` and `--json` cannot be combined", f"inv dag.logs {name} --json")
    project = Project.find()
    dagid.checked(name)
    api = dagrun.connect(project)
    run_id = str(dagstate.find_run(api, name, run or dagstate.LATEST)["dag_run_id"])
    found = daglogs.TaskLogs(api, name, run_id, task or "", attempt, whole=all)
    lines = found.follow() if follow else found.lines()
    if json:
        emit_json({"dag": name, "run_id": run_id, "lines": [_as_dict(*each) for each in lines]})
        return
    say(f"run {run_id}")
    _print(_texts(lines, headed=not task, whole=all))


def _as_dict(task: str, line: Line) -> dict[str, str]:
    return {"task": task, "at": line.at, "level": line.level, "text": line.text}


def _texts(lines: Iterable[tuple[str, Line]], headed: bool, whole: bool) -> Iterator[str]:
    for task, line in lines:
        head = f"{task} | " if headed or "[" in task else ""
        fact = f"{line.at} {line.level.upper()} " if whole else ""
        yield f"{head}{fact}{line.text}"


def _print(texts: Iterable[str]) -> None:
    try:
        for text in texts:
            print(text, flush=True)  # noqa: T201 - data on stdout
    except KeyboardInterrupt:
        return
