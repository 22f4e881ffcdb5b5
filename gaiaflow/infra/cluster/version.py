"""Which Kubernetes a cluster is, and what there is to say about it."""

from __future__ import annotations

from gaiaflow import tested
from gaiaflow.infra.cluster.api import Cluster


def read(cluster: Cluster) -> str:
    """The version of the API server, as ``v1.34.4``."""
    return str(cluster.request("GET", "/version")[1].get("gitVersion", ""))


def notes(version: str, wanted: str) -> list[str]:
    """What a person should know of a cluster that runs.

    Args:
        wanted: the version that was asked for; empty, ``stable`` and ``latest`` ask for none.
    """
    found = [text for text in [tested.outside(tested.KUBERNETES, version)] if text]
    asked, there = tested.minor(wanted), tested.minor(version)
    if asked and there and asked != there:
        there_is, not_it = tested.dotted(there), tested.dotted(asked)
        found.append(
            f"the cluster is Kubernetes {there_is}, not {not_it}: a node keeps its version; "
            "inv prodlocal.cleanup, then inv prodlocal.start"
        )
    return found
