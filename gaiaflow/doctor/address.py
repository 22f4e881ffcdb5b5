"""Addresses: each service is asked from where it is used, by a real request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gaiaflow.doctor import clock
from gaiaflow.doctor.check import Check, failed, ok, unknown

# What tells more than that something listens: MLflow refuses callers that name it otherwise than it was told.
MLFLOW = "/api/2.0/mlflow/experiments/search?max_results=1"
_FORBIDDEN = 403


@dataclass(frozen=True)
class Answer:
    """How one address answered.

    Attributes:
        status: of HTTP; 0 where there was no answer.
        error: why there was none.
    """

    service: str
    url: str
    status: int
    error: str = ""

    @property
    def good(self) -> bool:
        """S3 refuses whoever does not sign, which is an answer too."""
        return 0 < self.status < 500 if self.service == "s3" else self.status == 200


@dataclass(frozen=True)
class Facts:
    """What was heard from one vantage point.

    Attributes:
        vantage: from where, for a person: ``this machine``, ``a container``, ``a pod``.
        unasked: why nobody was asked, with what would change that.
        trouble: why the asking itself failed, with what fixes it.
        skew: seconds that the clock there is ahead.
    """

    vantage: str
    answers: tuple[Answer, ...] = ()
    unasked: tuple[str, str] = ("", "")
    trouble: tuple[str, str] = ("", "")
    skew: float | None = None


def urls(environment: Mapping[str, str]) -> dict[str, str]:
    """What a task's variables lead to, as it is asked for."""
    places = {"mlflow": ("MLFLOW_TRACKING_URI", MLFLOW), "s3": ("AWS_ENDPOINT_URL_S3", "/")}
    found = {name: (environment.get(variable, ""), path) for name, (variable, path) in places.items()}
    return {name: base.rstrip("/") + path for name, (base, path) in found.items() if base.startswith("http")}


def heard(vantage: str, asked: Mapping[str, str], told: Mapping[str, Any], before: float) -> Facts:
    """What `request.py` printed."""
    answers = [Answer(name, asked[name], int(status), str(error))
               for name, (status, error) in told["answers"].items()]  # fmt: skip
    return Facts(vantage, tuple(answers), skew=clock.offset(float(told["time"]), before))


def judge(facts: Facts) -> Check:
    if facts.unasked[0]:
        return unknown(*facts.unasked)
    if facts.trouble[0]:
        return failed(*facts.trouble)
    bad = next((answer for answer in facts.answers if not answer.good), None)
    if bad is None:
        named = ", ".join(f"{answer.service} at {_base(answer.url)}" for answer in facts.answers)
        return ok(f"from {facts.vantage} answer {named}")
    if bad.service == "mlflow" and bad.status == _FORBIDDEN:
        return failed(
            f"`mlflow` refuses {facts.vantage}: it was not started for the name in {_base(bad.url)}",
            "inv dev.restart --service mlflow",
        )
    how = f"status {bad.status}" if bad.status else bad.error
    return failed(
        f"`{bad.service}` does not answer {facts.vantage} at {_base(bad.url)}: {how}", _mend(facts, bad)
    )


def _mend(facts: Facts, bad: Answer) -> str:
    return "inv prodlocal.start" if facts.vantage == "a pod" else f"inv dev.logs --service {bad.service}"


def _base(url: str) -> str:
    """Scheme, host and port, without what may stand before the host."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}"


def pod_clock(facts: Facts) -> Check:
    if facts.skew is None:
        return unknown("no pod was asked for its time")
    return clock.judge("the cluster", facts.skew, "inv prodlocal.restart")
