"""What ties MLflow's runs to their task: tags in the function's environment, an address in the task's log."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import conf  # airflow.sdk has it from 3.2 on

from gaiaflow import envvar, runner
from gaiaflow.commit import tree_commit
from gaiaflow.operators.environment import project_folder
from gaiaflow.operators.internals import NOT_MAPPED, map_index

TRACKING = "MLFLOW_TRACKING_URI"
# Where a person opens the stack's MLflow, whatever a container or a pod calls it.
# Airflow in Compose has no git: the host writes down what it saw last.


def tag_variable(context: Mapping[str, Any], mode: str, image: str = "", **more: str) -> dict[str, str]:
    """The variable from which the runner tags MLflow's runs; empty while no task instance is known.

    Args:
        image: the reference that the container or pod was made from.
        more: further facts, as ``commit`` or ``image_digest``; empty ones are left out.
    """
    ti = context.get("ti")
    if ti is None:
        return {}
    facts = {
        "mode": mode,
        "image": image,
        "image_digest": image.partition("@")[2],
        "commit": os.environ.get(runner.COMMIT, ""),
        **{name: value for name, value in more.items() if value},
    }
    tags = tags_of(ti) | {f"gaiaflow.{name}": value for name, value in facts.items() if value}
    tags |= _shown_in_mlflow(ti)
    return {runner.TAGS: json.dumps(tags)}


def tags_of(ti: Any) -> dict[str, str]:
    """The tags that tell one attempt of a task from all others."""
    index = {} if map_index(ti) == NOT_MAPPED else {"map_index": map_index(ti)}
    facts = {"dag": ti.dag_id, "task": ti.task_id, "run": ti.run_id, "try": ti.try_number, **index}
    return {f"gaiaflow.{name}": str(value) for name, value in facts.items()}


def _shown_in_mlflow(ti: Any) -> dict[str, str]:
    """The name and the description of runs that the function names and describes in no other way."""
    index = "" if map_index(ti) == NOT_MAPPED else f"[{map_index(ti)}]"
    begun = getattr(ti, "start_date", None)
    parts = [ti.dag_id, f"{ti.task_id}{index}", f"{begun:%Y-%m-%d %H:%M:%S}" if begun else ""]
    known = conf.get("api", "base_url", fallback="") and getattr(ti, "log_url", "")
    note = f"[The task in Airflow]({known})" if known else ""
    shown = {"mlflow.runName": " · ".join(filter(None, parts)), "mlflow.note.content": note}
    return {name: text for name, text in shown.items() if text}


def commit_now() -> str:
    """The commit of the project's tree, see `tree_commit`: as it is now, or as the host noted it down."""
    if note := os.environ.get(envvar.COMMIT_FILE):
        file = Path(note)
        return file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    folder = project_folder()
    return tree_commit(folder) if folder else ""


def mlflow_address(seen: Mapping[str, str], stack: Mapping[str, str]) -> str:
    """Where a person finds the runs of a function; empty where it has no MLflow.

    Args:
        seen: the function's variables.
        stack: the addresses of the local stack, as that function would see them.
    """
    address = seen.get(TRACKING, "")
    if address and address == stack.get(TRACKING):
        address = os.environ.get(envvar.MLFLOW_URL) or address
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if parts.netloc else address


def log_address(log: Any, seen: Mapping[str, str], stack: Mapping[str, str]) -> None:
    """Say in the task's log where its MLflow is."""
    if address := mlflow_address(seen, stack):
        log.info("MLflow: %s", address)
