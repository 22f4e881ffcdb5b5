"""The environment that a function finds, by mode; read when the task runs, so that an edit counts at once."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from dotenv import dotenv_values

from gaiaflow import envvar, runner
from gaiaflow.errors import MissingError
from gaiaflow.operators.earlier import translated

# Airflow's own settings and keys are not the function's business; AIRFLOW_CTX_* tells it its run.
_HIDDEN = ("AIRFLOW_", "_AIRFLOW", "__AIRFLOW")
_SHOWN = "AIRFLOW_CTX_"


def read_variables(file: Path) -> dict[str, str]:
    """A dotenv file; a missing one is empty."""
    return {k: v for k, v in dotenv_values(file, interpolate=False).items() if v is not None}


def project_folder() -> Path | None:
    """The folder with ``.env``, or None where nobody named one."""
    folder = os.environ.get(envvar.PROJECT)
    return Path(folder) if folder else None


def working_folder() -> str | None:
    """Where a function of mode dev starts: the project's source folder."""
    folders = [f for f in os.environ.get(envvar.CODE, "").split(os.pathsep) if f]
    return folders[-1] if folders else None


def project_variables() -> dict[str, str]:
    """``.env`` of the project, without what is for Airflow: its connections are not for functions."""
    folder = project_folder()
    found = read_variables(folder / ".env") if folder else {}
    return {name: value for name, value in found.items() if not name.startswith(_HIDDEN)}


def local_secrets(names: list[str]) -> dict[str, str]:
    """The values of secrets kept for dev and dev_docker (``inv secret.create --mode dev``).

    A name without a local file is left out: its values may be in ``.env``.
    """
    folder = project_folder()
    values: dict[str, str] = {}
    for name in names:
        if folder:
            values |= read_variables(folder / ".gaiaflow" / "secrets" / f"{name}.env")
    return values


def local_environment(secrets: list[str]) -> dict[str, str]:
    """What a function of mode dev gets: this process's variables, then ``.env``, then its secrets."""
    inherited = {k: v for k, v in os.environ.items() if k.startswith(_SHOWN) or not k.startswith(_HIDDEN)}
    return inherited | _activation() | translated(project_variables(), inherited) | local_secrets(secrets)


def _activation() -> dict[str, str]:
    """What the project's conda environment sets, over what the shell has of another one."""
    python = Path(os.environ.get(envvar.PYTHON) or sys.executable)
    try:
        found = json.loads((python.parents[1] / runner.ACTIVATION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in found.items()}


def stack_variables(mode: str) -> dict[str, str]:
    """Addresses and keys of the local stack for a container or a pod; empty where there is no stack.

    Raises:
        MissingError: the file that the stack promised is gone.
    """
    path = os.environ.get(envvar.task_environment(mode))
    if not path:
        return {}
    if not Path(path).is_file():
        hint = "inv prodlocal.start" if mode == "prod_local" else "inv dev.start"
        raise MissingError(f"no file `{path}` with the addresses of the local stack", hint)
    return read_variables(Path(path))
