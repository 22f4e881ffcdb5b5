"""Runs of a DAG over past dates, by Airflow's own backfill: which there are, which it makes, how they go.

Runs that are there already are cleared here, not by the backfill: where SQLite is locked meanwhile, Airflow 3.3
takes its backfill back and deletes the runs that it had cleared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from gaiaflow.dags import recover as dagrecover
from gaiaflow.dags.api import FINISHED, AirflowApi, ConflictError, patiently
from gaiaflow.dags.span import Span, label, parse, span
from gaiaflow.errors import MissingError, StillStartingError, UsageError

# Which runs that are there already are made again, in Airflow's words.
MISSING, FAILED, ALL = "none", "failed", "completed"
MAKE, AGAIN, KEEP = "make", "again", "keep"
MOST_ACTIVE = 10
POLL = 1.0
# Airflow looks every 30 s which backfills are over, and takes no other one of the DAG before; one without runs
# is closed after two minutes.
CLOSING = 180.0
# So long a backfill is tried that a locked database refuses.
TRYING = 60.0
# A pause of Airflow that is waited out.
SILENCE = 60.0


@dataclass(frozen=True)
class Planned:
    """One date of a backfill.

    Attributes:
        date: as it is shown: a day, a moment, or the key of a partition.
        run_id, state: of the run that is there; None where there is none.
        action: make, again or keep.
    """

    date: str
    run_id: str | None
    state: str | None
    action: str


@dataclass(frozen=True)
class Request:
    """One backfill as it is asked for.

    Args:
        partitioned: the DAG's runs have partition keys instead of logical dates.
        behaviour: MISSING, FAILED or ALL.
        most: how many of the runs that it makes may be active at once.
    """

    dag: str
    span: Span
    behaviour: str = MISSING
    most: int = MOST_ACTIVE
    partitioned: bool = False

    def body(self, behaviour: str) -> dict[str, Any]:
        """What Airflow is sent."""
        sent = self.span.on_the_clock() if self.partitioned else self.span
        return {
            "dag_id": self.dag,
            "from_date": sent.first.isoformat(),
            "to_date": sent.last.isoformat(),
            "reprocess_behavior": behaviour,
            "max_active_runs": self.most,
        }

    def is_of(self, backfill: Mapping[str, Any]) -> bool:
        """Whether a backfill that Airflow has is for these dates."""
        body = self.body(self.behaviour)
        return all(parse(backfill[name]) == parse(body[name]) for name in ("from_date", "to_date"))

    def moment_of(self, item: Mapping[str, Any]) -> datetime | None:
        """When a run, or a date of a dry run, is for."""
        text = item.get("partition_date") if self.partitioned else item.get("logical_date")
        return parse(text) if text else None

    def label_of(self, item: Mapping[str, Any]) -> str:
        """When it is for, as it is shown in the DAG's time zone."""
        moment = self.moment_of(item)
        if key := item.get("partition_key"):
            return str(key)
        return label(moment.astimezone(self.span.first.tzinfo)) if moment else ""


def request_of(
    api: AirflowApi, dag: str, first: str, last: str, behaviour: str = MISSING, most: int = 0
) -> Request:
    """What a person asks for, with what Airflow knows of the DAG.

    Args:
        first, last: dates as typed; without a zone they are of the DAG's.
        most: 0 is as many as the DAG allows, at most 10.

    Raises:
        UsageError: the DAG has no schedule, or the dates are none or in the future.
    """
    known = api.details(dag)
    _refuse_unscheduled(known)
    dates = span(first, last, known.get("timezone"))
    if dates.first > datetime.now(timezone.utc):
        raise UsageError(f"`--from` is {first}, which is in the future", "choose a date in the past")
    allowed = most or min(known.get("max_active_runs") or MOST_ACTIVE, MOST_ACTIVE)
    return Request(dag, dates, behaviour, allowed, bool(known.get("timetable_partitioned")))


def _refuse_unscheduled(dag: Mapping[str, Any]) -> None:
    if dag.get("timetable_periodic", True):
        return
    raise UsageError(
        f"DAG `{dag['dag_id']}` has no dates to fill: its schedule is {dag.get('timetable_summary')}",
        'use one that repeats: DAG(..., schedule="@daily")',
    )


def plan(api: AirflowApi, request: Request) -> list[Planned]:
    """Every date of a backfill, by date: the run that is there, and what the backfill does.

    Raises:
        UsageError: Airflow refuses the dates, or the DAG is scheduled at none of them.
    """
    # Airflow leaves out the dates of runs that go on, so these are asked for first.
    there = {request.label_of(run): run for run in runs(api, request)}
    chosen = _dated(request, _dry(api, request, request.behaviour))
    all_over = chosen if request.behaviour == ALL else _dated(request, _dry(api, request, ALL))
    going = _dated(request, [run for run in there.values() if _goes_on(request, run)])
    every = chosen | all_over | going
    if not every:
        raise UsageError(
            f"DAG `{request.dag}` has no scheduled date in the past from {request.span}",
            "check its schedule: inv dag.list",
        )
    return [_planned(date, there.get(date), date in chosen) for date in sorted(every, key=every.__getitem__)]


