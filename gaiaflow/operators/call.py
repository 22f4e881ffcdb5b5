"""What the operators share: the arguments as Airflow resolves them, the call and its result as JSON."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from gaiaflow.errors import GaiaflowError, TaskFailedError, final, near_miss
from gaiaflow.fromrun import FromRun
from gaiaflow.fromtask import FromTask
from gaiaflow.operators.asset import tell_outlets
from gaiaflow.operators.internals import ResolveMixin
from gaiaflow.operators.level import read_level
from gaiaflow.operators.link import ErrorDocsLink, MlflowRunLink
from gaiaflow.runner import PREFIX, PROTOCOL, PROTOCOL_OF_RUNS, not_json

if TYPE_CHECKING:
    from airflow.sdk import DAG

# Above this a call goes by a file: Linux limits a variable to 128 KiB.
LARGEST_VARIABLE = 96 * 1024
# What a Secret of Kubernetes holds, and so what a pod can be given; the same in every mode.
LARGEST_CALL = 1024 * 1024
# Last lines of the runner after which another attempt ends in the same way. A module may fail to import for
# a passing reason, a server that does not answer, say; the code itself stays as it is.
_FINAL = re.compile(
    r"the call cannot be read: |\S+ has no function `|\S+ returned (what is not JSON|\d+ bytes): |"
    r"\S+ does not take |\S+ takes `|"
    r"\S+ does not import: (ModuleNotFound|Import|Syntax|Indentation|Tab|Name|Attribute|Type)Error\b"
)
AXES = ("axis_0", "axis_1", "axis_2", "axis_3")


_PLAIN = frozenset({str, int, float, bool, type(None)})


def replace_references(value: Any, replace: Callable[[Any], Any]) -> Any:
    """A copy of a value in which all that can ``resolve`` went through ``replace``; text stays as it is."""
    kind = type(value)
    if kind in _PLAIN:  # first, and by exact type: this runs for every value of every task
        return value
    if kind is dict:
        return {key: replace_references(item, replace) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [replace_references(item, replace) for item in value]
    if hasattr(value, "resolve") and not isinstance(value, os.PathLike):
        return replace(value)
    return value


def _is_flat(value: Any) -> bool:
    """Whether this is a list or dict of plain values that are surely JSON; most calls have no others."""
    if type(value) is dict:
        return all(type(key) is str and key.isascii() for key in value) and all(map(_is_simple, value.values()))
    return type(value) is list and all(map(_is_simple, value))


def _is_simple(value: Any) -> bool:
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    return value is None or kind is bool or (kind is int and -(2**63) <= value < 2**63)


class Arguments(ResolveMixin):  # type: ignore[misc]
    """The arguments of one call: Airflow finds their dependencies, resolves them, and renders no text.

    Args:
        value: what create_task got, FromTask, FromRun and XComArg anywhere in it.
        dag: the DAG in which the names of FromTask are looked up.
    """

    def __init__(self, value: Any, dag: DAG | None) -> None:
        self.references: list[Any] = []
        self.value = replace_references(value, self._keep)
        self.dag = dag

    def _keep(self, reference: Any) -> Any:
        self.references.append(reference)
        return reference

    def iter_references(self) -> Iterable[tuple[Any, str]]:
        """The upstream operators; a FromTask whose task is not made yet waits for `link_references`."""
        for reference in self.references:
            if isinstance(reference, ResolveMixin):
                yield from reference.iter_references()
            elif isinstance(reference, FromTask) and self.dag and self.dag.has_task(reference.task):
                yield self.dag.get_task(reference.task), "return_value"

    def problem(self, name: str) -> str | None:
        """Where the value is not JSON, references apart."""
        if _is_flat(self.value):
            return None
        known = replace_references(self.value, lambda _: None) if self.references else self.value
        return not_json(known, name)

    def resolve(self, context: Mapping[str, Any]) -> Any:
        return replace_references(self.value, lambda reference: reference.resolve(context))

    def serialize(self) -> Any:
        """What the UI shows before the run."""
        return replace_references(self.value, str)

    def __repr__(self) -> str:
        """The same at every parse: Airflow stores it with a mapped task, in the DAG's version."""
        return json.dumps(self.serialize(), sort_keys=True)

    def __deepcopy__(self, memo: dict[int, Any]) -> Arguments:
        return Arguments(copy.deepcopy(self.value, memo), memo.get(id(self.dag), self.dag))


