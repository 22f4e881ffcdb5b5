"""The links that Airflow's UI shows with a task: its run in MLflow, and what the docs say of its error."""

from __future__ import annotations

import re
from typing import Any

from airflow.sdk import BaseOperatorLink

from gaiaflow.operators.lineage import run_address

# The page on which each way to fail has a section.
PAGE = "https://github.com/bcdev/gaiaflow/blob/main/docs/reference/failures.md"
# What an error looks like, and the section that tells of it; the first that fits counts.
_SECTIONS = (
    (r"image `.+` has no `(python|/opt/gaiaflow/runner\.py)`", "an-image-without-python"),
    (r"image `.+` is not ", "no-such-image"),
    (r"secret `.+` is not in the cluster", "no-such-secret"),
    (r"the cluster refused the pod .*exceeded quota", "quota"),
    (r"the cluster refused the pod .*forbidden: User", "namespace-denied"),
    (r"the pod did not start: ", "no-room-on-a-node"),
    (r"the cluster does not answer: |no local cluster: ", "no-cluster"),
    (r"no Docker engine at ", "no-engine"),
    (r"the arguments of task `.+` have .* KiB", "arguments-that-are-too-large"),
    (r"`\S+` did not end within ", "a-time-out"),
    (r"`\S+` was ended: its (pod|container) was ", "a-pod-that-is-gone"),
    (r"`\S+` was killed: it took more memory", "out-of-memory"),
    (r"`\S+` was ended by signal (9|15)\b", "killed"),
    (r"`\S+` was ended by signal ", "a-crash"),
    (r"`\S+` left with exit code ", "os_exit"),
    (r"\S+ does not import: ", "no-such-module"),
    (r"\S+ has no function `", "no-such-function"),
    (r"\S+ does not take this call: ", "wrong-arguments"),
    (r"\S+ returned what is not JSON: ", "a-result-that-is-not-json"),
    (r"the result of \S+ cannot be written: ", "disk-full"),
    (r"\S+ raised SystemExit\b", "sysexit"),
    (r"\S+ raised OSError: \[Errno 28\]", "disk-full"),
    (r"\S+ raised ", "an-exception"),
)


class MlflowRunLink(BaseOperatorLink):  # type: ignore[misc]
    """The MLflow run that the function started."""

    name = "MLflow run"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Empty where the function started none, or its MLflow does not answer."""
        seen, stack = operator.mlflow()
        return run_address(seen, stack, ti_key)


class ErrorDocsLink(BaseOperatorLink):  # type: ignore[misc]
    """The section of the docs on the error that ended the last attempt."""

    name = "Docs of the error"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow passes it
        """Empty where it ended well, and where no section tells of the error."""
        return docs_of(operator.ended_with)


def docs_of(error: str) -> str:
    """The address of the section on an error; empty for one that has none."""
    anchor = next((anchor for text, anchor in _SECTIONS if re.match(text, error, re.DOTALL)), "")
    return f"{PAGE}#{anchor}" if anchor else ""
