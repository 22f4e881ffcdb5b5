"""One line of `inv prod.check`'s answer."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from gaiaflow.errors import GaiaflowError, MissingError

OK, FAILED, MISSING = "ok", "failed", "missing"


@dataclass(frozen=True)
class Check:
    """One line of the answer.

    Attributes:
        state: ok, failed, or missing where something that the check needs is not there.
    """

    name: str
    state: str
    why: str
    hint: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def verdict(name: str, wrong: list[str], good: str, hint: str) -> Check:
    """Failed when there is something wrong."""
    return Check(name, FAILED, "; ".join(wrong), hint) if wrong else Check(name, OK, good)


def unanswered(name: str, error: GaiaflowError, hint: str = "") -> Check:
    """Whoever was asked did not answer: something is missing, or it failed.

    Args:
        hint: instead of the error's own.
    """
    state = MISSING if isinstance(error, MissingError) else FAILED
    return Check(name, state, error.message, hint or error.hint)
