"""The reference as markdown, read off the code: commands, arguments, addresses, settings, exit codes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from messages import ERRORS
from pydantic import BaseModel

from gaiaflow import envvar, tasks
from gaiaflow.endpoints import PORTS, Endpoints, Vantage
from gaiaflow.inspection.ignored import ignored
from gaiaflow.lifecycle.namespace import namespace
from gaiaflow.lifecycle.terminal.example import EXAMPLES
from gaiaflow.lifecycle.terminal.help import shown
from gaiaflow.modes import Mode
from gaiaflow.settings import Airflow, Cluster, Data, Limits, Prod, Settings
from gaiaflow.spec import TaskSpec

if TYPE_CHECKING:
    from invoke.tasks import Task

# Every command has them; the page says so once.
COMMON = {"--quiet", "--debug"}
GIVEN = (
    "image",
    "env_vars",
    "secrets",
    "resources.limits",
    "resources.requests",
    "data",
    "docker",
    "kubernetes",
)
OPERATORS = {
    Mode.DEV: ("the project's own environment", "ExternalPythonOperator", "nothing"),
    Mode.DEV_DOCKER: ("the project's image, on the stack's network", "DockerOperator", "a Docker engine"),
    Mode.PROD_LOCAL: ("a pod of the local cluster", "KubernetesPodOperator", "minikube, or a cluster you name"),
    Mode.PROD: ("a pod in production", "KubernetesPodOperator", "production"),
}


@dataclass(frozen=True)
class Option:
    """One option of a command, as `gaiaflow help COMMAND` shows it."""

    flags: tuple[str, ...]
    default: str
    text: str


@dataclass(frozen=True)
class Command:
    """One lifecycle task."""

    name: str
    text: str
    positional: tuple[str, ...]
    options: tuple[Option, ...]


def commands() -> list[Command]:
    """Every command in the order of its name."""
    root = namespace()
    return [_command(name, root[name]) for name in sorted(root.task_names)]


def _command(name: str, task: Task[Any]) -> Command:
    arguments = task.get_arguments()
    positional = tuple(shown(a) for a in arguments if a.positional or a.bare)
    options = (_option(a) for a in arguments if not a.positional)
    return Command(name, " ".join((task.__doc__ or "").split()), positional, tuple(options))


def _option(argument: Any) -> Option:
    names = sorted((_flag(name) for name in argument.names if name != "_"), key=len, reverse=True)
    unset = not argument.default or argument.default is inspect.Parameter.empty
    default = "" if unset else str(argument.default)
    return Option(tuple(names), default, " ".join((argument.help or "").split()))


def _flag(name: str) -> str:
    dashed = name.strip("_").replace("_", "-")
    return f"-{dashed}" if len(dashed) == 1 else f"--{dashed}"


def table(columns: list[str], rows: list[list[str]]) -> str:
    """A markdown table; a pipe inside a cell is escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def command_table() -> str:
    return table(
        ["command", "what it does"],
        [
            [f"[`gaiaflow {v.name}`](#{_anchor(v.name)})", v.text.partition(". ")[0].rstrip(".") + "."]
            for v in commands()
        ],
    )


def _anchor(name: str) -> str:
    """The anchor of a command's heading, as MkDocs and code hosts both make it."""
    return "gaiaflow-" + re.sub(r"[^a-z-]", "", name)


def command_list() -> str:
    """A heading, a usage line and a table of options for each command."""
    return "\n\n".join(_described(command) for command in commands())


def _described(command: Command) -> str:
    usage = " ".join(
        [f"gaiaflow {command.name}", *command.positional, *(["[options]"] if command.options else [])]
    )
    example = f"gaiaflow {command.name} {EXAMPLES.get(command.name, '')}".rstrip()
    rows = [_row(option) for option in command.options if not COMMON & set(option.flags)]
    parts = [
        f"### gaiaflow {command.name}",
        command.text,
        f"```text\n{usage}\n```",
    ]
    parts += [f"```bash\n{example}\n```"] if EXAMPLES.get(command.name) else []
    return "\n\n".join([*parts, table(["option", "", "default"], rows)] if rows else parts)


def _row(option: Option) -> list[str]:
    flags = ", ".join(f"`{flag}`" for flag in option.flags)
    return [flags, option.text.replace("<", "&lt;"), f"`{option.default}`" if option.default else ""]


def arguments() -> str:
    return _signature(tasks.create_task)


def factory_arguments() -> str:
    return _signature(tasks.task_factory)


def _signature(function: Callable[..., Any]) -> str:
    rows = [
        [f"`{name}`", text, f"`{default}`" if default else ""] for name, text, default in table_of(function)
    ]
    return table(["argument", "", "default"], rows)


def table_of(function: Callable[..., Any]) -> list[tuple[str, str, str]]:
    """Each argument with the docstring's words, create_task's where it has none, and its default."""
    described = {**argument_texts(tasks.create_task), **argument_texts(function)}
    return [
        (name, described.get(name, ""), "" if given.default is given.empty else str(given.default))
        for name, given in inspect.signature(function).parameters.items()
    ]


