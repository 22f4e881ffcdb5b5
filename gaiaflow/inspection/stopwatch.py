"""What each DAG file costs to read, in CPU time beside that of importing ``airflow.sdk`` alone.

    python -m gaiaflow.inspection.stopwatch OUTCOME

The request on stdin is ``{"dags": folder, "files": [...]}``; the outcome ``{"airflow": seconds, "files": {file:
seconds}}``. The standard library alone comes before ``airflow.sdk``, or its import would look cheaper than it
is. Each file is read in a fork, so that none profits from the imports of another.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

# The least of so many is the cost; the rest is noise of the machine.
LOOKS = 2


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


def least(file: str) -> float | None:
    found = [seconds for _ in range(LOOKS) if (seconds := time_file(file)) is not None]
    return min(found) if found else None


def main(outcome: str) -> int:
    request = json.loads(sys.stdin.read())
    sys.path.append(request["dags"])
    airflow = time_airflow()
    Path(outcome).write_text(json.dumps({"airflow": airflow, "files": {f: least(f) for f in request["files"]}}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
