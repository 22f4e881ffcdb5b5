"""Tasks that need more than a call: mapped, tried again, out of time, with variables; alike in every mode."""

from __future__ import annotations

from typing import Any

FUNCTIONS = "parity.functions"
NAMES = ["FROM_STACK", "FROM_TASK", "FROM_SECRET", "BOTH", "DOLLARS", "GAIAFLOW_CALL"]
STACK = {"FROM_STACK": "stack", "FROM_TASK": "stack", "BOTH": "stack"}
ASKED = {"FROM_TASK": "task", "BOTH": "task", "DOLLARS": "$$ $(HOME) {{ ds }}"}
SECRET = {"FROM_SECRET": "secret", "BOTH": "secret"}
SEEN = {
    "FROM_STACK": "stack",
    "FROM_TASK": "task",
    "FROM_SECRET": "secret",
    "BOTH": "secret",
    "DOLLARS": "$$ $(HOME) {{ ds }}",
    "GAIAFLOW_CALL": None,
}


def tasks(image: str, secret: str, **common: Any) -> list[dict[str, Any]]:
    """The arguments of create_task."""
    plain: dict[str, Any] = {"image": image, **common}
    return [
        {
            "task_id": "variables",
            "func_path": f"{FUNCTIONS}:variables",
            "func_args": NAMES,
            "env_vars": ASKED,
            "secrets": [secret],
            **plain,
        },
        {"task_id": "again", "func_path": f"{FUNCTIONS}:exits", "retries": 2, "retry_delay": 0, **plain},
        {"task_id": "slow", "func_path": f"{FUNCTIONS}:sleeps", "execution_timeout": 8, **plain},
        {
            "task_id": "squares",
            "func_path": f"{FUNCTIONS}:squares",
            "map_over": {"tile": [1, 2, 3]},
            "func_kwargs": {"offset": 1},
            **plain,
        },
        {
            "task_id": "collected",
            "func_path": f"{FUNCTIONS}:echo_value",
            "func_kwargs": {"value": {"all": [{"$from": ["squares"]}]}},
            **plain,
        },
        {"task_id": "dropped", "func_path": f"{FUNCTIONS}:returns_set", "do_xcom_push": False, **plain},
        {
            "task_id": "absent",
            "func_path": f"{FUNCTIONS}:echo",
            **plain,
            "image": "gaiaflow-tests/nowhere:1",
            "retries": 2,
            "retry_delay": 0,
        },
    ]
