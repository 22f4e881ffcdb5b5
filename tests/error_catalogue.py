"""Every error that gaiaflow raises on purpose, read from its source: message, hint, exit code, where.

`catalogue()` feeds the documentation's page of messages and the test that each has a test of its text.
What is put in at run time stands as `{…}`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gaiaflow"
BASE = "GaiaflowError"
HOLE = "{…}"
_NOT_OURS = {"example", "template", "_data"}


@dataclass(frozen=True, order=True)
class Error:
    """One place where an error is made.

    Attributes:
        module: the file, from the package's folder.
        kind: its class.
        code: the exit code of `inv`.
        hint: empty where it has none.
    """

    module: str
    message: str
    hint: str
    kind: str
    code: int


def catalogue() -> list[Error]:
    """All of them, by module and message; one that is raised twice stands once."""
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in _files()}
    codes = _codes(list(trees.values()))
    return sorted(
        {
            error
            for file, tree in trees.items()
            for error in _errors(tree, str(file.relative_to(PACKAGE)), codes)
        }
    )


def _files() -> list[Path]:
    return [f for f in sorted(PACKAGE.rglob("*.py")) if not _NOT_OURS & set(f.relative_to(PACKAGE).parts[:1])]


def _codes(trees: list[ast.Module]) -> dict[str, int]:
    """The exit code of each class of errors, inherited where it says none."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    codes: dict[str, int] = {BASE: 1}
    for _ in classes:
        before = len(codes)
        for node in classes:
            base = next((b.id for b in node.bases if isinstance(b, ast.Name) and b.id in codes), None)
            if base:
                codes.setdefault(node.name, _own_code(node) or codes[base])
        if len(codes) == before:
            break
    return codes


def _own_code(node: ast.ClassDef) -> int | None:
    for statement in node.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement).startswith("exit_code = "):
            return int(ast.unparse(statement.value))
    return None


def _errors(tree: ast.Module, module: str, codes: dict[str, int]) -> Iterator[Error]:
    for owner, node in _calls(tree):
        name = ast.unparse(node.func)
        kind = owner if name == "super().__init__" and owner in codes else name
        if kind not in codes or (owner == BASE and kind == BASE):
            continue
        message, hint = _argument(node, 0, "message"), _argument(node, 1, "hint")
        if message.replace(HOLE, "").strip():
            yield Error(module, message, hint, kind, codes[kind])


def _calls(tree: ast.AST, owner: str = "") -> Iterator[tuple[str, ast.Call]]:
    """Every call, with the class that it stands in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call):
            yield owner, node
        yield from _calls(node, node.name if isinstance(node, ast.ClassDef) else owner)


def _argument(node: ast.Call, position: int, name: str) -> str:
    keyword = next((k.value for k in node.keywords if k.arg == name), None)
    found = keyword or (node.args[position] if len(node.args) > position else None)
    return template(found) if found else ""


def template(node: ast.expr) -> str:
    """A string expression with its holes."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(template(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return template(node.left) + template(node.right)
    return HOLE


if __name__ == "__main__":
    for error in catalogue():
        print(f"{error.code} {error.module}: {error.message}\n    hint: {error.hint}")
