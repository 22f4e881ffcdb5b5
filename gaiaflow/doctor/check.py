"""One finding of the doctor: what holds, and how to fix it where it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from gaiaflow.errors import GaiaflowError, MissingError


class State(str, Enum):
    """How a check ended; only ``failed`` keeps a mode from being ready."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Fix:
    """A repair that is safe: it touches nothing outside the project.

    Attributes:
        what: what it does, as a question without its mark.
    """

    what: str
    apply: Callable[[], object]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what was looked at; the table gives it.
        modes: the modes that need it; the table gives them.
        said: one line: what is so.
        hint: the command that fixes it, empty where nothing is to be fixed.
        missing: failed because something is not there, not because it is wrong.
    """

    state: State
    said: str
    hint: str = ""
    fix: Fix | None = None
    missing: bool = False
    name: str = ""
    modes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON; a fix shows as what it would do."""
        return {
            "name": self.name,
            "state": self.state.value,
            "said": self.said,
            "hint": self.hint,
            "fix": self.fix.what if self.fix else "",
            "missing": self.missing,
            "modes": list(self.modes),
        }


def ok(said: str) -> Check:
    return Check(State.OK, said)


def warning(said: str, hint: str, fix: Fix | None = None) -> Check:
    """It works, but something will go wrong sooner or later."""
    return Check(State.WARNING, said, hint, fix)


def failed(said: str, hint: str, fix: Fix | None = None) -> Check:
    """It is there and wrong."""
    return Check(State.FAILED, said, hint, fix)


def absent(said: str, hint: str, fix: Fix | None = None) -> Check:
    """It is not there."""
    return Check(State.FAILED, said, hint, fix, missing=True)


def unknown(said: str, hint: str = "") -> Check:
    """It could not be asked."""
    return Check(State.UNKNOWN, said, hint)


def of_error(error: GaiaflowError) -> Check:
    """What an error of gaiaflow's says."""
    return Check(State.FAILED, error.message, error.hint, missing=isinstance(error, MissingError))
