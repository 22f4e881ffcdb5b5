"""The catalogue of errors: every message that the code raises, with its hint, read from the source.

What a message fills in at run time has a name in angle brackets, taken from the expression in the source.
"""

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
# Names in the source that tell a reader nothing, and others that have a better word.
VAGUE = {"self", "name", "str", "value", "n", "s", "each", "text", "given", "it", "args", "first"}
RENAMED = {
    "e": "cause",
    "error": "cause",
    "exc": "cause",
    "caught": "cause",
    "reason": "cause",
    "detail": "cause",
    "explanation": "cause",
    "message": "cause",
    "strerror": "cause",
    "faultstring": "cause",
    "said": "answer",
    "tail": "output",
    "argv": "command",
    "users own": "kubeconfig",
    "isoformat": "date",
    "join": "names",
    "run id": "run",
    "map over": "number",
    "encode": "number",
    "dag id": "dag",
    "task id": "task",
    "func path": "function",
}
# Words around a vague placeholder that say what it is.
AROUND = (
    (r"(--([a-z-]+)`?(?: is| has)? `?)<value>", r"\1<\2>"),
    (r"`<value>` is not a valid (\w+) name", r"`<\1>` is not a valid \1 name"),
    (r"<value>(`?(?:: not|, not) a (port|date))", r"<\2>\1"),
    (r"task `<value>`", "task `<task>`"),
    (r"(`<held>`)<value>", r"\1"),
)
PARTS = {
    "tasks": "In a DAG file",
    "returns": "In a DAG file",
    "operators": "In a task",
    "testing": "In the tests of DAGs",
    "inspection": "Looking into DAGs",
}
PREFIXES = {
    "At the terminal": "terminal",
    "In a DAG file": "file",
    "In a task": "task",
    "In the tests of DAGs": "tests",
    "Looking into DAGs": "looking",
}


@dataclass(frozen=True)
class Message:
    """One raise of an error of gaiaflow; what varies is a name such as ``<image>``."""

    part: str
    error: str
    text: str
    hint: str


def messages() -> list[Message]:
    """Every message that is written where it is raised."""
    found = [message for file in sorted(PACKAGE.rglob("*.py")) for message in _of_file(file)]
    return sorted(set(found), key=lambda m: (m.part, m.text.lower(), m.hint, m.error))


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
            if re.search(r"[a-z]{3}", re.sub(r"<[^>]*>", "", text)):
                yield Message(part, node.func.id, _named(text), hint[0] if hint else "")


def _text(node: ast.expr) -> str:
    """A string as it reads; what is computed is a placeholder."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.FormattedValue) and ast.unparse(node.value).startswith("near_miss("):
        return ""
    if isinstance(node, ast.JoinedStr):
        return re.sub(r"(<[a-z ]+>)\1+", r"\1", "".join(_text(part) for part in node.values))
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return f"<{_placeholder(node)}>"


def _named(text: str) -> str:
    """A message in which `<value>` has the name that the words around it give: `--memory <memory>`."""
    for words, name in AROUND:
        text = re.sub(words, name, text)
    return text


def _placeholder(node: ast.AST) -> str:
    """The name of what an expression stands for: of ``service.name`` it is ``service``."""
    words = [word for each in _names(node) if (word := each.strip("_").replace("_", " ").lower()) not in VAGUE]
    last = words[-1] if words else "name" if "name" in _names(node) else "value"
    return RENAMED.get(last, last)


def _names(node: ast.AST) -> list[str]:
    """The names in an expression, the one that says most last."""
    match node:
        case ast.Name():
            found = [node.id]
        case ast.Attribute(attr="__name__"):
            found = ["type", *_names(node.value)]
        case ast.Attribute():
            found = [*_names(node.value), node.attr]
        case ast.Call():
            found = [name for argument in node.args for name in _names(argument)] or _names(node.func)
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            found = [*_names(node.value), key]
        case ast.Subscript() | ast.FormattedValue() | ast.Starred():
            found = _names(node.value)
        case ast.IfExp():
            found = _names(node.body) or _names(node.orelse)
        case ast.BoolOp():
            found = _names(node.values[0])
        case ast.BinOp():
            found = _names(node.right) + _names(node.left)
        case ast.GeneratorExp() | ast.ListComp():
            found = _names(node.generators[0].iter)
        case _:
            found = []
    return found


def listed() -> list[tuple[str, Message]]:
    """Each message with its anchor, in the order of the catalogue."""
    found = [replace(m, text=renamed(m.text, USERS), hint=renamed(m.hint, USERS)) for m in messages()]
    parts = dict.fromkeys(message.part for message in found)
    grouped = [[m for m in found if m.part == part] for part in parts]
    return [row for group in grouped for row in zip(anchors(group), group, strict=True)]


def catalogue() -> str:
    """The messages by where one meets them."""
    found = listed()
    parts = dict.fromkeys(message.part for _, message in found)
    tables = (_table([row for row in found if row[1].part == part]) for part in parts)
    return "\n\n".join(f"### {part}\n\n{table}" for part, table in zip(parts, tables, strict=True))


def _table(found: list[tuple[str, Message]]) -> str:
    rows = [
        f'| <a id="{anchor}"></a>{CODES[m.error]} | {cell(m.text)} | {_hint(m.hint)} |' for anchor, m in found
    ]
    return "\n".join(["| exit code | error: | hint: |", "| --- | --- | --- |", *rows])


def anchors(found: list[Message]) -> list[str]:
    """The anchor of each message: its part and its words; a number tells those with the same words apart."""
    plain = [re.sub(r"<[^>]*>", " ", m.text.partition("\n")[0]).lower() for m in found]
    slugs = ["-".join(re.findall(r"[a-z0-9_.]+", text)).replace(".", "") for text in plain]
    seen: dict[str, int] = {}
    for place, slug in enumerate(slugs):
        seen[slug] = seen.get(slug, 0) + 1
        slugs[place] = slug if seen[slug] == 1 else f"{slug}-{seen[slug]}"
    return [f"{PREFIXES[m.part]}-{slug}" for m, slug in zip(found, slugs, strict=True)]


def cell(text: str) -> str:
    """A message as markdown: code stays code, and nothing else is markup."""
    code = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        part.replace("|", "\\|") if part.startswith("`") else re.sub(r"([|*_<>\[\]])", r"\\\1", part)
        for part in code
    )


def _hint(text: str) -> str:
    """A hint as it is pasted; without one, or where all of it varies, nothing."""
    varies = not re.search(r"[a-z]{3}", re.sub(r"<[^>]*>", "", text))
    return "" if varies else f"<code>{html.escape(text).replace('|', '&#124;')}</code>"
