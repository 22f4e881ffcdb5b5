"""Which keys a function returns, read from its annotation without importing it."""

from __future__ import annotations

import ast
import os
import sys
from functools import lru_cache
from pathlib import Path

from gaiaflow import envvar

_NO_DICT = {"int", "float", "str", "bool", "bytes", "None", "list", "tuple", "List", "Tuple", "set"}
_TYPING = {"TypedDict", "Generic"}


def returned_keys(func_path: str) -> frozenset[str] | None:
    """The keys of the TypedDict that a function is annotated to return.

    Returns:
        The keys; empty when the annotation is not a dict at all; None when nothing is known.
    """
    module, _, name = func_path.partition(":")
    file = _find(module)
    tree = _parse(file, file.stat().st_mtime_ns) if file else None
    if tree is None:
        return None
    function = _named(tree, name, (ast.FunctionDef, ast.AsyncFunctionDef))
    annotation = getattr(function, "returns", None)
    return _keys(tree, annotation) if annotation is not None else None


def _find(module: str) -> Path | None:
    parts = module.split(".")
    folders = [f for f in os.environ.get(envvar.CODE, "").split(os.pathsep) if f]
    for folder in folders or sys.path:
        stem = Path(folder or ".", *parts)
        for file in (stem.with_suffix(".py"), stem / "__init__.py"):
            if file.is_file():
                return file
    return None


@lru_cache(maxsize=256)
def _parse(file: Path, _changed: int) -> ast.Module | None:
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # the run will say it, with the traceback


def _named(tree: ast.Module, name: str, kinds: tuple[type[ast.AST], ...]) -> ast.AST | None:
    return next((n for n in tree.body if isinstance(n, kinds) and getattr(n, "name", None) == name), None)


def _keys(tree: ast.Module, annotation: ast.expr) -> frozenset[str] | None:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None  # words for a reader, e.g. -> "a dict of scores"
    if isinstance(annotation, ast.Constant) and annotation.value is None:
        return frozenset()
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
        return frozenset() if getattr(annotation, "id", "") in {"tuple", "Tuple"} else None
    name = getattr(annotation, "id", "")
    if name in _NO_DICT - {"list", "List"}:
        return frozenset()
    return _typed_dict(tree, name)


def _typed_dict(tree: ast.Module, name: str, heirs: frozenset[str] = frozenset()) -> frozenset[str] | None:
    """The keys of a TypedDict class of the module, with those that it inherits; None for anything else.

    Args:
        heirs: the classes on the way here: `class Result(schemas.Result)` is not its own base.
    """
    found = None if name in heirs else _named(tree, name, (ast.ClassDef,))
    if not isinstance(found, ast.ClassDef):
        return None
    keys = {s.target.id for s in found.body if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)}
    bases = [_base(base) for base in found.bases]
    for base in (b for b in bases if b not in _TYPING):
        inherited = _typed_dict(tree, base, heirs | {name})
        if inherited is None:
            return None  # of another module, or no TypedDict
        keys |= inherited
    return frozenset(keys) if set(bases) - {"Generic"} else None


def _base(base: ast.expr) -> str:
    """The name of a base class, ``TypedDict`` of ``typing.TypedDict``; empty for one of another module."""
    base = base.value if isinstance(base, ast.Subscript) else base
    label = str(getattr(base, "id", "") or getattr(base, "attr", ""))
    return label if isinstance(base, ast.Name) or label in _TYPING else ""
