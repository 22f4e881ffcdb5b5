"""Answers one question about a project's DAGs: ``python -m gaiaflow.inspection QUESTION OUTCOME``.

The request comes as one JSON object on stdin; it has at least ``project``, the folder. The answer goes to the
file OUTCOME as one JSON object, or ``{"error": {"message", "hint", "exit_code"}}``; DAG files may print. With
``timed``, names of files in the folder ``dags``, the answer has ``seconds``, see `stopwatch.measure`.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.host.shortlived import spare_collections
from gaiaflow.inspection import stopwatch
from gaiaflow.project import Project

# Each question's module has a function `answer(project, request)`.
QUESTIONS = {
    "structure": "gaiaflow.inspection.structure",
    "production": "gaiaflow.inspection.production",
    "explain": "gaiaflow.inspection.explain",
    "serialise": "gaiaflow.inspection.serialise",
    "recall": "gaiaflow.inspection.recall",
}


def answer(question: str, request: dict[str, Any]) -> dict[str, Any]:
    """The answer, or the error that a person can fix."""
    try:
        project = Project.find(Path(request["project"]))
        sys.path.append(str(project.dags))
        found: dict[str, Any] = import_module(QUESTIONS[question]).answer(project, request)
    except GaiaflowError as error:
        return {"error": {"message": error.message, "hint": error.hint, "exit_code": error.exit_code}}
    return found


def main(question: str, outcome: str) -> int:
    spare_collections()
    request = json.loads(sys.stdin.read())
    timed = request.get("timed")
    seconds = stopwatch.measure(request["dags"], timed) if timed else None  # first, before anything is imported
    text = json.dumps({**answer(question, request), "seconds": seconds}, default=str)
    file = os.open(outcome, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as writer:
        writer.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
