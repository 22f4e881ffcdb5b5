"""What Airflow's UI tells of a task: the function with its docstring."""

from __future__ import annotations

import ast
import functools
import os
from pathlib import Path

from gaiaflow import envvar


def doc_of(func_path: str) -> str:
    """Markdown with the name of a function and its docstring. The code is read and not run.

    Args:
        func_path: ``package.module:function``.
    """
    if not os.environ.get(envvar.CODE):
        return f"`{func_path}`"
    module, _, name = func_path.partition(":")
    text = next(filter(None, (_docstring(file, name) for file in _files(module))), "")
    return f"`{func_path}`" + (f"\n\n{text}" if text else "")


def _files(module: str) -> list[Path]:
    folders = [folder for folder in os.environ.get(envvar.CODE, "").split(os.pathsep) if folder]
    path = module.replace(".", os.sep)  # text, not Path: this runs for every task
    files = [os.path.join(folder, path + end) for folder in folders for end in (".py", f"{os.sep}__init__.py")]  # noqa: PTH118
    return [Path(file) for file in files if os.path.isfile(file)]  # noqa: PTH113


def _docstring(file: Path, name: str) -> str:
    try:
        return _docstrings(str(file), file.stat().st_mtime_ns).get(name, "")
    except (OSError, SyntaxError, ValueError):
        return ""


@functools.lru_cache(maxsize=64)
def _docstrings(file: str, _changed: int) -> dict[str, str]:
    """The docstrings of a file's functions; a DAG file has many tasks of one module."""
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    functions = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))]
    return {function.name: ast.get_docstring(function) or "" for function in functions}
