"""The quota of a namespace and the limits of its containers, by the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gaiaflow.errors import UsageError
from gaiaflow.infra.cluster import manifests, room
from gaiaflow.settings import check_settings

FILE = Path("pyproject.toml")


def fitted(**cluster: Any) -> dict[str, Any]:
    """The objects of a namespace by kind."""
    settings = check_settings(FILE, {"cluster": cluster}).cluster
    return {thing["kind"]: thing for thing in room.fitted(manifests.manifests({}, "mine"), settings)}


def test_without_settings_a_namespace_has_the_quota_of_the_file_and_no_limits() -> None:
    things = fitted()
    assert things["ResourceQuota"]["spec"]["hard"]["pods"] == "100"
    assert "LimitRange" not in things


def test_a_quota_comes_over_the_defaults() -> None:
    hard = fitted(quota={"pods": 50, "requests.memory": "64Gi"})["ResourceQuota"]["spec"]["hard"]
    assert (hard["pods"], hard["requests.memory"], hard["services.nodeports"]) == ("50", "64Gi", "0")


def test_a_project_of_small_results_needs_no_exec() -> None:
    def rights(**cluster: Any) -> list[str]:
        return [rule["resources"][0] for rule in fitted(**cluster)["Role"]["rules"]]

    assert "pods/exec" in rights()
    assert rights(results="small") == [name for name in rights() if name != "pods/exec"]


def test_limits_are_those_of_each_container() -> None:
    said = {"default": {"memory": "2Gi"}, "default_request": {"cpu": "250m"}, "max": {"memory": "16Gi"}}
    limits = {"default": {"memory": "2Gi"}, "defaultRequest": {"cpu": "250m"}, "max": {"memory": "16Gi"}}
    assert fitted(limits=said)["LimitRange"]["spec"]["limits"] == [{"type": "Container", **limits}]


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        (
            {"qota": {}},
            "`qota` in [tool.gaiaflow.cluster] of pyproject.toml: extra inputs are not permitted "
            "(did you mean `quota`?)",
        ),
        (
            {"limits": {"defualt": {}}},
            "`defualt` in [tool.gaiaflow.cluster.limits] of pyproject.toml: extra inputs are not permitted "
            "(did you mean `default`?)",
        ),
        (
            {"quota": {"pods": "many"}},
            "`pods` in [tool.gaiaflow.cluster.quota] of pyproject.toml: value error, it is not a quantity as "
            "500m, 2, 512mi or 1gi",
        ),
        (
            {"wait_for_room": "an hour"},
            "`wait_for_room` in [tool.gaiaflow.cluster] of pyproject.toml: value error, 'an hour' is not a "
            "length of time as 90s, 30m or 1h",
        ),
    ],
)
def test_wrong_settings_are_refused(cluster: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_settings(FILE, {"cluster": cluster})
    assert caught.value.message == message
