"""Whether production's Kubernetes knows every field of the pods: it would ignore the others without a word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gaiaflow import podversion, tested
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster import version
from gaiaflow.infra.cluster.api import Cluster
from gaiaflow.podversion import OLDEST, Fit
from gaiaflow.production.verdict import OK, Check, unanswered, verdict

NAME = "kubernetes"


def check(tasks: Iterable[tuple[str, Mapping[str, Any]]], context: str) -> Check:
    """Compare the pods with the version of the cluster, where a context names it.

    Args:
        tasks: words for where each task is, and the task with its `fits`.
        context: production's kube context, or nothing.
    """
    fits = {where: podversion.read(task["fits"]) for where, task in tasks if task["fits"]}
    if not fits:
        return Check(NAME, OK, "no task runs in a pod")
    if not context:
        return Check(NAME, OK, f"the pods fit Kubernetes {together(fits.values())}")
    try:
        server = version.read(Cluster.connect(None, context))
    except GaiaflowError as error:
        return unanswered(NAME, error, f"kubectl --context {context} version")
    found = tested.minor(server)
    wrong = [
        f"the pod of {where} fits Kubernetes {each}"
        for where, each in fits.items()
        if found and each.refuses(found)
    ]
    return verdict(
        NAME, wrong, f"{server} knows every field of the pods", f"`{context}` has {server}: leave the field out"
    )


def together(fits: Iterable[Fit]) -> Fit:
    """The versions that fit all of them."""
    every = list(fits)
    oldest = max(every, key=lambda each: each.oldest)
    ends = [each for each in every if each.below]
    newest = min(ends, key=lambda each: each.below or OLDEST) if ends else None
    why = dict.fromkeys([*oldest.why, *(newest.why if newest else ())])
    return Fit(oldest.oldest, newest.below if newest else None, tuple(why))
