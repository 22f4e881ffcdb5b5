"""Numbered phases with their times: seconds that count on a terminal, one plain line a phase elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from gaiaflow.lifecycle.terminal.output import is_live, say, speech, stderr


@dataclass
class Phase:
    """One phase.

    Attributes:
        seconds: how long it took; so far, while it runs.
        ok: it ended without an error.
        step: what it does or waits for now.
    """

    label: str
    name: str
    seconds: float = 0.0
    ok: bool = False
    step: str = ""


class Phases:
    """The phases of one start or build.

    Attributes:
        seen: the phases so far, the failed one too.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.seen: list[Phase] = []

    @contextmanager
    def phase(self, text: str) -> Iterator[Callable[[str], None]]:
        """One phase; its time is printed when it ends, also by an error.

        What it yields takes the step that the phase is at, for the terminal's line.
        """
        number = len(self.seen) + 1
        now = Phase(f"[{number}/{max(number, self.total)}] {text}", text)  # one may come that nobody foresaw
        self.seen.append(now)
        begun = time.monotonic()

        def tell(step: str) -> None:
            now.step = " ".join(step.split())

        with _line(now, begun):
            try:
                yield tell
                now.ok = True
            finally:
                now.seconds = time.monotonic() - begun
                say(f"{now.label} {'' if now.ok else 'failed after '}{now.seconds:.1f} s")


def _line(now: Phase, begun: float) -> AbstractContextManager[object]:
    """The line of a phase that runs, where there is a terminal for it."""
    if speech.quiet or not is_live():
        return nullcontext()
    from rich.live import Live
    from rich.text import Text

    def shown() -> Text:
        step = f"  {now.step}" if now.step else ""
        text = f"{now.label} {int(time.monotonic() - begun)} s{step}"
        return Text(text, no_wrap=True, overflow="ellipsis")

    return Live(
        console=stderr(),
        get_renderable=shown,
        refresh_per_second=4,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
