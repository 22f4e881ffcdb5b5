"""How long the last starts and builds took, phase by phase: one small file in the project's home."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project

FILE = "timings.jsonl"
KEPT = 50
COLD, WARM = "cold", "warm"


@dataclass(frozen=True)
class Timing:
    """One start or build.

    Attributes:
        backend: where it ran: embedded, docker, or the cluster's name.
        start: ``cold`` when environments, images or a node had to be made first, else ``warm``.
        at: when it began, in UTC.
        ok: it ended without an error.
        phases: each with its ``name`` and its ``seconds``.
    """

    command: str
    backend: str
    start: str
    at: str
    seconds: float
    ok: bool
    phases: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def add(project: Project, timing: Timing) -> None:
    """Keep it; the oldest goes when there are more than KEPT."""
    rows = [*read(project), timing][-KEPT:]
    text = "".join(json.dumps(row.as_dict(), ensure_ascii=False) + "\n" for row in rows)
    privatefile.write(privatefile.folder(project.home) / FILE, text)


def read(project: Project) -> list[Timing]:
    """What was kept, the oldest first; a line that was cut is left out."""
    try:
        lines = (project.home / FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [row for row in map(_parse, lines) if row]


def _parse(line: str) -> Timing | None:
    try:
        row = Timing(**json.loads(line))
        whole = isinstance(row.seconds, float) and all({"name", "seconds"} <= set(p) for p in row.phases)
    except (TypeError, ValueError):
        return None
    return row if whole else None
