"""`inv dag.backfill`: the runs of a scheduled DAG over past dates."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.exceptions import Exit

from gaiaflow.errors import UsageError
from gaiaflow.lifecycle.dag.follow import LeftRunError
from gaiaflow.lifecycle.terminal import emit_json, emit_table, interruption, lifecycle_task, say, say_always
from gaiaflow.project import Project

if TYPE_CHECKING:
    from gaiaflow.dags.backfill import Planned, Request

# Of so many runs the failures are shown with frames and last lines; of more, the tasks alone.
TOLD_WHOLE = 3
_ACTIONS = {"make": "to make", "again": "to run again", "keep": "there already"}


@lifecycle_task(
    positional=["name"],
    help={
        "name": "the id of the DAG",
        "from": "the first date: 2024-05-01 or 2024-05-01T06:00+02:00; without a zone, in the DAG's time zone",
        "to": "the last date; a day is included as a whole",
        "max-active": "how many new runs may be active at once; by default the DAG's own limit, up to 10",
        "missing": "create the missing runs (the default)",
        "failed": "also run the failed tasks of failed runs again, and the tasks after them",
        "all": "also run existing runs again, failed or not, with all of their tasks",
        "dry-run": "only show which runs exist and which would be created",
        "no-follow": "only create the runs",
        "pause": "pause the active backfill; repeat the command with its dates to continue it",
        "cancel": "cancel the active backfill; runs that have started continue",
        "json": "print one JSON object",
    },
)
def backfill(
    c: Context,
    name: str,
    from_: str = "",
    to: str = "",
    max_active: int = 0,
    missing: bool = False,
    failed: bool = False,
    all: bool = False,  # noqa: A002 - the name of the option
    dry_run: bool = False,
    no_follow: bool = False,
    pause: bool = False,
    cancel: bool = False,
    json: bool = False,
) -> None:
    """Run a scheduled DAG for past dates on the running stack, and follow its runs."""
    from gaiaflow.dags import backfill as dagbackfill, run as dagrun
    from gaiaflow.dags.reading import refuse_undeclared

    project = Project.find()
    behaviour = _behaviour(missing, failed, all)
    stop = _stop(pause, cancel)
    _check(name, from_, to, max_active, stop)
    if c.config.run.dry:
        say(f"would {stop or 'begin'} a backfill of DAG `{name}`")
        return
    refuse_undeclared(project, name)
    api = dagrun.connect(project)
    if stop:
        _end(dagbackfill.stop(api, name, stop), stop, json)
        return
    dagrun.await_dag(api, project, name, tell=say, unpause=not dry_run)
    request = dagbackfill.request_of(api, name, from_, to, behaviour, max_active)
    planned = dagbackfill.plan(api, request)
    say(_summary(request, planned))
    if dry_run:
        _show_plan(request, planned, json)
        return
    if dagbackfill.has_work(planned):
        begun = dagbackfill.begin(api, request, planned, say)
        if no_follow:
            _show_plan(request, planned, json)
            say(f"follow it: {dagbackfill.command(request)}")
            return
        _follow(project, api, request, planned, begun)
    _verdict(api, request, planned, json)


def _behaviour(missing: bool, failed: bool, every: bool) -> str:
    from gaiaflow.dags import backfill as dagbackfill

    if missing + failed + every > 1:
        raise UsageError("use only one of `--missing`, `--failed` and `--all`", "`--all` includes the others")
    return dagbackfill.ALL if every else dagbackfill.FAILED if failed else dagbackfill.MISSING


def _stop(pause: bool, cancel: bool) -> str:
    if pause and cancel:
        raise UsageError("use either `--pause` or `--cancel`, not both", "--cancel")
    return "cancel" if cancel else "pause" if pause else ""


def _check(name: str, first: str, last: str, most: int, stop: str) -> None:
    """What can be refused before Airflow is asked."""
    from gaiaflow.dags.span import span

    absent = " and ".join(o for o, text in (("`--from`", first), ("`--to`", last)) if not text)
    if absent and not stop:
        raise UsageError(
            f"`dag.backfill` needs {absent}", f"inv dag.backfill {name} --from 2024-05-01 --to 2024-05-31"
        )
    if most < 0:
        raise UsageError(f"`--max-active` is {most}, not a whole number of 1 or more", "--max-active 4")
    if not stop:
        span(first, last)


def _end(ended: dict[str, Any], stop: str, json: bool) -> None:
    if json:
        state = {"pause": "paused", "cancel": "cancelled"}[stop]
        emit_json({"dag": ended["dag_id"], "backfill": ended["id"], "state": state})
        return
    words = {"pause": "begins no more runs", "cancel": "is cancelled: its queued runs are failed"}[stop]
    say(f"backfill {ended['id']} of DAG `{ended['dag_id']}` {words}; runs that have begun go on")


def _summary(request: Request, planned: list[Planned]) -> str:
    counts = {action: sum(each.action == action for each in planned) for action in _ACTIONS}
    parts = [f"{count} {_ACTIONS[action]}" for action, count in counts.items() if count]
    return f"DAG `{request.dag}`, {request.span}: {_runs(len(planned))}, {', '.join(parts)}"


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"


def _show_plan(request: Request, planned: list[Planned], json: bool) -> None:
    if json:
        emit_json({**_head(request), "runs": [asdict(each) for each in planned]})
        return
    rows = [[each.date, each.run_id or "-", each.state or "-", _ACTIONS[each.action]] for each in planned]
    emit_table(["date", "run", "state", "backfill"], rows)


def _head(request: Request) -> dict[str, Any]:
    first, last = request.span.first.isoformat(), request.span.last.isoformat()
    return {"dag": request.dag, "from": first, "to": last}


def _follow(project: Project, api: Any, request: Request, planned: list[Planned], begun: set[str]) -> None:
    """Tell of each run until all are over.

    Raises:
        LeftRunError: Ctrl-C; the backfill goes on.
    """
    from gaiaflow.dags import backfill as dagbackfill

    failures = 0
    try:
        for run, over, count in dagbackfill.follow(api, request, planned, begun):
            if run["state"] == "queued":
                continue
            so_far = f"{_seconds(run)}, {over} of {count} are over" if run.get("end_date") else ""
            say(f"{request.label_of(run)} {run['state']}{so_far}")
            if run["state"] == "failed":
                failures += 1
                _tell_failure(project, api, request.dag, run["dag_run_id"], failures <= TOLD_WHOLE)
    except interruption.SignalledError:
        raise
    except KeyboardInterrupt:
        raise LeftRunError(
            f"left the backfill of DAG `{request.dag}`, which continues", dagbackfill.command(request)
        ) from None


def _seconds(run: dict[str, Any]) -> str:
    return f" {run['duration']:.1f} s" if run.get("duration") else ""


def _tell_failure(project: Project, api: Any, dag: str, run: str, whole: bool) -> None:
    from gaiaflow.dags.failure import Failures

    if whole:
        for failure in Failures(api, project, dag, run).new(api.instances(dag, run)):
            say_always("\n".join(failure.lines()))
    else:
        say_always(f"  {', '.join(_failed_tasks(api, dag, run)) or 'no task'} failed")


def _failed_tasks(api: Any, dag: str, run: str) -> list[str]:
    return sorted({i["task_id"] for i in api.instances(dag, run) if i["state"] == "failed"})


def _verdict(api: Any, request: Request, planned: list[Planned], json: bool) -> None:
    """How all dates stand, and as the last line whether all is well; exit 1 when not."""
    from gaiaflow.dags import backfill as dagbackfill

    found = {request.label_of(run): run for run in dagbackfill.runs(api, request)}
    rows = [_row(api, request, each, found.get(each.date)) for each in planned]
    if json:
        emit_json({**_head(request), "runs": rows})
    else:
        columns = ["date", "run", "state", "seconds", "failed"]
        emit_table(columns, [[_text(row[c if c != "run" else "run_id"]) for c in columns] for row in rows])
    bad = [row for row in rows if row["state"] != "success"]
    if not bad:
        say(f"DAG `{request.dag}`, {request.span}: {_runs(len(rows))} succeeded")
        return
    failed = [row for row in bad if row["state"] == "failed"]
    if failed:
        say(f"what failed again, and what comes after it: {dagbackfill.command(request)} --failed")
    dates = ", ".join(row["date"] for row in bad)
    what = "failed" if len(failed) == len(bad) else "did not succeed"
    raise Exit(f"error: {len(bad)} of {_runs(len(rows))} of DAG `{request.dag}` {what}: {dates}", code=1)


def _row(api: Any, request: Request, planned: Planned, run: dict[str, Any] | None) -> dict[str, Any]:
    head = {"date": planned.date, "action": planned.action}
    if run is None:
        return {**head, "run_id": None, "state": None, "seconds": None, "failed": []}
    tasks = _failed_tasks(api, request.dag, run["dag_run_id"]) if run["state"] == "failed" else []
    seconds = None if run.get("duration") is None else round(run["duration"], 1)
    return {
        **head,
        "run_id": run["dag_run_id"],
        "state": run["state"],
        "seconds": seconds,
        "failed": tasks,
    }


def _text(value: Any) -> str:
    return "-" if value in (None, []) else ", ".join(value) if isinstance(value, list) else str(value)
