"""Where DAGs are tested: an Airflow home of the project's own, apart from the stack's, migrated once."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gaiaflow import envvar, runner
from gaiaflow.dags.home import environment
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project

# A function must not see a mode, a call or an address that was left by another run.
_OURS = ("AIRFLOW_", runner.CALL, runner.RESULT_FILE, envvar.TASK_ENVIRONMENT, "MLFLOW_TRACKING_URI")
_KEPT = ("AIRFLOW__LOGGING__",)

# What `enter` set, and what was there before it.
_settled: dict[str, tuple[str, str | None]] = {}


def enter(
    project: Project,
    home: Path | None = None,
    with_stack: bool = True,
    setenv: Callable[[str, str], Any] = os.environ.__setitem__,
    delenv: Callable[[str], Any] = os.environ.__delitem__,
) -> None:
    """Point this process at the project, and make the database when it is not there yet.

    Args:
        with_stack: functions may use the running stack's MLflow and S3.
        setenv, delenv: change the environment; a test that takes its changes back gives its own.

    Raises:
        GaiaflowError: Airflow was imported before, with another home.
    """
    _take_back()
    variables = environment(project, home, with_stack=with_stack)
    _refuse_other_home(variables["AIRFLOW_HOME"])
    for name in [name for name in os.environ if name.startswith(_OURS) and not name.startswith(_KEPT)]:
        delenv(name)
    for name, value in variables.items():
        if name.startswith(envvar.PREFIX):
            _settled[name] = (value, os.environ.get(name))
        setenv(name, value)
    if str(project.dags) not in sys.path:
        sys.path.append(str(project.dags))
    _migrate(Path(variables["AIRFLOW_HOME"]))


def _take_back() -> None:
    """Leave the project before: its variables must not pass for the shell's."""
    for name, (ours, before) in _settled.items():
        if os.environ.get(name) == ours:
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before
    _settled.clear()


def _refuse_other_home(home: str) -> None:
    if "airflow" in sys.modules and os.environ.get("AIRFLOW_HOME") != home:
        raise GaiaflowError(
            "Airflow was already imported with another home, so this process cannot use the test home",
            "import airflow inside tests and fixtures, not at the top of the file",
        )


def _migrate(home: Path) -> None:
    """Make or upgrade the database once for each version of Airflow; processes take turns."""
    from airflow import __version__
    from airflow.utils.db import initdb

    marker = home / "migrated"
    with (home / "migrating").open("w", encoding="utf-8") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        done = marker.read_text(encoding="utf-8") if marker.exists() else ""
        if done != __version__ or not (home / "airflow.db").exists():
            initdb()
            privatefile.write(marker, __version__)
