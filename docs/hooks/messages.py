"""The catalogue of errors: every message that the code raises, with its hint, read from the source."""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gaiaflow import errors
from gaiaflow.lifecycle.terminal.called import renamed

PACKAGE = Path(errors.__file__).parent
ERRORS: list[type[errors.GaiaflowError]] = [
    child
    for child in vars(errors).values()
    if isinstance(child, type) and issubclass(child, errors.GaiaflowError)
]
CODES = {child.__name__: child.exit_code for child in ERRORS}
# What users of a project call; in the clone it is `inv`.
USERS = "gaiaflow"
SKIPPED = {"template", "example"}
PARTS = {
    "tasks": "In a DAG file",
    "returns": "In a DAG file",
    "operators": "In a task",
    "testing": "In the tests of DAGs",
    "inspection": "Looking into DAGs",
}


@dataclass(frozen=True)
class Message:
    """One raise of an error of gaiaflow; what varies stands as ``…``."""

    part: str
    error: str
    text: str
    hint: str


def messages() -> list[Message]:
    """Every message that is written where it is raised."""
    found = [message for file in sorted(PACKAGE.rglob("*.py")) for message in _of_file(file)]
    return sorted(set(found), key=lambda m: (m.part, m.text.lower()))


def _of_file(file: Path) -> Iterator[Message]:
    place = file.relative_to(PACKAGE)
    if SKIPPED & set(place.parts):
        return
    part = PARTS.get(place.parts[0].removesuffix(".py"), "At the terminal")
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in CODES
            and node.args
        ):
            text, *hint = [_text(argument) for argument in (*node.args, *(k.value for k in node.keywords))][:2]
            if re.search(r"[a-z]{3}", text):
                yield Message(part, node.func.id, text, hint[0] if hint else "")


def _text(node: ast.expr) -> str:
    """A string as it reads; everything computed is ``…``."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return re.sub("…+", "…", "".join(_text(part) for part in node.values))
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return "…"


def catalogue() -> str:
    """The messages by where one meets them."""
    found = [replace(m, text=renamed(m.text, USERS), hint=renamed(m.hint, USERS)) for m in messages()]
    parts = dict.fromkeys(message.part for message in found)
    return "\n\n".join(f"### {part}\n\n{_table([m for m in found if m.part == part])}" for part in parts)


def _table(found: list[Message]) -> str:
    rows = [f"| {CODES[m.error]} | {_cell(m.text)} | {_hint(m.hint)} |" for m in found]
    return "\n".join(["| exit code | error: | hint: |", "| --- | --- | --- |", *rows])


def _cell(text: str) -> str:
    """A message as markdown: its backticks stay, what markdown and tables would take does not."""
    return re.sub(r"([|*_<>])", r"\\\1", " ".join(text.split()))


def _hint(text: str) -> str:
    """A hint as it is pasted; without one, or where all of it varies, nothing."""
    return "" if text in ("", "…") else f"<code>{html.escape(text).replace('|', '&#124;')}</code>"