def argument_texts(function: Callable[..., Any]) -> dict[str, str]:
    """What the section Args of a docstring says of each argument."""
    document = inspect.getdoc(function) or ""
    section = re.search(r"^Args:\n((?:    .*\n|\n)+)", document + "\n", re.MULTILINE)
    found = re.findall(r"^    (\w+): (.*(?:\n {8,}.*)*)", section[1] if section else "", re.MULTILINE)
    return {name: _plain(text) for name, text in found}


def addresses() -> str:
    """The four vantage points, at the default ports."""
    endpoints = Endpoints({name: entry.port for name, entry in PORTS.items()})
    rows = [[f"`{name}`", *(f"`{endpoints.url(name, v)}`" for v in Vantage), "yours"] for name in PORTS]
    return table(
        ["service", "this machine", "a container of the stack", "a pod of the local cluster", "production"],
        rows,
    )


def ports() -> str:
    rows = [
        [
            f"`{name}`",
            f"`{e.port}`",
            f"`--{name}-port`",
            f"`{e.variable}`",
            ", ".join(f"`{n}`" for n in e.needs),
        ]
        for name, e in PORTS.items()
    ]
    return table(["service", "port", "flag of `gaiaflow dev.start`", "variable", "needs"], rows)


def settings() -> str:
    """The keys of ``[tool.gaiaflow]``."""
    return _keys(Settings, skip=("airflow", "cluster", "data", "prod"))


def airflow_settings() -> str:
    """The keys of ``[tool.gaiaflow.airflow]``."""
    return _keys(Airflow)


def cluster_settings() -> str:
    """The keys of ``[tool.gaiaflow.cluster]``."""
    return _keys(Cluster, skip=("limits",))


def limit_settings() -> str:
    """The keys of ``[tool.gaiaflow.cluster.limits]``."""
    return _keys(Limits)


def data_settings() -> str:
    """The keys of an entry of ``[tool.gaiaflow.data]``."""
    return _keys(Data)


def prod_settings() -> str:
    """The keys of ``[tool.gaiaflow.prod]``."""
    return _keys(Prod)


def _keys(model: type[BaseModel], skip: tuple[str, ...] = ()) -> str:
    document = inspect.getdoc(model) or ""
    texts = dict(re.findall(r"^    (\w+): (.*(?:\n {8,}.*)*)", document, re.MULTILINE))
    rows = [
        [f"`{name}`", _plain(texts.get(name, "")), "" if field.default is None else f"`{field.default!r}`"]
        for name, field in model.model_fields.items()
        if name not in skip
    ]
    return table(["key", "", "default"], rows)


def _plain(text: str) -> str:
    """Words of a docstring as markdown."""
    return " ".join(text.split()).replace("``", "`")


def mode_table() -> str:
    rows = [
        [f"`{mode}`", where, f"`{operator}`", needs] for mode, (where, operator, needs) in OPERATORS.items()
    ]
    return table(["mode", "the function runs in", "operator", "needs"], rows)


def ignored_table() -> str:
    """Which argument counts in which mode, as `inv dag.explain` knows it."""
    idle = {mode: _ignored(mode) for mode in Mode}
    rows = [
        [f"`{name}`", *("ignored" if {name, name.partition(".")[0]} & idle[mode] else "used" for mode in Mode)]
        for name in GIVEN
    ]
    return table(["argument", *(f"`{mode}`" for mode in Mode)], rows)


def _ignored(mode: Mode) -> set[str]:
    resources = {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}
    given: dict[str, Any] = {"image": "a", "secrets": ["a"], "env_vars": {"A": "a"}, "resources": resources}
    given["data"] = ["a"]
    rest: dict[str, Any] = {"func_args": [], "func_kwargs": {}, "map_over": {}, "dag": None}
    spec = TaskSpec(
        "a", "a:a", mode=mode, docker={"a": 1}, kubernetes={"a": 1}, operator_kwargs={}, **given, **rest
    )
    return {each["argument"] for each in ignored(spec)}


def setting_variables() -> str:
    """The variables that a person sets."""
    rows = [[f"`{name}`", s.text, "yes" if s.dotenv else "no"] for name, s in envvar.SETTINGS.items()]
    return table(["variable", "", "in `.env`"], rows)


def testing_variables() -> str:
    return table(["variable", ""], [[f"`{name}`", text] for name, text in envvar.TESTING.items()])


def internal_variables() -> str:
    """The variables between gaiaflow's own processes, with the parts that set and read them."""
    rows = [
        [f"`{name}`", own.text, ", ".join(own.writers), ", ".join(own.readers)]
        for name, own in envvar.INTERNAL.items()
    ]
    return table(["variable", "", "set by", "read by"], rows)


def exit_codes() -> str:
    """Every code that an error of gaiaflow ends a command with."""
    ordered = sorted(ERRORS, key=lambda child: child.exit_code)
    rows = [[f"`{c.exit_code}`", f"`{c.__name__}`", (inspect.getdoc(c) or "").split("\n")[0]] for c in ordered]
    return table(["exit code", "error", "meaning"], [["`0`", "", "Done."], *rows])
