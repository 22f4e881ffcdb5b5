"""Whether this Invoke has the parts that our grammar and help replace; some are private, and may go."""

from __future__ import annotations

from invoke.exceptions import Exit
from invoke.parser import parser
from invoke.program import Program

from gaiaflow.errors import MissingError
from gaiaflow.lifecycle.terminal.command import failed

_OF_PROGRAM = ("parse_tasks", "parse_cleanup", "list_tasks", "no_tasks_given", "print_task_help")
_OF_MACHINE = ("_class_states", "_class_transitions", "handle", "see_value", "error")


def lacking() -> list[str]:
    """What it lacks, by name."""
    machine = getattr(parser, "ParseMachine", None)
    absent = [f"ParseMachine.{name}" for name in _OF_MACHINE if not hasattr(machine, name)]
    return absent + [f"Program.{name}" for name in _OF_PROGRAM if not hasattr(Program, name)]


def check() -> None:
    """
    Raises:
        Exit: it is another Invoke than the one that gaiaflow is made for.
    """
    if absent := lacking():
        raise _refused(absent[0])


def _refused(name: str) -> Exit:
    return failed(
        MissingError(
            f"the installed Invoke has no `{name}`, which gaiaflow needs", "pip install 'invoke>=3.0.3,<3.1'"
        ),
        json=False,
    )
