"""What `gaiaflow` and `inv` do around a command: help, lists, `help dev.start`, and a call without any words.

`inv` makes its own Program before it reads tasks.py, so ours replaces what that one does behind its parser.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit
from invoke.parser import ParseResult, parser
from invoke.program import Program

from gaiaflow.errors import UsageError, near_miss
from gaiaflow.lifecycle import keep_bytecode
from gaiaflow.lifecycle.terminal import overview
from gaiaflow.lifecycle.terminal.called import called
from gaiaflow.lifecycle.terminal.grammar import HELP, Machine, RefusedError, groups
from gaiaflow.lifecycle.terminal.help import print_help, write
from gaiaflow.lifecycle.terminal.refusal import unknown_command

LOCK = Path(__file__).parents[2] / "infra" / "locks" / "airflow.txt"
_parse_tasks, _parse_cleanup, _list_tasks = Program.parse_tasks, Program.parse_cleanup, Program.list_tasks


class GaiaflowProgram(Program):
    """`gaiaflow`: the same commands as `inv`, in any folder."""

    def print_version(self) -> None:
        write("\n".join(versions()) + "\n")


def versions() -> list[str]:
    """gaiaflow's version, Python's, and that of the Airflow that a start installs."""
    import platform

    from gaiaflow import __version__

    pinned = re.search(r"^apache-airflow==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    return [
        f"gaiaflow {__version__}",
        f"Python {platform.python_version()}",
        f"Airflow {pinned[1] if pinned else 'unknown'}",
    ]


def parse_tasks(self: Program) -> None:
    """Note how the program was called; take `help X`, `X help` and `dev --help` for what they are."""
    keep_bytecode()
    called.begin(self.argv[0] if self.argv else "")
    words = self.core.unparsed
    known = groups(self.collection.task_names)
    if words[:1] == ["help"]:
        self.args.help.set_value(".".join(words[1:]) or True, cast=False)
        words.clear()
    elif words and words[0] in known and (set(words[1:]) <= {*HELP, "help"} or self.args.help.value is True):
        self.args.help.value = words[0]
        words.clear()
    if self.args.list.value and not words and not self.args.help.value:
        self.tasks = ParseResult()  # a list needs no parser of each command
        return
    _parse_tasks(self)


def parse_cleanup(self: Program) -> None:
    """Show help of a command or a group, and refuse what is neither.

    Raises:
        Exit: help was shown.
        RefusedError: with the near one.
    """
    asked, group = self.args.help.value, self.args.list.value
    known = groups(self.collection.task_names)
    if isinstance(group, str) and group not in known:
        text = f"unknown group `{group}`{near_miss(group, sorted(known))}"
        raise RefusedError(UsageError(text, "inv --list"))
    if asked is True:
        no_tasks_given(self)
    if asked in known:
        overview.print_group(str(asked), documents(self, str(asked)))
        raise Exit
    if isinstance(asked, str) and asked not in self.parser.contexts:
        raise RefusedError(unknown_command(asked, self.parser.contexts))
    _parse_cleanup(self)


def no_tasks_given(self: Program) -> None:
    """
    Raises:
        Exit: always; the commands were shown.
    """
    overview.print_overview(documents(self))
    raise Exit


def print_task_help(self: Program, name: str) -> None:
    print_help(name, self.collection[name])


def list_tasks(self: Program) -> None:
    """Our list where Invoke's would be flat: in groups."""
    if self.list_format != "flat" or self.list_depth:
        _list_tasks(self)
    elif self.list_root:
        overview.print_group(self.list_root, documents(self, self.list_root))
    else:
        overview.print_list(documents(self))


def documents(self: Program, group: str = "") -> dict[str, str]:
    """The docstring of each command, or of those of a group."""
    names: Any = self.collection.task_names
    return {
        name: self.collection[name].__doc__ or "" for name in names if not group or name.startswith(f"{group}.")
    }


def install() -> None:
    """Let Invoke's programs speak as ours."""
    parser.ParseMachine = Machine  # type: ignore[misc]
    for function in (parse_tasks, parse_cleanup, no_tasks_given, print_task_help, list_tasks):
        setattr(Program, function.__name__, function)
