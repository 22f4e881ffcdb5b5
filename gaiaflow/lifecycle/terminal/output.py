"""What lifecycle tasks write: data on stdout, progress on stderr, and none of that progress when quiet."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gaiaflow import envvar
from gaiaflow.errors import UsageError
from gaiaflow.lifecycle.terminal.called import as_called

if TYPE_CHECKING:
    from rich.console import Console

# Of every JSON object on stdout; it rises when a key goes or changes its meaning, not when one comes.
SCHEMA = 1


@dataclass
class Speech:
    """What holds for the command that runs now.

    Attributes:
        active: a command runs; one that it calls speaks as it does.
        hushed: it was given ``--quiet``.
        emitted: there is data on stdout already.
        held: what quiet kept back; a question shows it first, or nobody knows what is asked.
    """

    active: bool = False
    hushed: bool = False
    emitted: bool = False
    held: list[str] = field(default_factory=list)

    @property
    def quiet(self) -> bool:
        return self.hushed or is_on(envvar.QUIET)

    def begin(self, hushed: bool) -> None:
        self.active, self.hushed, self.emitted = True, hushed, False
        self.held.clear()

    def end(self) -> None:
        self.active = self.hushed = self.emitted = False


speech = Speech()


def is_on(variable: str) -> bool:
    """Whether a variable of the shell switches something on."""
    return os.environ.get(variable, "").lower() not in {"", "0", "no", "false", "off"}


@contextmanager
def speaking(quiet: bool) -> Iterator[None]:
    """One command, from its first word to its last."""
    speech.begin(quiet)
    try:
        yield
    finally:
        speech.end()


@functools.cache
def stderr() -> Console:
    """The terminal that progress goes to; rich comes late because `inv --list` has no use for it."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def is_live() -> bool:
    """Whether a line on stderr can be written again: a terminal, and not a dumb one."""
    return sys.stderr.isatty() and stderr().is_terminal and not stderr().is_dumb_terminal


def say(text: str) -> None:
    """One plain line on stderr."""
    if speech.quiet:
        speech.held.append(text)
    else:
        say_always(text)


def say_always(text: str) -> None:
    """One plain line on stderr that was asked for, also when quiet."""
    stderr().print(as_called(text), markup=False)


def emit_json(value: Mapping[str, Any]) -> None:
    """One JSON object on stdout, nothing else there; its key ``schema`` comes by itself."""
    speech.emitted = True
    sys.stdout.write(json.dumps({"schema": SCHEMA, **_hinted(value)}, indent=2, default=str) + "\n")


def _hinted(value: Any) -> Any:
    """The value, with each hint in it as the user calls the program."""
    if isinstance(value, Mapping):
        return {key: _hint(each) if key == "hint" else _hinted(each) for key, each in value.items()}
    return [_hinted(each) for each in value] if isinstance(value, (list, tuple)) else value


def _hint(value: Any) -> Any:
    return as_called(value) if isinstance(value, str) else value


def emit_table(columns: list[str], rows: list[list[str]]) -> None:
    """A table on stdout; no cell is cut: a narrow terminal folds it, what is no terminal gets whole lines."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(as_called(cell)) for cell in row))  # what is in brackets is no markup of ours
    width = None if sys.stdout.isatty() else 240
    Console(width=width, highlight=False).print(table)


def confirm(question: str, yes: bool) -> bool:
    """Ask on the terminal, or let ``--yes`` answer.

    Raises:
        UsageError: there is neither.
    """
    if yes:
        return True
    while speech.held:
        say_always(speech.held.pop(0))
    if not sys.stdin.isatty():
        raise UsageError(f"{question} there is no terminal to ask on", "add --yes")
    return stderr().input(f"{question} [y/N] ", markup=False).strip().lower() in {"y", "yes"}
