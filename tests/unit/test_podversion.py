"""Which Kubernetes knows every field of a pod."""

from __future__ import annotations

import json

import pytest

from gaiaflow import podversion
from gaiaflow.podversion import OLDEST, fit

PLAIN = {"containers": [{"name": "base", "image": "i", "resources": {"limits": {"cpu": "1"}}}]}


def with_container(**more: object) -> dict[str, object]:
    return {"containers": [{"name": "base", **more}]}


def test_a_plain_pod_fits_all_of_them() -> None:
    assert str(fit(PLAIN)) == "1.29 or newer"
    assert not fit(PLAIN).refuses((1, 29))


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({**PLAIN, "hostnameOverride": "h"}, "1.34 or newer (hostnameOverride)"),
        ({**PLAIN, "hostnameOverride": None}, "1.29 or newer"),
        (
            with_container(lifecycle={"stopSignal": "SIGINT"}),
            "1.33 or newer (container.lifecycle.stopSignal)",
        ),
        ({"volumes": [{"name": "a"}, {"name": "b", "image": {}}]}, "1.31 or newer (volumes[].image)"),
        ({"workloadRef": {"name": "w"}}, "1.35, older than 1.36 (workloadRef)"),
        (
            {"resourceClaims": [{"name": "gpu", "source": {}}]},
            "1.29, older than 1.31 (resourceClaims[].source)",
        ),
    ],
)
def test_the_field_that_asks_for_a_version_is_named(spec: dict[str, object], text: str) -> None:
    assert str(fit(spec)) == text
    assert podversion.read(json.loads(json.dumps(fit(spec)))) == fit(spec)


def test_a_version_is_refused_outside_of_the_span_and_an_unknown_one_is_not() -> None:
    pod = fit({"workloadRef": {}})
    assert [pod.refuses((1, minor)) for minor in (28, 34, 35, 36)] == [False, True, False, True]
    assert OLDEST == (1, 29)
