"""What a DAG author imports: create_task, task_factory and FromTask. Stdlib only at import."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from gaiaflow.errors import GaiaflowError, UsageError, near_miss
from gaiaflow.modes import Mode, resolve_mode

__all__ = ["FromTask", "create_task", "task_factory"]

# The module of each mode's operator has a function `build(spec)`.
OPERATORS = {
    Mode.DEV: "gaiaflow.operators.local",
    Mode.DEV_DOCKER: "gaiaflow.operators.docker",
    Mode.PROD_LOCAL: "gaiaflow.operators.kubernetes",
    Mode.PROD: "gaiaflow.operators.kubernetes",
}
_FUNC_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MOST_AXES = 4


class _Default(int):
    """A default that can be told from the same number given by the caller."""


@dataclass(frozen=True)
class FromTask:
    """The value that another task returned, as an argument: anywhere in func_args and func_kwargs, nested too.

    Args:
        task: the id of the task; in a TaskGroup ``group.task``.
        key: picks from the dict that the task returned; without it the whole value comes.
            Of a mapped task it picks from each of its results.

    The task that uses it runs after the task that it names; no ``>>`` is needed.
    """

    task: str
    key: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "task", getattr(self.task, "task_id", self.task))
        if not (self.task and isinstance(self.task, str)):
            raise UsageError(f"FromTask needs the id of a task, not {self.task!r}", 'FromTask("preprocess")')

    def __str__(self) -> str:
        return f"FromTask({self.task}, {self.key})" if self.key else f"FromTask({self.task})"

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """The value at run time; Airflow calls this.

        Raises:
            GaiaflowError: the task did not return a dict, or one without the key.
        """
        from gaiaflow.operators.pull import pull

        value, mapped = pull(context, self.task)
        if self.key is None:
            return value
        return [self._pick(item) for item in value] if mapped else self._pick(value)

    def _pick(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise GaiaflowError(
                f"{self} wants a key, but task `{self.task}` returned a {type(value).__name__}",
                "return a dict there, or leave `key` out",
            )
        if self.key not in value:
            raise GaiaflowError(
                f"{self}: task `{self.task}` returned no `{self.key}`{near_miss(str(self.key), list(value))}",
                f"it returned {', '.join(map(str, value)) or 'an empty dict'}",
            )
        return value[self.key]


@dataclass(frozen=True)
class TaskSpec:
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
    docker: dict[str, Any]
    kubernetes: dict[str, Any]
    dag: Any
    operator_kwargs: dict[str, Any] = field(default_factory=dict)


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
    docker: Mapping[str, Any] | None = None,
    kubernetes: Mapping[str, Any] | None = None,
    **operator_kwargs: Any,
) -> Any:
    """Make an Airflow task that runs one Python function, in the mode that holds.

    Args:
        task_id: unique in the DAG (in its TaskGroup).
        func_path: ``package.module:function``.
        func_args: positional arguments: JSON values, FromTask anywhere in them.
        func_kwargs: keyword arguments, likewise.
        image: the image for dev_docker, prod_local and prod; else ``GAIAFLOW_IMAGE``. Not used in dev.
        mode: dev, dev_docker, prod_local or prod; else ``GAIAFLOW_MODE``, else dev.
        secrets: names of secrets whose keys the function finds in its environment.
        env_vars: variables for the function. Not used in dev, where ``.env`` counts.
        retries: how often a failed task is tried again; ``default_args`` of the DAG come before the default.
        dag: the DAG; inside ``with DAG(...)`` it is known.
        map_over: one mapped task for each value: ``{"tile": [...]}`` or ``{"tile": FromTask("tiles")}``;
            several keys make every combination, the last one running fastest. At most four.
        resources: ``{"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {...}, "gpu": 1}``.
            Not used in dev.
        docker: arguments that only the operator of dev_docker knows.
        kubernetes: arguments that only the operator of prod_local and prod knows.
        operator_kwargs: every argument of Airflow's BaseOperator: pool, retry_delay, trigger_rule, …

    Returns:
        The operator, a subclass of ExternalPythonOperator, DockerOperator or KubernetesPodOperator;
        with ``map_over`` Airflow's MappedOperator of it.

    Raises:
        UsageError: an argument is wrong; the message names the DAG, the task and the near miss.
    """
    from gaiaflow.operators.context import current_dag, default_argument

    dag = dag if dag is not None else current_dag()
    where = f"task `{task_id}`" + (f" of DAG `{dag.dag_id}`" if dag is not None else "")
    try:
        spec = TaskSpec(
            task_id=task_id,
            func_path=_check_func_path(func_path),
            func_args=_check_arguments("func_args", list(func_args or []), dag),
            func_kwargs=_check_arguments("func_kwargs", dict(func_kwargs or {}), dag),
            mode=resolve_mode(mode),
            image=_check_text("image", image),
            secrets=_check_names("secrets", secrets),
            env_vars=_check_variables(env_vars),
            resources=copy.deepcopy(dict(resources or {})),
            map_over=_check_map(map_over, func_kwargs),
            docker=dict(docker or {}),
            kubernetes=dict(kubernetes or {}),
            dag=dag,
            operator_kwargs={**operator_kwargs, "retries": _retries(retries, default_argument(dag, "retries"))},
        )
        _check_keys(spec)
        return import_module(OPERATORS[spec.mode]).build(spec)
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
    """The older factory over the same operators.

    Args:
        env: the mode.
        xcom_push: False drops the returned value.
        xcom_pull_tasks: ``{"argument": {"task": "group.task", "key": "return_value"}}``; the default key
            gives the whole value, another key picks from the returned dict.

    The other arguments are those of create_task.
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


def _retries(given: int, default: Any) -> int:
    retries = default if isinstance(given, _Default) and default is not None else given
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise UsageError(f"`retries` is {retries!r}, not a number from 0 up", "retries=3")
    return int(retries)


def _check_func_path(func_path: str) -> str:
    if not isinstance(func_path, str) or not _FUNC_PATH.fullmatch(func_path):
        near = ""
        if isinstance(func_path, str) and ":" not in func_path and "." in func_path:
            near = f" (did you mean `{':'.join(func_path.rsplit('.', 1))}`?)"
        raise UsageError(
            f"func_path `{func_path}` is not `package.module:function`{near}", '"my_package.train:train"'
        )
    return func_path


def _check_arguments(name: str, value: Any, dag: Any) -> Any:
    from gaiaflow.operators.call import Arguments

    arguments = Arguments(value, dag)
    if problem := arguments.problem(name):
        raise UsageError(
            f"{problem}: it cannot be passed on",
            "pass str, int, finite float, bool, None, lists and dicts of them",
        )
    return arguments


def _check_text(name: str, value: str | None) -> str | None:
    if value is not None and (
        not isinstance(value, str) or not value.strip() or any(c.isspace() for c in value)
    ):
        raise UsageError(f"`{name}` is {value!r}, not a name", f'{name}="my-project/my_package:0.1.0"')
    return value


def _check_names(name: str, value: Sequence[str] | None) -> list[str]:
    if isinstance(value, str) or not all(isinstance(item, str) and item for item in value or ()):
        raise UsageError(f"`{name}` is {value!r}, not a list of names", f'{name}=["my-secret"]')
    return list(value or ())


def _check_variables(value: Mapping[str, Any] | None) -> dict[str, str]:
    for key, item in (value or {}).items():
        if not isinstance(key, str) or not _VARIABLE.fullmatch(key):
            raise UsageError(
                f"env_vars has the name {key!r}, which no environment takes", "letters, digits and _"
            )
        if isinstance(item, bool) or not isinstance(item, (str, int, float)):
            raise UsageError(f"env_vars[{key!r}] is a {type(item).__name__}, not text", f'{{"{key}": "text"}}')
    return {key: str(item) for key, item in (value or {}).items()}


def _check_map(map_over: Mapping[str, Any] | None, func_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    if map_over is None:
        return {}
    if not map_over or len(map_over) > MOST_AXES:
        raise UsageError(
            f"map_over has {len(map_over)} keys, not 1 to {MOST_AXES}", 'map_over={"tile": [1, 2, 3]}'
        )
    for key, values in map_over.items():
        if key in (func_kwargs or {}):
            raise UsageError(f"`{key}` stands in func_kwargs and in map_over", "leave it out of func_kwargs")
        if isinstance(values, FromTask) and values.key:
            raise UsageError(
                f"map_over[{key!r}] picks `{values.key}`: Airflow maps over a whole result",
                f"return the list itself from `{values.task}` and use FromTask({values.task!r})",
            )
        if not isinstance(values, (list, tuple)) and not hasattr(values, "resolve"):
            raise UsageError(
                f"map_over[{key!r}] is a {type(values).__name__}, not a list", "a list, or FromTask of one"
            )
        _check_arguments(f"map_over[{key!r}]", values, None)
    return dict(map_over)


def _check_keys(spec: TaskSpec) -> None:
    """Refuse a key that the upstream function's annotation rules out."""
    for reference in (*spec.func_args.references, *spec.func_kwargs.references):
        if isinstance(reference, FromTask) and reference.key and spec.dag and spec.dag.has_task(reference.task):
            upstream = spec.dag.get_task(reference.task)
            if func_path := getattr(upstream, "func_path", None):
                _check_key(reference, func_path)


def _check_key(reference: FromTask, func_path: str) -> None:
    from gaiaflow.returns import returned_keys

    keys = returned_keys(func_path)
    if keys is None or reference.key in keys:
        return
    if not keys:
        raise UsageError(
            f"{reference} picks a key, but `{func_path}` is annotated to return no dict", "leave `key` out"
        )
    raise UsageError(
        f"{reference}: `{func_path}` returns no `{reference.key}`{near_miss(str(reference.key), sorted(keys))}",
        f"its annotation has {', '.join(sorted(keys))}",
    )
