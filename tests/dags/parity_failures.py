"""Functions that fail, each in its own way: the error has to be the same everywhere."""

from airflow.sdk import DAG

from gaiaflow.tasks import create_task

FUNCTIONS = {
    "exits_with_a_code": ("parity.functions:exits", [3]),
    "exits_with_a_text": ("parity.functions:exits", ["no more"]),
    "exits_with_nothing": ("parity.functions:exits", [0]),
    "raises_chained": ("parity.functions:raises_chained", []),
    "raises_unprintable": ("parity.functions:raises_unprintable", []),
    "returns_a_set": ("parity.functions:returns_set", []),
    "returns_nan": ("parity.functions:returns_nan", []),
    "missing_function": ("parity.functions:ecko", []),
    "missing_module": ("parity.nowhere:echo", []),
    "does_not_import": ("parity.broken:unreachable", []),
    "too_many_arguments": ("parity.functions:takes_neither", [1, 2]),
    "leaves_without_a_result": ("parity.functions:leaves_without_result", []),
    "dies": ("parity.functions:dies", []),
}

with DAG("parity_failures", schedule=None, tags=["fails-on-purpose"]):
    for task_id, (function, arguments) in FUNCTIONS.items():
        create_task(task_id, function, func_args=arguments)
