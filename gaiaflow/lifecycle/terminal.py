"""How lifecycle tasks speak: errors in one line, phases on stderr, data on stdout."""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit
from invoke.tasks import task as invoke_task

from gaiaflow.errors import GaiaflowError, UsageError

if TYPE_CHECKING:
    from rich.console import Console


@functools.cache
def stderr() -> Console:
    """The terminal that progress goes to; rich comes late because `inv --list` has no use for it."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def lifecycle_task(*args: Any, **options: Any) -> Callable[..., Any]:
    """``invoke.task`` whose GaiaflowError ends as ``error: …``, ``hint: …`` and its exit code."""

    def decorate(body: Callable[..., None]) -> Any:
        @functools.wraps(body)
        def run(*args: Any, **kwargs: Any) -> None:
            try:
                body(*args, **kwargs)
            except GaiaflowError as error:
                raise Exit(render_error(error), code=error.exit_code) from None

        return invoke_task(run, **{"positional": [], **options})

    return decorate(args[0]) if args and callable(args[0]) else decorate


def render_error(error: GaiaflowError) -> str:
    """The error as a person reads it, in at most two paragraphs."""
    return f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else "")


def emit_json(value: Any) -> None:
    """One JSON object on stdout, nothing else there."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def emit_table(columns: list[str], rows: list[list[str]]) -> None:
    """A table on stdout; complete lines where stdout is no terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else 240
    Console(width=width, highlight=False).print(table)


class Phases:
    """Numbered phases with their times: ``[2/5] mlflow … 3.1 s``."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.number = 0

    @contextmanager
    def phase(self, text: str) -> Iterator[None]:
        """One phase; its time is printed when it ends, also by an error."""
        self.number += 1
        label = f"[{self.number}/{self.total}] {text}"
        begun = time.monotonic()
        with stderr().status(label) if stderr().is_terminal else _nothing():
            try:
                yield
            except BaseException:
                stderr().print(f"{label} failed after {time.monotonic() - begun:.1f} s", markup=False)
                raise
        stderr().print(f"{label} {time.monotonic() - begun:.1f} s", markup=False)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def say(text: str) -> None:
    """One plain line on stderr."""
    stderr().print(text, markup=False)


def confirm(question: str, yes: bool) -> bool:
    """Ask on the terminal, or let ``--yes`` answer.

    Raises:
        UsageError: there is neither.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(f"{question} no terminal to ask on", "give --yes")
    return stderr().input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
