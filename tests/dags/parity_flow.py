"""Edges, groups, keys, trigger rules and mapped tasks."""

from airflow.sdk import DAG, TaskGroup

from gaiaflow.tasks import FromTask, create_task, task_factory

with DAG("parity_flow", schedule=None):
    numbers = create_task("numbers", "parity.functions:numbers", func_kwargs={"count": 3})
    with TaskGroup("inner"):
        create_task("made", "parity.functions:takes_kwargs", func_kwargs={"list": [1, 2], "text": "C:\\new"})
    create_task(
        "keyed",
        "parity.functions:echo",
        func_args=[FromTask("inner.made", "text"), {"x": [FromTask("numbers")]}, 1],
    )
    squares = create_task("squares", "parity.functions:squares", map_over={"tile": [3, 1, 2]})
    create_task(
        "from_task",
        "parity.functions:squares",
        func_kwargs={"offset": 1},
        map_over={"tile": FromTask("numbers")},
    )
    create_task("crossed", "parity.functions:squares", map_over={"tile": [1, 2], "offset": [10, 20]})
    create_task("gathered", "parity.functions:echo", func_args=[FromTask("squares"), FromTask("from_task")])
    create_task("last", "parity.functions:echo", func_args=["end"], trigger_rule="all_done") << [
        numbers,
        squares,
    ]
    task_factory("older", "parity.functions:takes_kwargs", {"a": 1}, xcom_pull_tasks={"b": {"task": "numbers"}})
    task_factory("drops", "parity.functions:returns_set", xcom_push=False)