def _dated(request: Request, items: Iterable[Mapping[str, Any]]) -> dict[str, datetime]:
    """The moment of each date by how it is shown."""
    return {request.label_of(item): moment for item in items if (moment := request.moment_of(item))}


def _goes_on(request: Request, run: Mapping[str, Any]) -> bool:
    moment = request.moment_of(run)
    return run["state"] not in FINISHED and moment is not None and request.span.holds(moment)


def _planned(date: str, run: Mapping[str, Any] | None, is_chosen: bool) -> Planned:
    if run is None:
        return Planned(date, None, None, MAKE)
    return Planned(date, str(run["dag_run_id"]), str(run["state"]), AGAIN if is_chosen else KEEP)


def _dry(api: AirflowApi, request: Request, behaviour: str) -> list[dict[str, Any]]:
    body = request.body(behaviour)
    try:
        found: list[dict[str, Any]] = patiently(lambda: api.request("POST", "backfills/dry_run", body))[
            "backfills"
        ]
    except UsageError as error:
        raise _refused(request, error) from None
    return found


def _refused(request: Request, error: UsageError) -> UsageError:
    """What Airflow refuses for a reason that a person fixes with an option."""
    if "depends_on_past" in error.message:
        return UsageError(
            f"tasks of DAG `{request.dag}` have depends_on_past: Airflow does not fill gaps between its runs",
            "add --failed or --all",
        )
    return error


def runs(api: AirflowApi, request: Request) -> list[dict[str, Any]]:
    """The runs that there are in the span, by date; of several for one partition the last one that was made.

    Of a DAG of partitions it is all of them: Airflow alone knows the zone of their timetable.
    """
    path = f"dags/{quote(request.dag, safe='')}/dagRuns"
    span = request.span
    between = {"logical_date_gte": span.first.isoformat(), "logical_date_lte": span.last.isoformat()}
    found = api.every(path, "dag_runs", order_by="id", **({} if request.partitioned else between))
    last = {request.label_of(run): run for run in found}
    dated = _dated(request, last.values())
    return [last[date] for date in sorted(dated, key=dated.__getitem__)]


def active(api: AirflowApi, dag: str) -> dict[str, Any] | None:
    """The backfill of a DAG that Airflow takes for running; None without one."""
    every = api.every("backfills", "backfills", dag_id=dag)
    return next((backfill for backfill in every if not backfill["completed_at"]), None)


def has_work(planned: Iterable[Planned]) -> bool:
    """Whether there are runs to make or to run again, or some that go on."""
    return any(each.action != KEEP or each.state not in FINISHED for each in planned)


def begin(
    api: AirflowApi, request: Request, planned: Iterable[Planned], tell: Callable[[str], None]
) -> set[str]:
    """Begin the runs again that are there, and let Airflow make the others; or take up what was left.

    Returns:
        The ids of the runs that run again.

    Raises:
        UsageError: another backfill of the DAG runs; its dates are named.
        StillStartingError: one is over, and Airflow does not close it.
    """
    todo = list(planned)
    again = [each.run_id for each in todo if each.action == AGAIN and each.run_id]
    for run_id in again:
        run = api.run(request.dag, run_id)
        if run["state"] in FINISHED:
            dagrecover.again(api, request.dag, run, request.behaviour == ALL)
    if any(each.action == MAKE for each in todo):
        _make(api, request, tell)
    elif (running := active(api, request.dag)) and running["is_paused"] and request.is_of(running):
        _take_up(api, running, tell)
    return set(again)


def _make(api: AirflowApi, request: Request, tell: Callable[[str], None]) -> None:
    """Make the backfill, or take up the one of these dates that runs already."""
    # With depends_on_past Airflow wants more than the missing runs; those that failed go on by now.
    body = request.body(MISSING if request.behaviour == MISSING else FAILED)
    deadline = time.monotonic() + TRYING
    while True:
        running = _settled(api, request, tell)
        if running is None:
            try:
                patiently(lambda: api.request("POST", "backfills", body))
                return
            except ConflictError:  # an earlier request was taken, whose answer did not come; or another's
                running = active(api, request.dag)
        if running and not request.is_of(running):
            raise _other(request, running)
        if running and not _is_over(api, request, running):
            _take_up(api, running, tell)
            return
        if time.monotonic() > deadline:
            raise _other(request, None)
        time.sleep(POLL)


