"""Production's Kubernetes against the fields of the pods."""

from __future__ import annotations

from typing import Any

import pytest

from gaiaflow.errors import MissingError
from gaiaflow.infra.cluster.api import Cluster
from gaiaflow.podversion import fit
from gaiaflow.production import podfit
from gaiaflow.production.verdict import FAILED, MISSING, OK

PLAIN = ("`plain` of DAG `d`", {"fits": list(fit({}))})
NEWER = ("`newer` of DAG `d`", {"fits": list(fit({"hostnameOverride": "h"}))})
NO_POD = ("`local` of DAG `d`", {"fits": None})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the cluster says of itself."""
    said = {"gitVersion": "v1.33.2"}

    class Answering:
        def request(self, *_: Any) -> tuple[int, dict[str, str]]:
            return 200, said

    monkeypatch.setattr(Cluster, "connect", lambda *_: Answering())
    return said


def test_without_a_context_the_versions_are_told() -> None:
    found = podfit.check([PLAIN, NEWER, NO_POD], "")
    assert (found.state, found.why) == (OK, "the pods fit Kubernetes 1.34 or newer (hostnameOverride)")


def test_no_pod_fits_everywhere() -> None:
    assert podfit.check([NO_POD], "prod").why == "no task runs in a pod"


def test_a_cluster_that_would_ignore_a_field_fails_with_the_task_and_the_field(server: dict[str, str]) -> None:
    found = podfit.check([PLAIN, NEWER], "prod")
    assert found.state == FAILED
    assert found.why == "the pod of `newer` of DAG `d` fits Kubernetes 1.34 or newer (hostnameOverride)"
    assert found.hint == "`prod` has v1.33.2: leave the field out"


def test_a_cluster_that_knows_them_all_passes(server: dict[str, str]) -> None:
    server["gitVersion"] = "v1.37.1+k3s1"
    assert podfit.check([PLAIN, NEWER], "prod").state == OK


def test_a_context_that_is_not_there_is_something_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: Any) -> None:
        raise MissingError("no context `prod`", "kubectl config get-contexts")

    monkeypatch.setattr(Cluster, "connect", connect)
    found = podfit.check([PLAIN], "prod")
    assert (found.state, found.why) == (MISSING, "no context `prod`")


def test_both_ends_of_several_pods_hold_together() -> None:
    pods = [fit({"hostnameOverride": "h"}), fit({"workloadRef": {}}), fit({})]
    assert str(podfit.together(pods)) == "1.35, older than 1.36 (workloadRef)"
