"""How the calls of a Job ended, by its pods."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gaiaflow.errors import GaiaflowError, TaskFailedError
from gaiaflow.operators.job.body import COMPLETION_INDEX, DIGEST, INDEXES
from gaiaflow.operators.pod import small

_HINT = "kubectl get events, kubectl get nodes"


def indexes_of(job: Any) -> list[int]:
    """The places in the task's list of the calls that a Job makes, by the index of the pod."""
    return [int(place) for place in json.loads(job.metadata.annotations[INDEXES])]


def digest_of(job: Any) -> str:
    """The digest of the list of calls that a Job is of."""
    return str((job.metadata.annotations or {}).get(DIGEST, ""))


def by_place(job: Any, pods: Iterator[Any]) -> Iterator[tuple[int, Any]]:
    """The pods of a Job with the places of their calls."""
    places = indexes_of(job)
    for pod in pods:
        found = (pod.metadata.annotations or {}).get(COMPLETION_INDEX)
        if found is not None and int(found) < len(places):
            yield places[int(found)], pod


def results(pods: Mapping[int, list[Any]], container: str) -> dict[int, str]:
    """The value of each call that succeeded, as JSON text; empty text where it is not wanted."""
    found = {}
    for place, tried in pods.items():
        for pod in tried:
            if pod.status.phase == "Succeeded":
                found[place] = small.read(pod, container) or ""
    return found


def failures(
    pods: Mapping[int, list[Any]], missing: list[int], why: Callable[[Any], Exception | None], func_path: str
) -> dict[int, GaiaflowError]:
    """The errors of the calls that have no value.

    Args:
        missing: their places.
        why: the error of a pod that failed.
    """
    return {place: _failure(pods.get(place, []), why, func_path) for place in missing}


def _failure(tried: list[Any], why: Callable[[Any], Exception | None], func_path: str) -> GaiaflowError:
    for pod in reversed(tried):
        error = why(pod)
        if isinstance(error, GaiaflowError):
            return error
    return TaskFailedError(f"`{func_path}` was stopped: its pod was deleted", _HINT)
