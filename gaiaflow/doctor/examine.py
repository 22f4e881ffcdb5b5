"""The whole look: all topics at the same time, each with its own limit, and what follows for the modes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from gaiaflow.doctor.check import Check, Fix, State, of_error, unknown
from gaiaflow.doctor.place import Place
from gaiaflow.doctor.table import ROWS, Row, Topic
from gaiaflow.errors import GaiaflowError
from gaiaflow.modes import Mode

SCHEMA = 1


@dataclass(frozen=True)
class Report:
    """What was found, and for which modes.

    Attributes:
        mode: the one that was asked about; None for all.
    """

    checks: tuple[Check, ...]
    mode: Mode | None = None

    def standing_in_the_way(self, mode: Mode) -> list[Check]:
        """The failed checks that a mode needs."""
        return [c for c in self.checks if c.state is State.FAILED and mode.value in c.modes]

    @property
    def modes(self) -> tuple[Mode, ...]:
        return (self.mode,) if self.mode else tuple(Mode)

    @property
    def not_set_up(self) -> tuple[Mode, ...]:
        """Modes that only lack something, beside what dev needs too; none where one mode was asked about."""
        needed = {mode: self.beside_dev(mode) for mode in Mode if mode is not Mode.DEV}
        idle = (mode for mode, bad in needed.items() if bad and all(check.missing for check in bad))
        return () if self.mode else tuple(idle)

    def beside_dev(self, mode: Mode) -> list[Check]:
        """The failed checks that a mode needs and dev does not."""
        return [check for check in self.standing_in_the_way(mode) if Mode.DEV.value not in check.modes]

    @property
    def findings(self) -> list[Check]:
        """What is not ok, the worst first; without what only modes need that are not set up."""
        idle = {mode.value for mode in self.not_set_up}
        order = [State.FAILED, State.UNKNOWN, State.WARNING]
        found = [c for c in self.checks if c.state in order and not set(c.modes) <= idle]
        return sorted(found, key=lambda check: order.index(check.state))

    @property
    def exit_code(self) -> int:
        """0 when the mode is ready, dev where none was named; 3 when what it needs is missing, else 1."""
        bad = self.standing_in_the_way(self.mode or Mode.DEV)
        if not bad:
            return 0
        return 3 if any(check.missing for check in bad) else 1

    @property
    def fixes(self) -> list[Fix]:
        """The repairs that are offered; two checks may offer the same."""
        return list({check.fix.what: check.fix for check in self.checks if check.fix}.values())

    def as_dict(self) -> dict[str, Any]:
        ready = {mode.value: not self.standing_in_the_way(mode) for mode in self.modes}
        return {"schema": SCHEMA, "ready": ready, "checks": [check.as_dict() for check in self.checks]}


def examine(place: Place, mode: Mode | None = None, rows: Iterable[Row] = ROWS) -> Report:
    """Look at what the mode needs; at everything where none is named."""
    on_docker = place.backend == "docker"
    needed = {row: _modes(row, on_docker) for row in rows}
    chosen = {row: modes for row, modes in needed.items() if mode is None or mode in modes}
    facts = read_all(place, list(dict.fromkeys(row.topic for row in chosen)))
    return Report(tuple(judge(row, modes, facts[row.topic]) for row, modes in chosen.items()), mode)


def _modes(row: Row, on_docker: bool) -> tuple[Mode, ...]:
    return tuple(Mode) if row.on_docker and on_docker else row.modes


def read_all(place: Place, topics: list[Topic]) -> dict[Topic, Any]:
    """Each topic's facts, or the exception that its reader ended in; one that takes too long is left behind."""
    for module in dict.fromkeys(name for topic in topics for name in topic.imports):
        with contextlib.suppress(ImportError):  # the reader says so itself
            import_module(module)
    found: dict[Topic, Any] = {}
    threads = {
        topic: threading.Thread(target=_read, args=(place, topic, found), daemon=True) for topic in topics
    }
    begun = time.monotonic()
    for thread in threads.values():
        thread.start()
    for topic, thread in threads.items():
        thread.join(max(0.0, begun + topic.seconds - time.monotonic()))
    return {
        topic: found.get(topic, TimeoutError(f"no answer within {topic.seconds:.0f} s")) for topic in topics
    }


def _read(place: Place, topic: Topic, found: dict[Topic, Any]) -> None:
    try:
        found[topic] = topic.read(place)
    except Exception as error:  # noqa: BLE001 - the rest of the report is wanted all the more
        found[topic] = error


def judge(row: Row, modes: tuple[Mode, ...], facts: Any) -> Check:
    """The row's check of its topic's facts."""
    return replace(_found(row, facts), name=row.name, modes=tuple(mode.value for mode in modes))


def _found(row: Row, facts: Any) -> Check:
    if isinstance(facts, GaiaflowError):
        return of_error(facts)
    if isinstance(facts, TimeoutError):
        return unknown(f"{row.topic.name}: {facts}", "inv doctor --bundle")
    if isinstance(facts, Exception):
        return unknown(f"{row.topic.name}: {type(facts).__name__}: {facts}", "inv doctor --bundle")
    return row.judge(facts)
