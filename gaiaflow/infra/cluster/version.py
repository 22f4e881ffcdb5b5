"""Which Kubernetes a cluster is, and what there is to say about it."""

from __future__ import annotations

from gaiaflow import tested
from gaiaflow.infra.cluster.api import Cluster


def read(cluster: Cluster) -> str:
    """The version of the API server, as ``v1.34.4``."""
    return str(cluster.request("GET", "/version")[1].get("gitVersion", ""))


def notes(version: str, wanted: str, is_ours: bool) -> list[str]:
    """What a person should know of a cluster that runs.

    Args:
        wanted: the version that was asked for; empty, ``stable`` and ``latest`` ask for none.
        is_ours: whether gaiaflow makes the node; else the cluster is a context of the user's.
    """
    found = [text for text in [tested.outside(tested.KUBERNETES, version)] if text]
    asked, there = tested.minor(wanted), tested.minor(version)
    if asked and there and asked != there:
        differs = f"the cluster is Kubernetes {tested.dotted(there)}, not {tested.dotted(asked)}"
        remedy = "a node keeps its version: inv prodlocal.cleanup, then inv prodlocal.start"
        found.append(f"{differs}; {remedy if is_ours else 'choose another context'}")
    return found
