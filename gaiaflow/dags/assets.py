"""The assets that a run brought, and the DAGs that they started."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from gaiaflow.dags.api import AirflowApi

# The scheduler starts runs of assets at its next look.
PATIENCE = 10.0
POLL = 1.0


@dataclass(frozen=True)
class Brought:
    """One asset that a run brought.

    Attributes:
        started: the runs that it started, each as ``(dag, run)``.
        paused: the DAGs that it would start, were they not paused.
        waiting: those that wait for other assets too, or for the scheduler.
    """

    asset: str
    started: list[tuple[str, str]] = field(default_factory=list)
    paused: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"started": [{"dag": dag, "run_id": run} for dag, run in self.started]}

    def lines(self) -> list[str]:
        """The same for a person."""
        found = [f"asset `{self.asset}` started DAG `{dag}`: run {run}" for dag, run in self.started]
        found += [f"asset `{self.asset}`: DAG `{dag}` is paused and was not started" for dag in self.paused]
        found += [f"asset `{self.asset}`: DAG `{dag}` waits, for other assets too" for dag in self.waiting]
        return found or [f"asset `{self.asset}` starts no DAG"]


def brought(api: AirflowApi, dag: str, run: str) -> list[Brought]:
    """The assets of a run that is over; it waits a moment for the runs that each of them alone starts."""
    deadline = time.monotonic() + PATIENCE
    while True:
        events = api.brought_events(dag, run)
        found = [_brought(api, name, events) for name in dict.fromkeys(str(e["name"]) for e in events)]
        expected = [other for one in found for other in one.waiting if not _needs_others(api, other)]
        if not expected or time.monotonic() > deadline:
            return found
        time.sleep(POLL)


def _brought(api: AirflowApi, name: str, events: list[dict[str, Any]]) -> Brought:
    own = [event for event in events if event["name"] == name]
    started = {(run["dag_id"], run["run_id"]): None for event in own for run in event["created_dagruns"]}
    others = [dag for dag in api.dags_of_asset(own[0]["asset_id"]) if dag not in {dag for dag, _ in started}]
    paused = [dag for dag in others if api.dag(dag).get("is_paused")]
    return Brought(name, list(started), paused, [dag for dag in others if dag not in paused])


def _needs_others(api: AirflowApi, dag: str) -> bool:
    """Whether a DAG waits for several assets; then nobody knows how long."""
    expression = api.asset_expression(dag)
    return len(expression.get("all") or ()) > 1 or not expression
