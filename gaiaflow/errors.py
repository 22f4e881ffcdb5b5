"""The errors that gaiaflow raises on purpose; everything else is a bug of ours."""

from __future__ import annotations

from typing import TypeVar

FINAL_NOTE = "not retried: another attempt would fail in the same way"


class GaiaflowError(Exception):
    """An error that a person can fix.

    Args:
        message: lower case, the thing in backticks, the cause after a colon.
        hint: what to do next, at best a command to paste.

    Attributes:
        is_final: no other attempt can succeed, so Airflow does not retry the task; see `final`.
    """

    exit_code = 1
    is_final = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


Err = TypeVar("Err", bound=GaiaflowError)


def final(error: Err) -> Err:
    """Mark the error of a task that no retry can fix."""
    error.is_final = True
    return error


class UsageError(GaiaflowError):
    """The call itself is wrong: an unknown name, a value out of range."""

    exit_code = 2
    is_final = True


class MissingError(GaiaflowError):
    """Something that the work needs is not there: a tool, an image, a running service."""

    exit_code = 3


class StillStartingError(GaiaflowError):
    """Still starting: try again later."""

    exit_code = 4


class TaskFailedError(GaiaflowError):
    """The user's function failed; the message is the runner's last line."""


def near_miss(name: str, known: list[str] | tuple[str, ...]) -> str:
    """``" (did you mean `x`?)"`` when one of the known names is close, otherwise empty."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f" (did you mean `{close[0]}`?)" if close else ""
