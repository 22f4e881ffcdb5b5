"""The words that `gaiaflow` and `inv` understand, and how they refuse the others: as our own errors are.

Invoke has no hook for what its parser says, so its machine is replaced by a child of it. Without it
`inv dag.run --help` would run a DAG called `--help`, `--airflow-port x` would end in a traceback, and a
mistyped command would be "No idea what 'dev.strat' is!".
"""

from __future__ import annotations

import re
import sys
from typing import Any

from invoke.exceptions import Exit, ParseError
from invoke.parser import parser

from gaiaflow.errors import UsageError
from gaiaflow.lifecycle.terminal import refusal, supported
from gaiaflow.lifecycle.terminal.command import failed, render_error

HELP = ("-h", "--help")

supported.check()  # before the class below, which is made of Invoke's


class RefusedError(ParseError, Exit):
    """Of both kinds: completion catches the one, and the other brings its exit code."""

    def __init__(self, error: UsageError, context: Any = None) -> None:
        Exit.__init__(self, code=UsageError.exit_code)
        self.text, self.context = render_error(error), context

    def __str__(self) -> str:
        return self.text


class Machine(parser.ParseMachine):
    """Invoke's machine, which also takes `dev start` for `dev.start`, and asks here what to say.

    Attributes:
        group: the group that was named, while its command is awaited.
    """

    group = ""

    def handle(self, token: str) -> None:
        """A command that waits for its name takes ``--help`` for what it is."""
        if token in HELP and self.initial and self._lacking():
            self.initial.flags["--help"].value = self.context.name
        elif not (self._is_free(token) and self._take(token)):
            super().handle(token)

    def _is_free(self, token: str) -> bool:
        """Whether it is a word that no option and no argument waits for, of a call that is being read."""
        busy = self.ignore_unknown or self.waiting_for_flag_value or self._lacking()
        return not busy and not token.startswith("-") and token not in self.contexts

    def _take(self, token: str) -> bool:
        """Take a group, the command of a group, or the value of an option without its flag."""
        if self.group:
            words, self.group = f"{self.group} {token}", ""
            if (name := words.replace(" ", ".")) not in self.contexts:
                self._refuse(refusal.unknown_command(words, self.contexts))
            self.see_context(name)
            return True
        if bare := self._bare():
            bare.value = token
        elif token in groups(self.contexts):
            self.group = token
        return bool(bare or self.group)

    def _bare(self) -> Any:
        arguments = self.context.args.values() if self.context else ()
        return next((a for a in arguments if getattr(a, "bare", False) and a.value is None), None)

    def finish(self) -> None:
        if self.group:
            self._refuse(UsageError(f"`{self.group}` is a group of commands", f"inv help {self.group}"))
        super().finish()

    def see_value(self, value: Any) -> None:
        try:
            super().see_value(value)
        except ValueError:
            self.error(f"{self._flag()} needs a number, not `{value}`")

    def error(self, msg: str) -> None:
        """Raise it in our words, but for what a command lacks while it is asked for its help."""
        if not (self._lacking() and self.initial and self.initial.args.help.value):
            self._refuse(self._said(msg))

    def _refuse(self, error: UsageError) -> None:
        """
        Raises:
            RefusedError: always, but for the next.
            Exit: the error went to stdout as JSON.
        """
        if self._wants_json():
            raise failed(error, True)
        raise RefusedError(error, self.context)

    def _flag(self) -> str:
        flag: Any = self.flag
        return f"`--{flag.names[0]}`"

    def _lacking(self) -> list[Any]:
        return list(self.context.missing_positional_args) if self.context else []

    def _wants_json(self) -> bool:
        asked = self.context.args.get("json") if self.context else None
        return "--complete" not in sys.argv and ("--json" in sys.argv or bool(asked and asked.value))

    def _said(self, msg: str) -> UsageError:
        command = str(self.context.name or "") if self.context else ""
        if self._lacking():
            return refusal.lacking(command, self.context.positional_args)
        if unknown := re.fullmatch(r"No idea what '(.*)' is!", msg):
            return self._unknown(unknown[1], command)
        text = f"{self._flag()} lacks its value" if "needed value" in msg and self.flag else msg
        return UsageError(text, f"inv --help {command}" if command else "inv --list")

    def _unknown(self, word: str, command: str) -> UsageError:
        if word.startswith("-"):
            flags = [*self.context.flags, *self.context.inverse_flags] if self.context else []
            return refusal.unknown_option(word, command, flags)
        return refusal.unknown_command(word, self.contexts, command)


# Its metaclass gives a class only the states that its own body has.
Machine._class_states = parser.ParseMachine._class_states  # noqa: SLF001
Machine._class_transitions = parser.ParseMachine._class_transitions  # noqa: SLF001


def groups(commands: Any) -> set[str]:
    """The groups of some commands: ``dev`` of ``dev.start``."""
    return {str(name).partition(".")[0] for name in commands if "." in str(name)}
