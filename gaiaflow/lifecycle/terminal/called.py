"""How the user called the program, `gaiaflow` or `inv` and from where: what is printed is for pasting back."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

# A call of a command inside a text, whichever of the two programs it names.
_CALL = re.compile(
    r"(?<![\w./-])(?<!-m )(?:inv|gaiaflow)(?= (?:--(?:list|help|dry|version)\b|doctor\b|help\b|"
    r"(?:dag|dev|model|prod|prodlocal|project|secret)\.[A-Za-z*]))"
)
MAIN = "__main__.py"


class Called:
    """The program of this process.

    Attributes:
        name: how to call it again from this folder; empty before it runs.
    """

    name = ""

    def begin(self, program: str) -> None:
        self.name = name_of(program)


called = Called()


def name_of(program: str) -> str:
    """How to call a program again from this folder.

    Args:
        program: its ``argv[0]``.
    """
    path = Path(program)
    if is_of_uvx():
        return _by_uvx()
    if path.name != MAIN:
        return _shortest(program)
    return "inv" if path.parent.name == "invoke" else f"{_shortest(sys.orig_argv[0])} -m gaiaflow"


def is_of_uvx() -> bool:
    """Whether uvx runs this from its cache, and takes the program off PATH afterwards."""
    return any(part.startswith("archive-v") for part in Path(sys.prefix).parts)


def _by_uvx() -> str:
    from gaiaflow.projects import origin

    return f"uvx --from {shlex.quote(origin.find().requirement)} gaiaflow"


def _shortest(program: str) -> str:
    """The bare name where PATH leads there, else the way from this folder."""
    path = Path(program)
    if os.sep not in program or _same(shutil.which(path.name), program):
        return path.name
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here)) if path.is_relative_to(here) else program)


def _same(found: str | None, program: str) -> bool:
    return found is not None and os.path.exists(program) and os.path.samefile(found, program)  # noqa: PTH110, PTH121


def as_called(text: str) -> str:
    """The text with each call of a command under the name that the user called."""
    return renamed(text, called.name) if called.name else text


def renamed(text: str, name: str) -> str:
    """The text with each call of a command under another name of the program."""
    return _CALL.sub(lambda _: name, text)
