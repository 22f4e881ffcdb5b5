"""What Airflow's UI tells of a task: the function with its docstring, and where the docs explain its error."""

from __future__ import annotations

import ast
import functools
import os
import re
from pathlib import Path

from gaiaflow import envvar

# The page on which each way to fail has a section.
PAGE = "https://github.com/bcdev/gaiaflow/blob/main/docs/reference/failures.md"
# What an error looks like, and the section that tells of it; the first that fits counts.
_SECTIONS = (
    (r"image `.+` has no `(python|/opt/gaiaflow/runner\.py)`", "an-image-without-python"),
    (r"image `.+` is not ", "no-such-image"),
    (r"secret `.+` is not in the cluster", "no-such-secret"),
    (r"the cluster refused the pod .*exceeded quota", "quota"),
    (r"the cluster refused the pod .*forbidden: User", "namespace-denied"),
    (r"the pod did not start: ", "no-room-on-a-node"),
    (r"the cluster does not answer: |no local cluster: ", "no-cluster"),
    (r"no Docker engine at ", "no-engine"),
    (r"the arguments of task `.+` have .* KiB", "arguments-that-are-too-large"),
    (r"`\S+` did not end within ", "a-time-out"),
    (r"`\S+` was ended: its (pod|container) was ", "a-pod-that-is-gone"),
    (r"`\S+` was killed: it took more memory", "out-of-memory"),
    (r"`\S+` was ended by signal (9|15)\b", "killed"),
    (r"`\S+` was ended by signal ", "a-crash"),
    (r"`\S+` left with exit code ", "os_exit"),
    (r"\S+ does not import: ", "no-such-module"),
    (r"\S+ has no function `", "no-such-function"),
    (r"\S+ does not take this call: ", "wrong-arguments"),
    (r"\S+ returned what is not JSON: ", "a-result-that-is-not-json"),
    (r"the result of \S+ cannot be written: ", "disk-full"),
    (r"\S+ raised SystemExit\b", "sysexit"),
    (r"\S+ raised OSError: \[Errno 28\]", "disk-full"),
    (r"\S+ raised ", "an-exception"),
)


def doc_of(func_path: str) -> str:
    """Markdown with the name of a function and its docstring. The code is read and not run.

    Args:
        func_path: ``package.module:function``.
    """
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


def docs_of(error: str) -> str:
    """The address of the section on an error; empty for one that has none."""
    anchor = next((anchor for text, anchor in _SECTIONS if re.match(text, error, re.DOTALL)), "")
    return f"{PAGE}#{anchor}" if anchor else ""
