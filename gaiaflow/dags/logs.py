"""The lines of the tasks of one run, as they are or as they come."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gaiaflow.dags import tasklog
from gaiaflow.dags.api import FINISHED, AirflowApi, NotFoundError
from gaiaflow.dags.failure import label
from gaiaflow.dags.tasklog import Line
from gaiaflow.errors import MissingError, UsageError, near_miss

POLL = 1.0


@dataclass
class TaskLogs:
    """The logs of the tasks of a run.

    Args:
        task: the id of one task; empty for all of them.
        attempt: the number of an attempt from 1; 0 for the last one.
        whole: with what Airflow and gaiaflow say, too.
    """

    api: AirflowApi
    dag: str
    run: str
    task: str = ""
    attempt: int = 0
    whole: bool = False
    _shown: dict[tuple[str, int], int] = field(default_factory=dict, repr=False)

    def lines(self) -> Iterator[tuple[str, Line]]:
        """The lines that were not given yet, each with the label of its task.

        Raises:
            UsageError: the run has no such task, or the task no such attempt.
            MissingError: the task has not started.
        """
        for instance in self._chosen():
            number = self.attempt or int(instance["try_number"])
            spot = (label(instance), number)
            found = self._read(instance, number)
            yield from ((spot[0], line) for line in found[self._shown.get(spot, 0) :])
            self._shown[spot] = len(found)

    def follow(self) -> Iterator[tuple[str, Line]]:
        """The lines so far, then those that come until the run is over."""
        while True:
            state = self.api.run_state(self.dag, self.run)
            try:
                yield from self.lines()
            except MissingError:
                if state in FINISHED:
                    raise
            if state in FINISHED:
                return
            time.sleep(POLL)

    def _chosen(self) -> list[dict[str, Any]]:
        every = self.api.instances(self.dag, self.run)
        known = sorted({str(i["task_id"]) for i in every})
        if self.task and self.task not in known:
            raise UsageError(
                f"the run has no task `{self.task}`{near_miss(self.task, known)}", f"it has {', '.join(known)}"
            )
        chosen = [i for i in every if self.task in ("", i["task_id"])]
        started = [i for i in chosen if int(i["try_number"] or 0) > 0]
        if self.task and not started:
            state = chosen[0]["state"] or "waiting"
            raise MissingError(
                f"task `{self.task}` has not started: it is {state}", f"inv dag.graph {self.dag}"
            )
        for instance in started:
            self._check_attempt(instance)
        return sorted(started, key=_began)

    def _check_attempt(self, instance: Mapping[str, Any]) -> None:
        if self.task and self.attempt > int(instance["try_number"]):
            raise UsageError(
                f"task `{label(instance)}` has no attempt {self.attempt}",
                f"it has 1 to {instance['try_number']}",
            )

    def _read(self, instance: Mapping[str, Any], number: int) -> list[Line]:
        try:
            entries = self.api.log(self.dag, self.run, instance, number)
        except NotFoundError:
            return []
        return tasklog.every(entries) if self.whole else tasklog.said(entries)


def _began(instance: Mapping[str, Any]) -> str:
    return str(instance.get("start_date") or "~")
