"""What a DAG file imports: create_task, task_factory, FromTask and FromRun.

Importing this module imports only the standard library.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from datetime import timedelta
from importlib import import_module
from typing import Any

from gaiaflow import check
from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.fromrun import FromRun
from gaiaflow.fromtask import FromTask
from gaiaflow.modes import Mode, resolve_mode
from gaiaflow.spec import TaskSpec

__all__ = ["FromRun", "FromTask", "create_task", "task_factory"]

# The module of each mode's operator has a function `build(spec)`.
OPERATORS = {
    Mode.DEV: "gaiaflow.operators.local",
    Mode.DEV_DOCKER: "gaiaflow.operators.docker",
    Mode.PROD_LOCAL: "gaiaflow.operators.kubernetes",
    Mode.PROD: "gaiaflow.operators.kubernetes",
}


# The same for a task that makes all calls of its map.
JOB_OPERATORS = {
    Mode.DEV: "gaiaflow.operators.job.local",
    Mode.DEV_DOCKER: "gaiaflow.operators.job.docker",
    Mode.PROD_LOCAL: "gaiaflow.operators.job.kubernetes",
    Mode.PROD: "gaiaflow.operators.job.kubernetes",
}

# The delay between two attempts if neither the task nor default_args sets one; short, because a person waits.
RETRY_DELAYS = {
    Mode.DEV: timedelta(seconds=2),
    Mode.DEV_DOCKER: timedelta(seconds=2),
    Mode.PROD_LOCAL: timedelta(seconds=10),
}


class _Default(int):
    """A default that differs from the same number passed by the caller."""


def create_task(
    task_id: str,
    func_path: str,
    func_args: Sequence[Any] | None = None,
    func_kwargs: Mapping[str, Any] | None = None,
    image: str | None = None,
    mode: str | None = None,
    secrets: Sequence[str] | None = None,
    env_vars: Mapping[str, Any] | None = None,
    retries: int = _Default(3),
    dag: Any = None,
    *,
    map_over: Mapping[str, Any] | None = None,
    resources: Mapping[str, Any] | None = None,
    data: Sequence[str] | None = None,
    docker: Mapping[str, Any] | None = None,
    kubernetes: Mapping[str, Any] | None = None,
    **operator_kwargs: Any,
) -> Any:
    """Create an Airflow task that runs one Python function in the current mode.

    Args:
        task_id: unique in the DAG (in its TaskGroup).
        func_path: ``package.module:function``.
        func_args: positional arguments: JSON values, with FromTask and FromRun anywhere in them.
        func_kwargs: keyword arguments, in the same way.
        image: the image for dev_docker, prod_local and prod; by default ``GAIAFLOW_IMAGE``. Ignored in dev.
        mode: dev, dev_docker, prod_local or prod; by default ``GAIAFLOW_MODE``, or else dev.
        secrets: names of secrets; the function gets their keys as environment variables.
        env_vars: environment variables for the function. Ignored in dev; use ``.env`` there.
        retries: how often Airflow retries a failed task, unless no attempt can succeed; ``default_args`` of the
            DAG can set another default. By default ``retry_delay`` is 2 seconds in dev and dev_docker, 10 in
            prod_local, and Airflow's own setting in prod.
        dag: the DAG; not needed inside ``with DAG(...)``.
        map_over: one mapped task for each value: ``{"tile": [...]}`` or ``{"tile": FromTask("tiles")}``;
            with several keys, at most four, one for every combination; the last key varies fastest. The lists
            may contain FromRun. With ``kubernetes={"fan_out": "job"}`` one task makes all calls.
        resources: ``{"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {...}, "gpu": 1}``;
            for a pod also ``ephemeral-storage`` and extended resources. Ignored in dev.
        data: names of folders in ``[tool.gaiaflow.data]``. The function gets the path of the folder ``tiles``
            in the variable ``GAIAFLOW_DATA_TILES``, in every mode.
        docker: arguments for the operator of dev_docker.
        kubernetes: arguments for the operator of prod_local and prod. Volumes, mounts, tolerations, affinity,
            init containers and env_from may be plain dicts. ``fan_out`` and ``parallelism`` work in every mode.
        operator_kwargs: all arguments of Airflow's BaseOperator, such as pool, retry_delay and trigger_rule.
            ``outlets=[Asset("scenes")]`` lists the assets that the task updates: if the function returns a
            dict, it becomes the extra of their events. ``inlets`` lists the assets that the task uses.

    Returns:
        The operator, a subclass of ExternalPythonOperator, DockerOperator or KubernetesPodOperator;
        with ``map_over``, Airflow's MappedOperator, unless one task makes all calls.

    Raises:
        UsageError: an argument is wrong; the message names the DAG and the task and suggests a similar name.
    """
    from gaiaflow.operators.internals import current_dag, default_arguments
    from gaiaflow.operators.job import option

    dag = dag if dag is not None else current_dag()
    where = f"task `{task_id}`" + (f" of DAG `{dag.dag_id}`" if dag is not None else "")
    try:
        current = resolve_mode(mode)
        defaults = default_arguments(dag)
        spec = TaskSpec(
            task_id=task_id,
            func_path=check.func_path(func_path),
            func_args=check.arguments("func_args", list(func_args or []), dag),
            func_kwargs=check.arguments("func_kwargs", dict(func_kwargs or {}), dag),
            mode=current,
            image=check.text("image", image),
            secrets=check.names("secrets", secrets),
            env_vars=check.variables(env_vars),
            resources=copy.deepcopy(dict(resources)) if resources else {},
            map_over=check.mapped(map_over, func_kwargs),
            data=check.data(data, current),
            docker=dict(docker or {}),
            kubernetes=dict(kubernetes or {}),
            dag=dag,
            operator_kwargs={
                **_retry_delay(current, defaults.get("retry_delay")),
                **operator_kwargs,
                "retries": _retries(retries, defaults.get("retries")),
            },
        )
        check.keys(spec)
        check.run_values(spec)
        makers = OPERATORS if option.read(spec) is None else JOB_OPERATORS
        return import_module(makers[spec.mode]).build(spec)
    except GaiaflowError as error:
        raise type(error)(f"{where}: {error.message}", error.hint) from error.__cause__


def task_factory(
    task_id: str,
    func_path: str,
    func_kwargs: Mapping[str, Any] | None = None,
    image: str | None = None,
    env: str | None = None,
    xcom_push: bool = True,
    xcom_pull_tasks: Mapping[str, Mapping[str, str]] | None = None,
    secrets: Sequence[str] | None = None,
    env_vars: Mapping[str, Any] | None = None,
    retries: int = 2,
    **operator_kwargs: Any,
) -> Any:
    """Create a task with the arguments of the earlier gaiaflow; new code uses create_task.

    Args:
        env: the mode.
        xcom_push: False does not store the result.
        xcom_pull_tasks: ``{"argument": {"task": "group.task", "key": "return_value"}}``; the default key
            passes the whole value, another key picks one value of the returned dict.

    For the other arguments see create_task.
    """
    pulled = {name: _pulled(name, source) for name, source in (xcom_pull_tasks or {}).items()}
    return create_task(
        task_id,
        func_path,
        func_kwargs={**(func_kwargs or {}), **pulled},
        image=image,
        mode=env,
        secrets=secrets,
        env_vars=env_vars,
        retries=retries,
        do_xcom_push=xcom_push,
        **operator_kwargs,
    )


def _pulled(name: str, source: Mapping[str, str]) -> FromTask:
    unknown = set(source) - {"task", "key"}
    if "task" not in source or unknown:
        given = ", ".join(sorted(source)) or "nothing"
        raise UsageError(
            f"`xcom_pull_tasks[{name!r}]` needs `task` and at most `key`, not {given}",
            f'{{"{name}": {{"task": "group.task", "key": "return_value"}}}}',
        )
    key = source.get("key", "return_value")
    return FromTask(source["task"], None if key == "return_value" else key)


def _retry_delay(mode: Mode, default: Any) -> dict[str, timedelta]:
    return {"retry_delay": RETRY_DELAYS[mode]} if mode in RETRY_DELAYS and default is None else {}


def _retries(given: int, default: Any) -> int:
    retries = default if isinstance(given, _Default) and default is not None else given
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise UsageError(f"`retries` is {retries!r}, not a whole number of 0 or more", "retries=3")
    return int(retries)