def _take_up(api: AirflowApi, running: Mapping[str, Any], tell: Callable[[str], None]) -> None:
    tell(f"backfill {running['id']} of DAG `{running['dag_id']}` continues")
    if running["is_paused"]:
        _put(api, running, "unpause")


def _settled(api: AirflowApi, request: Request, tell: Callable[[str], None]) -> dict[str, Any] | None:
    """The backfill that runs; one whose runs are over is waited for until Airflow has closed it."""
    deadline = time.monotonic() + CLOSING
    told = False
    while (running := active(api, request.dag)) and _is_over(api, request, running):
        if time.monotonic() > deadline:
            raise StillStartingError(
                f"Airflow has not closed backfill {running['id']} of DAG `{request.dag}`, although its "
                "runs have ended",
                f"inv dag.backfill {request.dag} --cancel",
            )
        if not told:
            tell("waiting until Airflow has closed the backfill before, which takes up to 30 s")
            told = True
        time.sleep(POLL)
    return running


def _is_over(api: AirflowApi, request: Request, backfill: Mapping[str, Any]) -> bool:
    made = members(runs(api, _request_of(request, backfill)), backfill)
    return all(run["state"] in FINISHED for run in made)


def _request_of(request: Request, backfill: Mapping[str, Any]) -> Request:
    """The request that made a backfill of the same DAG."""
    first, last = (parse(backfill[name]) for name in ("from_date", "to_date"))
    zone = request.span.first.tzinfo
    if request.partitioned:
        dates = Span(first.replace(tzinfo=zone), last.replace(tzinfo=zone))
    else:
        dates = Span(first.astimezone(zone), last.astimezone(zone))
    most = int(backfill["max_active_runs"])
    return Request(request.dag, dates, str(backfill["reprocess_behavior"]), most, request.partitioned)


def _other(request: Request, running: Mapping[str, Any] | None) -> UsageError:
    if running is None:
        return UsageError(
            f"Airflow does not accept a backfill of DAG `{request.dag}` now", "repeat the command"
        )
    other = _request_of(request, running)
    return UsageError(
        f"another backfill of DAG `{request.dag}` runs: {other.span}",
        f"{command(other)} follows it; inv dag.backfill {request.dag} --cancel ends it",
    )


def command(request: Request) -> str:
    """The command that follows a backfill, and shows how it went once it is over: it runs nothing twice."""
    return f"inv dag.backfill {request.dag} {request.span.options()}"


def members(found: Iterable[dict[str, Any]], backfill: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The runs that a backfill has made or begun again: Airflow tells of a run only that a backfill made it."""
    since = parse(backfill["created_at"])
    return [run for run in found if run["run_type"] == "backfill" and _queued(run) >= since]


def _queued(run: Mapping[str, Any]) -> datetime:
    text = run.get("queued_at")
    return parse(text) if text else datetime.min.replace(tzinfo=timezone.utc)


def follow(
    api: AirflowApi, request: Request, planned: Iterable[Planned], begun: Iterable[str]
) -> Iterator[tuple[dict[str, Any], int, int]]:
    """Each run that goes on whenever its state is another, with how many are over and how many there are.

    It ends when all runs are over.

    Args:
        begun: the ids of runs that were begun again.
    """
    dates, chosen = {each.date for each in planned}, set(begun)
    seen: dict[str, str] = {}
    while True:
        there = [run for run in _awaited(lambda: runs(api, request)) if request.label_of(run) in dates]
        chosen |= {run["dag_run_id"] for run in there if run["state"] not in FINISHED}
        made = [run for run in there if run["dag_run_id"] in chosen]
        over = sum(run["state"] in FINISHED for run in made)
        for run in made:
            if seen.get(run["dag_run_id"]) != run["state"]:
                seen[run["dag_run_id"]] = run["state"]
                yield run, over, len(made)
        if over == len(made):
            return
        time.sleep(POLL)


def _awaited(look: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What Airflow says, also when it was started again meanwhile."""
    deadline = time.monotonic() + SILENCE
    while True:
        try:
            return look()
        except MissingError:
            if time.monotonic() > deadline:
                raise
        time.sleep(POLL)


def stop(api: AirflowApi, dag: str, action: str) -> dict[str, Any]:
    """Pause or cancel the backfill of a DAG that runs.

    Args:
        action: ``pause`` or ``cancel``.

    Raises:
        MissingError: none runs.
    """
    running = active(api, dag)
    if running is None:
        raise MissingError(f"no backfill of DAG `{dag}` runs", f"inv dag.backfill {dag} --from DATE --to DATE")
    return _put(api, running, action)


def _put(api: AirflowApi, backfill: Mapping[str, Any], action: str) -> dict[str, Any]:
    path = f"backfills/{backfill['id']}/{action}"
    return dict(patiently(lambda: api.request("PUT", path)))
