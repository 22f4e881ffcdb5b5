"""The words that `inv` does not understand: refused as our own errors are, with the near one.

Invoke has no hook for what its parser says, so its machine is replaced by a child of it, and what it does
behind the parser gets a look before it. Without them `inv dag.run --help` would run a DAG called `--help`,
`--airflow-port x` would end in a traceback, and a mistyped verb would be "No idea what 'dev.strat' is!".
"""

from __future__ import annotations

import re
import sys
from typing import Any, NoReturn

from invoke.exceptions import Exit, ParseError
from invoke.parser import parser
from invoke.program import Program

from gaiaflow.errors import UsageError, near_miss
from gaiaflow.lifecycle.terminal.verb import failed, render_error

_HELP = ("-h", "--help")
_parse_cleanup = Program.parse_cleanup


class RefusedError(ParseError, Exit):
    """Of both kinds: completion catches the one, and the other brings its exit code."""

    def __init__(self, text: str, context: Any) -> None:
        Exit.__init__(self, code=UsageError.exit_code)
        self.text, self.context = text, context

    def __str__(self) -> str:
        return self.text


class Machine(parser.ParseMachine):
    """Invoke's machine, which asks here what to say."""

    def handle(self, token: str) -> None:
        """A verb that waits for its name takes ``--help`` for what it is."""
        if token in _HELP and self.initial and self._lacking():
            self.initial.flags["--help"].value = self.context.name
            return
        super().handle(token)

    def see_value(self, value: Any) -> None:
        try:
            super().see_value(value)
        except ValueError:
            self.error(f"{self._flag()} wants a number, not `{value}`")

    def error(self, msg: str) -> None:
        """Raise it in our words.

        Raises:
            RefusedError: always, but for the name that a verb lacks while it is asked for its help.
            Exit: instead of it where the error went to stdout as JSON.
        """
        if self._lacking() and self.initial and self.initial.args.help.value:
            return
        verb = (self.context.name if self.context else "") or ""
        hint = f"inv --help {verb}" if verb else "inv --list"
        error = UsageError(self._said(msg, verb), hint)
        if self._wants_json():
            raise failed(error, True)
        raise RefusedError(render_error(error), self.context)

    def _flag(self) -> str:
        flag: Any = self.flag
        return f"`--{flag.names[0]}`"

    def _lacking(self) -> list[str]:
        return [str(arg.name) for arg in self.context.missing_positional_args] if self.context else []

    def _wants_json(self) -> bool:
        asked = self.context.args.get("json") if self.context else None
        return "--complete" not in sys.argv and ("--json" in sys.argv or bool(asked and asked.value))

    def _said(self, msg: str, verb: str) -> str:
        if lacking := self._lacking():
            return f"`{verb}` lacks its {' and '.join(lacking)}"
        if unknown := re.fullmatch(r"No idea what '(.*)' is!", msg):
            return self._unknown(unknown[1], verb)
        if "needed value" in msg and self.flag:
            return f"{self._flag()} lacks its value"
        return msg

    def _unknown(self, word: str, verb: str) -> str:
        if word.startswith("-"):
            known = [*self.context.flags, *self.context.inverse_flags] if self.context else []
            return f"unknown option `{word}`{f' of `{verb}`' if verb else ''}{near_miss(word, known)}"
        return f"unknown verb `{word}`{near_miss(word, sorted(self.contexts))}"


# Its metaclass gives a class only the states that stand in its own body.
Machine._class_states = parser.ParseMachine._class_states  # noqa: SLF001
Machine._class_transitions = parser.ParseMachine._class_transitions  # noqa: SLF001


def look_up(program: Program) -> None:
    """Refuse a verb of ``--help VERB`` and a group of ``--list GROUP`` that are not there.

    Raises:
        RefusedError: with the near one.
    """
    verb, group = program.args.help.value, program.args.list.value
    groups = sorted(program.collection.collections) if program.collection else []
    if isinstance(verb, str) and verb not in program.parser.contexts:
        _refuse("verb", verb, sorted(map(str, program.parser.contexts)))
    if isinstance(group, str) and group not in groups:
        _refuse("group", group, groups)
    _parse_cleanup(program)


def _refuse(kind: str, word: str, known: list[str]) -> NoReturn:
    raise RefusedError(
        render_error(UsageError(f"unknown {kind} `{word}`{near_miss(word, known)}", "inv --list")), None
    )


def install() -> None:
    """Let Invoke parse by it."""
    parser.ParseMachine = Machine  # type: ignore[misc]
    Program.parse_cleanup = look_up  # type: ignore[method-assign, assignment]
