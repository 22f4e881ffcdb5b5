"""Whether two clocks agree: tokens, signatures and certificates do not stand a difference."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone

from gaiaflow.doctor.check import Check, failed, ok, unknown, warning

# Seconds. Airflow's tokens allow ten, an S3 signature a quarter of an hour.
ODD, WRONG = 5.0, 60.0


def parse(text: str) -> float | None:
    """Seconds since 1970 of ``2026-11-21T12:28:00.619391537Z``; None for what is no such time."""
    found = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?$", text)
    if not found:
        return None
    zone = (found.group(3) or "Z").replace("Z", "+00:00")
    whole = datetime.fromisoformat(found.group(1) + zone).astimezone(timezone.utc).timestamp()
    return whole + float(found.group(2) or 0)


def offset(theirs: float | None, before: float, after: float | None = None) -> float | None:
    """How far a clock is from ours that was read between two of our times; 0 when it lies between them."""
    if theirs is None:
        return None
    end = time.time() if after is None else after
    return theirs - end if theirs > end else min(0.0, theirs - before)


def judge(whose: str, seconds: float | None, hint: str) -> Check:
    if seconds is None:
        return unknown(f"the clock of {whose} was not read")
    if abs(seconds) < ODD:
        return ok(f"the clock of {whose} agrees with this machine's")
    said = (
        f"the clock of {whose} is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} this machine's"
    )
    return failed(said, hint) if abs(seconds) >= WRONG else warning(said, hint)
