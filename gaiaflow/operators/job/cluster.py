"""The Jobs of a task in the cluster: made, found again, read, deleted; each request once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow.providers.cncf.kubernetes.kubernetes_helper_functions import generic_api_retry
from kubernetes.client.exceptions import ApiException

NOT_FOUND, ALREADY_THERE = 404, 409
PAGE = 200
_ENDED = ("Complete", "Failed")


class Jobs:
    """The requests about Jobs and their pods in one namespace.

    Args:
        batch: the client's BatchV1Api.
        core: the client's CoreV1Api.
    """

    def __init__(self, batch: Any, core: Any, namespace: str) -> None:
        self._batch, self._core, self.namespace = batch, core, namespace

    @generic_api_retry  # type: ignore[untyped-decorator]
    def create(self, body: Mapping[str, Any]) -> Any:
        """Make a Job."""
        return self._batch.create_namespaced_job(self.namespace, body)

    @generic_api_retry  # type: ignore[untyped-decorator]
    def create_secret(self, body: Mapping[str, Any]) -> None:
        """Make a Secret; one that is there already is that of a lost worker."""
        try:
            self._core.create_namespaced_secret(self.namespace, body)
        except ApiException as error:
            if error.status != ALREADY_THERE:
                raise

    @generic_api_retry  # type: ignore[untyped-decorator]
    def find(self, labels: Mapping[str, str]) -> list[Any]:
        """The Jobs with all of these labels that nobody has deleted, the oldest first."""
        selector = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
        found = self._batch.list_namespaced_job(self.namespace, label_selector=selector).items
        living = [job for job in found if not job.metadata.deletion_timestamp]
        return sorted(living, key=lambda job: job.metadata.creation_timestamp)

    @generic_api_retry  # type: ignore[untyped-decorator]
    def read(self, name: str) -> Any:
        """A Job; None where there is none of that name."""
        try:
            return self._batch.read_namespaced_job(name, self.namespace)
        except ApiException as error:
            if error.status != NOT_FOUND:
                raise
            return None

    @generic_api_retry  # type: ignore[untyped-decorator]
    def delete(self, name: str) -> None:
        """Delete a Job with its pods and its Secret."""
        try:
            self._batch.delete_namespaced_job(name, self.namespace, propagation_policy="Background")
        except ApiException as error:
            if error.status != NOT_FOUND:
                raise

    def pods(self, name: str) -> Iterator[Any]:
        """The pods of a Job."""
        following = None
        while following != "":
            page = self._page(name, limit=PAGE, **({"_continue": following} if following else {}))
            yield from page.items
            following = page.metadata._continue or ""  # noqa: SLF001 - the client's name of `continue`

    def pending(self, name: str) -> list[Any]:
        """Some pods of a Job that have not started."""
        return list(self._page(name, limit=20, field_selector="status.phase=Pending").items)

    @generic_api_retry  # type: ignore[untyped-decorator]
    def _page(self, name: str, **options: Any) -> Any:
        selector = f"batch.kubernetes.io/job-name={name}"
        return self._core.list_namespaced_pod(self.namespace, label_selector=selector, **options)

    def events(self, name: str) -> list[Any]:
        """The events of a Job; nothing where the cluster does not hand them out."""
        chosen = f"involvedObject.kind=Job,involvedObject.name={name}"
        try:
            return list(self._core.list_namespaced_event(self.namespace, field_selector=chosen).items)
        except ApiException:
            return []


def has_ended(job: Any) -> bool:
    """Whether a Job makes no more calls."""
    conditions = (job.status.conditions if job.status else None) or []
    return any(c.type in _ENDED and c.status == "True" for c in conditions)


def has_begun(job: Any) -> bool:
    """Whether any function of a Job has run, or runs."""
    return bool(job.status and (job.status.ready or job.status.succeeded or job.status.failed))
