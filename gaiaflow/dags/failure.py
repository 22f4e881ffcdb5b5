"""One failed attempt of a task, as a person sees it at once: error, own frames, last words, what comes next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from gaiaflow import explained
from gaiaflow.dags import tasklog
from gaiaflow.dags.api import AirflowApi
from gaiaflow.dags.brokenfile import Frame, cause_of, frames, is_own
from gaiaflow.errors import GaiaflowError
from gaiaflow.project import Project

LAST_LINES = 10
RETRIED = "up_for_retry"


@dataclass(frozen=True)
class Failure:
    """A failed attempt.

    Attributes:
        task: its id, with the index of a mapped one: ``tile[2]``.
        attempt, attempts: the number of this one from 1, and how many there may be.
        cause: the error that led to this one; empty if none did.
        frames: the frames of the traceback that are the user's, the innermost last.
        printed: the last lines that the function wrote before it failed.
        retried: another attempt follows.
        next_in: seconds until it starts; None if unknown.
        replay: the command that runs the attempt under a debugger.
    """

    task: str
    attempt: int
    attempts: int
    error: str
    cause: str = ""
    frames: list[Frame] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    retried: bool = False
    next_in: float | None = None
    replay: str = ""

    def lines(self) -> Iterator[str]:
        """The failure as it is shown."""
        yield f"{self.task} failed, attempt {self.attempt} of {self.attempts}: {self.error}"
        for frame in self.frames:
            yield f"  {frame.file}:{frame.line}"
            yield from (f"    {text}" for text in (frame.code, frame.caret) if text)
        if self.cause:
            yield f"  caused by {self.cause}"
        if self.printed:
            yield "  its last lines:"
            yield from (f"    {line}" for line in self.printed)
        yield f"  {self._next()}"
        page = explained.of_task(self.error)
        if page and not page.endswith("#an-exception"):  # an exception of one's own needs no page
            yield f"  see: {page}"
        if self.replay:
            yield f"  debug it: {self.replay}"

    def _next(self) -> str:
        if not self.retried:
            final = self.attempt < self.attempts
            return "no other attempt: it would fail in the same way" if final else "no other attempt follows"
        when = "soon" if self.next_in is None else f"in {max(self.next_in, 0):.0f} s"
        return f"the next attempt starts {when}"


@dataclass
class Failures:
    """Finds the failed attempts of a run, each once.

    Args:
        seen: how many attempts of each task instance were looked at.
    """

    api: AirflowApi
    project: Project
    dag: str
    run: str
    seen: dict[tuple[str, int], int] = field(default_factory=dict)
    _delays: dict[str, float | None] = field(default_factory=dict, repr=False)

    def new(self, instances: list[dict[str, Any]]) -> Iterator[Failure]:
        """The attempts that failed since the last call."""
        for instance in instances:
            spot = (instance["task_id"], instance["map_index"])
            ended = _failed_attempts(instance)
            for attempt in range(self.seen.get(spot, 0) + 1, ended + 1):
                self.seen[spot] = attempt
                if attempt == instance["try_number"] or self._has_failed(instance, attempt):
                    yield self.read(instance, attempt)

    def _has_failed(self, instance: Mapping[str, Any], attempt: int) -> bool:
        """Whether an earlier attempt failed: one that was cleared did not."""
        tries = self.api.tries(self.dag, self.run, instance)
        return any(t["try_number"] == attempt and t["state"] in ("failed", RETRIED) for t in tries)

    def read(self, instance: Mapping[str, Any], attempt: int) -> Failure:
        """One failed attempt with what its log tells."""
        entries = self._log(instance, attempt)
        lines = tasklog.said(entries)
        traceback = tasklog.traceback_of(lines)
        current = attempt == instance["try_number"]
        retried = not current or instance["state"] == RETRIED
        return Failure(
            label(instance),
            attempt,
            max(int(instance.get("max_tries") or 0) + 1, attempt),
            self.api.error_in(entries),
            cause_of(traceback),
            own_frames(self.project, traceback),
            tasklog.before_the_error(lines)[-LAST_LINES:],
            retried,
            self._next_in(instance) if retried and current else 0.0 if retried else None,
            self._replay(instance),
        )

    def _log(self, instance: Mapping[str, Any], attempt: int) -> list[Any]:
        try:
            return self.api.log(self.dag, self.run, instance, attempt)
        except GaiaflowError:
            return []

    def _next_in(self, instance: Mapping[str, Any]) -> float | None:
        delay = self._delay(str(instance["task_id"]))
        ended = instance.get("end_date")
        if delay is None or not ended:
            return None
        due = datetime.fromisoformat(str(ended).replace("Z", "+00:00")) + timedelta(seconds=delay)
        return (due - datetime.now(timezone.utc)).total_seconds()

    def _delay(self, task: str) -> float | None:
        """The seconds between two attempts; None where they grow."""
        if task not in self._delays:
            self._delays = {t["task_id"]: _delay_of(t) for t in self.api.tasks(self.dag)}
        return self._delays.get(task)

    def _replay(self, instance: Mapping[str, Any]) -> str:
        words = [self.dag, str(instance["task_id"]), self.run]
        index = [] if instance["map_index"] < 0 else ["--map-index", str(instance["map_index"])]
        return shlex.join(["inv", "dag.replay", *words, *index, "--stack", "--pdb"])


def label(instance: Mapping[str, Any]) -> str:
    """``task`` or ``task[2]``."""
    index = instance["map_index"]
    return str(instance["task_id"]) if index < 0 else f"{instance['task_id']}[{index}]"


def own_frames(project: Project, text: str) -> list[Frame]:
    """The user's frames of a traceback; all of them where none is the user's."""
    known = list(frames(text))
    own = [frame for frame in known if is_own(frame.file)]
    return [_shown(frame, project) for frame in own or known]


def _shown(frame: Frame, project: Project) -> Frame:
    return Frame(frame.file.removeprefix(f"{project.root}/"), frame.line, frame.code, frame.caret)


def _failed_attempts(instance: Mapping[str, Any]) -> int:
    """How many attempts of a task instance are over without success."""
    number = int(instance["try_number"])
    return number if instance["state"] in ("failed", RETRIED) else number - 1


def _delay_of(task: Mapping[str, Any]) -> float | None:
    delay = task.get("retry_delay") or {}
    if not delay or task.get("retry_exponential_backoff"):
        return None
    return float(timedelta(**{k: delay.get(k, 0) for k in ("days", "seconds", "microseconds")}).total_seconds())