class CallMixin:
    """An operator that runs one function by the runner's protocol; mixed in before a provider's operator."""

    call_fields: ClassVar[tuple[str, ...]] = ("func_path", "func_args", "func_kwargs")
    operator_extra_links: ClassVar[tuple[Any, ...]] = (MlflowRunLink(), ErrorDocsLink())
    # The error of the last attempt in this process; empty if it succeeded.
    ended_with: str = ""
    func_path: str
    func_args: Any
    func_kwargs: Any
    from_run: dict[str, dict[str, str]]
    dag: Any
    task_id: str

    def set_call(
        self, func_path: str, func_args: Any, func_kwargs: Any, axes: Sequence[str], values: Sequence[Any]
    ) -> None:
        """Keep the call; call it after the provider's ``__init__``, which knows the DAG."""
        dag = self.dag if self.has_dag() else None  # type: ignore[attr-defined]
        args = _arguments([] if func_args is None else func_args, dag)
        kwargs = _arguments({} if func_kwargs is None else func_kwargs, dag)
        if mapped := dict(zip(axes, values, strict=False)):
            kwargs = Arguments({**kwargs.value, **mapped}, dag)
        given = from_run(args.value, kwargs.value) if args.references or kwargs.references else {}
        # Past Airflow's own __setattr__, which has nothing to do for these and costs more than the rest.
        vars(self).update(func_path=func_path, func_args=args, func_kwargs=kwargs, from_run=given)

    def resolve_template_files(self) -> None:
        """Airflow calls this on every task once a DAG file is read: the place to check and link FromTask."""
        super().resolve_template_files()  # type: ignore[misc]
        link_references(self)

    def encode_call(
        self,
        context: Mapping[str, Any],
        picked: Mapping[str, Any] | None = None,
        origins: Mapping[str, str] | None = None,
    ) -> str:
        """The call as JSON, after Airflow has resolved its arguments.

        Args:
            picked: more keyword arguments, of one call of several.
            origins: which of them tell of the run, and what.

        Raises:
            GaiaflowError: an argument is not JSON, or the call is too large for a pod.
        """
        call = {
            "protocol": PROTOCOL,
            "function": self.func_path,
            "args": list(self.func_args),
            "kwargs": {**self.func_kwargs, **(picked or {})},
            "params": dict(context.get("params") or {}),
        }
        if told := _with_origins(self.from_run, origins):
            call.update(protocol=PROTOCOL_OF_RUNS, from_run=told)
        for part in ("args", "kwargs", "params"):
            if problem := not_json(call[part], part):
                raise final(
                    GaiaflowError(
                        f"task `{self.task_id}` cannot pass its arguments to `{self.func_path}`: {problem}",
                        "pass str, int, finite float, bool, None, and lists and dicts of them",
                    )
                )
        text = json.dumps(call, allow_nan=False)
        self._refuse_large(text)
        return text

    def hand_over(self, context: Mapping[str, Any], value: Any) -> Any:
        """The function's value, which the assets of the task tell of."""
        tell_outlets(context, value)
        return value

    def decode_result(self, text: str | None) -> Any:
        """The function's value.

        Raises:
            TaskFailedError: the function ended without handing a result over.
        """
        if not text or not text.strip():
            raise TaskFailedError(
                f"`{self.func_path}` ended without a result",
                "the process was killed or called os._exit; see its log above",
            )
        try:
            return json.loads(text)
        except ValueError as error:
            raise final(
                TaskFailedError(f"`{self.func_path}` left a result that is not JSON: {error}")
            ) from None

    def failed(self, last_lines: Iterable[str], ending: str) -> TaskFailedError:
        """The error of a function that failed, from the runner's last line if it came to that."""
        texts = [read_level(line)[1] for line in last_lines]
        said = [text[len(PREFIX) :] for text in texts if text.startswith(PREFIX)]
        error = TaskFailedError(said[-1] if said else f"`{self.func_path}` {ending}")
        return final(error) if said and _FINAL.match(said[-1]) else error

    def _refuse_large(self, call: str) -> None:
        if size(call) > LARGEST_CALL:
            kib = -(-size(call) // 1024)  # rounded up: what is refused is more than the limit
            raise final(
                GaiaflowError(
                    f"the arguments of task `{self.task_id}` have {kib} KiB: "
                    f"a task takes at most {LARGEST_CALL // 1024} KiB",
                    "write the value to S3 or MLflow and pass its address",
                )
            )


def is_large(call: str) -> bool:
    """Whether a call does not fit into a variable."""
    return size(call) > LARGEST_VARIABLE


def size(call: str) -> int:
    """The bytes of a call."""
    return len(call.encode())


def from_run(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Which arguments are a FromRun, and of what: ``{"args": {"0": "ds"}, "kwargs": {}}``; empty without."""
    given = {"args": {str(i): arg for i, arg in enumerate(args)}, "kwargs": kwargs}
    found = {
        part: {name: value.name for name, value in arguments.items() if isinstance(value, FromRun)}
        for part, arguments in given.items()
    }
    return found if any(found.values()) else {}


def _with_origins(known: dict[str, Any], origins: Mapping[str, str] | None) -> dict[str, Any]:
    if not origins:
        return known
    return {"args": {}, **known, "kwargs": {**known.get("kwargs", {}), **origins}}


def _arguments(value: Any, dag: DAG | None) -> Arguments:
    return value if isinstance(value, Arguments) else Arguments(value, dag)


def link_references(operator: Any) -> None:
    """Add the dependencies of all FromTask of an operator, now that its DAG is complete.

    Raises:
        GaiaflowError: a FromTask names a task that the DAG does not have, or the task itself.
    """
    dag = operator.dag
    for part in (operator.func_args, operator.func_kwargs, getattr(operator, "map_over", None)):
        for reference in part.references if part else ():
            if not isinstance(reference, FromTask):
                continue
            check_reference(dag, operator.task_id, reference.task)
            if reference.task not in operator.upstream_task_ids:
                operator.set_upstream(dag.get_task(reference.task))
                dag.check_cycle()


def check_reference(dag: DAG, task_id: str, upstream: str) -> None:
    """Raise unless a DAG has the task that a FromTask names."""
    if upstream == task_id:
        raise GaiaflowError(
            f"task `{task_id}` of DAG `{dag.dag_id}` uses its own result: FromTask(`{upstream}`)",
            "name another task",
        )
    if not dag.has_task(upstream):
        known = sorted(dag.task_ids)
        raise GaiaflowError(
            f"task `{task_id}` of DAG `{dag.dag_id}` uses the result of `{upstream}`, which is not in the DAG"
            + (near_miss(upstream, known) or _same_leaf(upstream, known)),
            "a task in a TaskGroup is named `group.task`",
        )


def _same_leaf(name: str, known: list[str]) -> str:
    leaf = name.rpartition(".")[2]
    return next((f" (did you mean `{other}`?)" for other in known if other.rpartition(".")[2] == leaf), "")
