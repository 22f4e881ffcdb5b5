"""How long work tells its caller where it is: phases, and the step of a phase."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

# Takes the step that a phase is at, or what it waits for.
Tell = Callable[[str], None]
# Shows one phase of the work while it runs: ``with phase("start s3") as tell``. terminal.Phases.phase fits.
Phase = Callable[[str], AbstractContextManager[Tell]]


def silent(_step: str) -> None:
    """Where nobody looks."""
