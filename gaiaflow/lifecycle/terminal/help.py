"""What a command's help shows: how to call it, what it takes, an example."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterable
from typing import Any

from invoke.terminals import pty_size

from gaiaflow.lifecycle.terminal.called import as_called, called
from gaiaflow.lifecycle.terminal.command import COMMON, unread
from gaiaflow.lifecycle.terminal.example import EXAMPLES

OPTIONS, EVERY = "Options", "Every command has"
# How the help of an option begins, and the heading that it then goes under.
_HEADINGS = {
    "docker only: ": "With --backend docker",
    "if the stack is not running: ": "When the stack is down",
    "the port of ": "Ports",
}
_PLACEHOLDERS = {int: "N", str: "TEXT", list: "TEXT"}
_NARROWEST = 24


def print_help(name: str, task: Any) -> None:
    """A command's help on stdout."""
    write(as_called("\n".join(_lines(name, task)).rstrip()) + "\n")


def _lines(name: str, task: Any) -> Iterable[str]:
    arguments = task.get_arguments()
    yield usage(name, arguments)
    yield ""
    yield from (inspect.getdoc(task) or "").splitlines()
    positional = [(shown(a), _text(a)) for a in arguments if a.positional or a.bare]
    if positional:
        yield from _section("Arguments", positional)
    for heading, options in _grouped(a for a in arguments if not (a.positional or a.bare)).items():
        yield from _section(heading, [(flags(a), _text(a)) for a in options])
    if name in EXAMPLES:
        yield from ("", "Example:", f"  inv {name} {EXAMPLES[name]}".rstrip())


def usage(name: str, arguments: Iterable[Any]) -> str:
    """``Usage: inv dag.run NAME [options]``."""
    words = [shown(a) for a in arguments if a.positional or a.bare]
    return as_called(" ".join([f"Usage: inv {name}", *words, "[options]"]))


def shown(argument: Any) -> str:
    """An argument as the usage line names it."""
    return f"[{argument.name.upper()}]" if argument.bare else argument.name.upper()


def flags(argument: Any) -> str:
    """``-m, --mode TEXT``."""
    long, *short = argument.names
    negated = argument.kind is bool and argument.default is True
    option = f"--[no-]{_dashed(long)}" if negated else f"--{_dashed(long)}"
    placeholder = _PLACEHOLDERS.get(argument.kind, "") if argument.takes_value else ""
    value = f"[{placeholder}]" if argument.optional else placeholder
    return " ".join(filter(None, [", ".join([*(f"-{s}" for s in short), option]), value]))


def _dashed(name: str) -> str:
    return name.strip("_").replace("_", "-")


def _text(argument: Any) -> str:
    """The help of an option, without what its heading says."""
    text = str(argument.help or "")
    return next((text[len(start) :] for start in _HEADINGS if _is_told(text, start)), text)


def _is_told(text: str, start: str) -> bool:
    return text.startswith(start) and start.endswith(": ")


def _grouped(options: Iterable[Any]) -> dict[str, list[Any]]:
    """Options by heading: their own first, those that all commands have last."""
    groups: dict[str, list[Any]] = {OPTIONS: [], **{heading: [] for heading in _HEADINGS.values()}, EVERY: []}
    for option in options:
        start = next((s for s in _HEADINGS if str(option.help or "").startswith(s)), "")
        groups[EVERY if option.name in COMMON else _HEADINGS.get(start, OPTIONS)].append(option)
    return {heading: found for heading, found in groups.items() if found}


def _section(heading: str, rows: list[tuple[str, str]]) -> Iterable[str]:
    yield from ("", f"{heading}:")
    yield from columns(rows)


def columns(rows: list[tuple[str, str]]) -> Iterable[str]:
    """Two columns, the second one folded at the width of the terminal."""
    left = max(len(name) for name, _ in rows)
    width = max(pty_size()[0] - left - 5, _NARROWEST)
    for name, text in rows:
        first, *rest = textwrap.wrap(as_called(text), width) or [""]
        yield f"  {name.ljust(left)}  {first}".rstrip()
        yield from (f"{' ' * (left + 4)}{line}" for line in rest)


def write(text: str) -> None:
    """Text on stdout, as it was called."""
    try:
        sys.stdout.write(as_called(text))
        sys.stdout.flush()
    except BrokenPipeError:
        raise unread() from None


def program() -> str:
    return called.name or "gaiaflow"
