"""The whole texts of the errors of operators."""

from __future__ import annotations

import pytest

from gaiaflow.operators import resources
from gaiaflow.project import Project
from tests.error_case import Case, hold, text_of

DEVICES = '{"limits": {"nvidia.com/mig-1g.5gb": 1}}'
QUANTITIES = '{"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}, "gpu": 1}'


CASES = [
    Case(
        lambda _: resources.parse({"limit": {}}),
        2,
        "`resources` has the key `limit` (did you mean `limits`?)",
        QUANTITIES,
    ),
    Case(
        lambda _: resources.parse({"gpu": 0.5}),
        2,
        "`gpu` in `resources` is 0.5, not a whole number",
        QUANTITIES,
    ),
    Case(
        lambda _: resources.parse({"limits": "1Gi"}),
        2,
        "`resources['limits']` is a str, not a dict",
        QUANTITIES,
    ),
    Case(
        lambda _: resources.parse({"limits": {"memroy": "1Gi"}}),
        2,
        "`resources['limits']` has `memroy` (did you mean `memory`?)",
        QUANTITIES,
    ),
    Case(
        lambda _: resources.parse({"limits": {"cpu": "much"}}),
        2,
        "`resources['limits']['cpu']` is 'much', not a quantity",
        "500m, 2, 512Mi, 1Gi",
    ),
    Case(
        lambda _: resources.parse({"limits": {"nvidia.com/mig-1g.5gb": "0.5"}}),
        2,
        "`resources['limits']['nvidia.com/mig-1g.5gb']` is 0.5, not a whole number",
        DEVICES,
    ),
    Case(
        lambda _: resources.parse({"requests": {"example.org/fpga": 1}}),
        2,
        "`resources['requests']['example.org/fpga']` is 1, and its limit is not set: "
        "Kubernetes requires both to be equal",
        DEVICES,
    ),
    Case(
        lambda _: resources.parse({"limits": {"nvidia.com/gpu": 1}, "gpu": 1}),
        2,
        "`resources` has `gpu` and `nvidia.com/gpu`, which is the same",
        '{"gpu": 1}',
    ),
    Case(
        lambda _: resources.chosen({}, {"resource_profile": "hihg"}),
        2,
        "no resource profile `hihg` (did you mean `high`?)",
        "the param `resource_profile` is one of low, medium, high, ultra",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)
