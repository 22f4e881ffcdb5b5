"""Runs one DAG for `inv dag.test`: ``python -m gaiaflow.testing.inprocess``, in Airflow's environment.

The outcome goes to a file, as one JSON object: the run, or ``{"error": {"message", "hint", "exit_code"}}``.
Airflow's own log goes to another; progress and what the functions print go to stderr. Exit 0 unless killed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.host.shortlived import spare_collections
from gaiaflow.project import Project

_FUNCTION_OUTPUT = "airflow.task.operators.gaiaflow"
_PROGRESS = "gaiaflow_progress"


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gaiaflow.testing.inprocess", description=__doc__)
    parser.add_argument("--project", required=True, type=Path)
    parser.add_argument("--dag", required=True)
    parser.add_argument("--mode")
    parser.add_argument("--conf", default="{}", type=json.loads)
    for option in ("date", "interval", "partition"):
        parser.add_argument(f"--{option}", default="")
    parser.add_argument("--retries", default=0, type=int)
    parser.add_argument("--stack", action="store_true", help="use the running stack's MLflow and S3")
    parser.add_argument("--outcome", required=True, type=Path)
    parser.add_argument("--log", required=True, type=Path)
    return parser.parse_args(argv)


@contextmanager
def sorted_streams(log: Path) -> Iterator[None]:
    """Send both streams to the log, in one order; the terminal gets progress and what functions print."""
    kept = os.dup(1), os.dup(2)
    source, sink = os.pipe()
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    os.close(sink)
    reader = threading.Thread(target=_sort, args=(source, kept[1], log), daemon=True)
    reader.start()
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        reader.join(timeout=10)


def _sort(source: int, terminal: int, log: Path) -> None:
    with (
        os.fdopen(source, encoding="utf-8", errors="replace") as lines,
        os.fdopen(
            terminal, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
        ) as screen,
        log.open("w", encoding="utf-8") as file,
    ):
        task = ""
        for line in lines:
            record = _record(line)
            task = _show(record, task, screen)
            file.write(_readable(record) if record else line)


def _record(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _show(record: dict[str, Any], task: str, screen: TextIO) -> str:
    """Write what a person waits for; the task that runs after this record."""
    if _PROGRESS in record:
        name, state, detail = record[_PROGRESS]
        screen.write(f"{name} {state}{': ' + detail if detail else ''}\n")
        return name if state == "started" else ""
    if task and str(record.get("logger", "")).startswith(_FUNCTION_OUTPUT):
        screen.write(f"{task} | {_leveled(record)}\n")
    return task


def _leveled(record: Mapping[str, Any]) -> str:
    """A line of a function, with its level where that is not INFO."""
    level, text = str(record.get("level") or "info").upper(), str(record.get("event", ""))
    return text if level == "INFO" else f"{level} {text}"


def _readable(record: dict[str, Any]) -> str:
    """One record of Airflow's log, as a person reads it."""
    if _PROGRESS in record:
        return f"--- {' '.join(record[_PROGRESS])}\n"
    errors = [f"{e.get('exc_type')}: {e.get('exc_value')}" for e in record.get("error_detail") or ()]
    head = " ".join(str(record.get(key, "")) for key in ("timestamp", "level", "event"))
    return "\n    ".join([head, *errors]) + "\n"


def _progress(task: str, state: str, detail: str) -> None:
    os.write(1, (json.dumps({_PROGRESS: [task, state, detail]}) + "\n").encode())


def outcome(args: argparse.Namespace) -> dict[str, object]:
    """The run, or the error that kept it from starting."""
    from gaiaflow.testing.run import run_dag

    try:
        project = Project.find(args.project)
        run = run_dag(
            args.dag,
            args.mode,
            args.conf,
            project=project,
            retries=args.retries,
            progress=_progress,
            with_stack=args.stack,
            date=args.date,
            interval=args.interval,
            partition=args.partition,
        )
    except GaiaflowError as error:
        return {"error": {"message": error.message, "hint": error.hint, "exit_code": error.exit_code}}
    return run.as_dict()


def main(argv: list[str]) -> int:
    args = parse(argv)
    spare_collections()
    os.environ["AIRFLOW__LOGGING__JSON_LOGS"] = "True"
    with sorted_streams(args.log):
        found = outcome(args)
    args.outcome.write_text(json.dumps(found, default=str), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
