"""What each DAG file costs to read, in CPU time beside that of importing ``airflow.sdk`` alone.

Only the standard library may be imported before, or ``airflow.sdk`` would look cheaper than it is. Each file is
read in a fork, so that none profits from the imports of another.
"""

from __future__ import annotations

import os
import sys
import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any


def time_airflow() -> float:
    begun = time.process_time()
    import airflow.sdk  # noqa: F401

    return time.process_time() - begun


def time_file(file: str) -> float | None:
    """CPU seconds; None when the file does not import."""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(sink, str(_read(file)).encode())
        finally:
            os._exit(0)
    os.close(sink)
    with os.fdopen(source) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return float(text) if text else None


def _read(file: str) -> float:
    begun = time.process_time()
    loader = SourceFileLoader("timed_dag_file", file)
    spec = spec_from_loader("timed_dag_file", loader)
    if spec is not None:
        module = module_from_spec(spec)
        sys.modules[module.__name__] = module
        loader.exec_module(module)
    return time.process_time() - begun


def measure(folder: str, files: list[str]) -> dict[str, Any]:
    """CPU seconds: of ``airflow.sdk``, and of each file of a folder; None for one that does not import."""
    sys.path.append(folder)
    airflow = time_airflow()
    return {"airflow": airflow, "files": {file: time_file(str(Path(folder, file))) for file in files}}
