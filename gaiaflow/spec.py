"""One checked call of create_task: what every mode's operator is built from."""

from __future__ import annotations

from typing import Any, NamedTuple

from gaiaflow.modes import Mode


class TaskSpec(NamedTuple):
    """One call of create_task, checked and copied: what every mode's operator is built from.

    func_args and func_kwargs are `gaiaflow.operators.call.Arguments`.
    """

    task_id: str
    func_path: str
    func_args: Any
    func_kwargs: Any
    mode: Mode
    image: str | None
    secrets: list[str]
    env_vars: dict[str, str]
    resources: dict[str, Any]
    map_over: dict[str, Any]
    data: list[str]
    docker: dict[str, Any]
    kubernetes: dict[str, Any]
    dag: Any
    operator_kwargs: dict[str, Any]
