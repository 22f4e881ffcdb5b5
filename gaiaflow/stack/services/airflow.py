"""Airflow of the embedded stack: four processes with few workers, SQLite, one user."""

from __future__ import annotations

import json
import os
from pathlib import Path

from gaiaflow.endpoints import LOOPBACK, Endpoints, Vantage
from gaiaflow.infra.cluster import target
from gaiaflow.infra.host import privatefile, process
from gaiaflow.infra.host.environment import python_of
from gaiaflow.infra.images.image import image_name
from gaiaflow.modes import VARIABLE
from gaiaflow.project import Project
from gaiaflow.stack.embedded import sqlitefile
from gaiaflow.stack.services import executor, hostnetwork, store
from gaiaflow.stack.services import keys as keyring
from gaiaflow.stack.services.keys import USER, Keys
from gaiaflow.stack.services.program import MARK, Program, Stack, unsteered

BUNDLE = "dags"
PARALLELISM = 4
# How soon an edited DAG file shows.
REFRESH = 5
LOCK_SECONDS = 60
# Airflow's API server may wait for a lock in the very loop that would let it go: there for a moment only.
API_LOCK_SECONDS = 2
# What the operators read and a person may set in the project's .env or in the shell.
_PASSED_ON = (
    VARIABLE,
    "GAIAFLOW_NETWORK",
    "GAIAFLOW_KUBECONFIG",
    "GAIAFLOW_NAMESPACE",
    "GAIAFLOW_TASK_ENV_DEV_DOCKER",
    "GAIAFLOW_TASK_ENV_PROD_LOCAL",
)
_PROCESSES = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}


def contract(project: Project, mode: str = "") -> dict[str, str]:
    """The variables that the operators read.

    Args:
        mode: where tasks run that name no mode themselves; by default what the variable says, if anything.
    """
    passed = {name: project.setting(name, "") for name in _PASSED_ON}
    return {
        **target.contract(project),
        **{name: value for name, value in passed.items() if value},
        **({VARIABLE: mode} if mode else {}),
        "GAIAFLOW_IMAGE": image_name(project),
        "GAIAFLOW_PROJECT": str(project.root),
        "GAIAFLOW_PROJECT_NAME": project.name,
        "GAIAFLOW_PROJECT_ID": project.id,
        "GAIAFLOW_CODE": os.pathsep.join(map(str, project.code_paths)),
        "GAIAFLOW_PYTHON": str(python_of(project, "project")),
    }


def settings(project: Project, home: Path, keys: Keys) -> dict[str, str]:
    """Airflow's own configuration, for any process that has its AIRFLOW_HOME there."""
    bundle = {
        "name": BUNDLE,
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(project.dags), "refresh_interval": REFRESH},
    }
    options = {
        "core.dags_folder": str(project.dags),
        "core.load_examples": "False",
        "core.executor": "LocalExecutor",
        "core.parallelism": str(PARALLELISM),
        "core.dags_are_paused_at_creation": "False",
        # By default a change within 30 s of the last one waits; here edits and a new mode show at once.
        "core.min_serialized_dag_update_interval": "0",
        "core.fernet_key": keys.airflow_fernet,
        "core.simple_auth_manager_users": f"{USER}:admin",
        "core.simple_auth_manager_passwords_file": str(home / "passwords.json"),
        # SQLite gives up a lock after 5 s by default, and a busy machine keeps one for longer.
        "database.sql_alchemy_conn": _database(home, LOCK_SECONDS),
        "logging.base_log_folder": str(home / "logs"),
        "logging.dag_processor_child_process_log_directory": str(home / "logs" / "dag_processor"),
        "dag_processor.dag_bundle_config_list": json.dumps([bundle]),
        "dag_processor.refresh_interval": str(REFRESH),
        "dag_processor.bundle_refresh_check_interval": "1",
        "dag_processor.min_file_process_interval": str(REFRESH),
        "dag_processor.parsing_processes": "1",
        "scheduler.scheduler_idle_sleep_time": "0.5",
        "api.secret_key": keys.airflow_api,
        "api_auth.jwt_secret": keys.airflow_jwt,
        "api_auth.jwt_issuer": project.id,
        "usage_data_collection.enabled": "False",
        "dag_factory.enable_telemetry": "False",
    }
    return {"AIRFLOW_HOME": str(home), **{variable(name): value for name, value in options.items()}}


def _database(home: Path, patience: int) -> str:
    return f"sqlite:///{home / 'airflow.db'}?timeout={patience}"


def variable(option: str) -> str:
    """The variable that sets ``section.option`` of Airflow's configuration."""
    section, _, name = option.partition(".")
    return f"AIRFLOW__{section}__{name}".upper()


def airflow_environment(
    project: Project, home: Path | None = None, endpoints: Endpoints | None = None
) -> dict[str, str]:
    """The whole environment for running Airflow code of this project in one process.

    Args:
        home: AIRFLOW_HOME; by default ``.gaiaflow/airflow-test``, apart from the running stack's.
        endpoints: addresses for the tasks; by default none, so that no service is needed.
    """
    place = privatefile.folder(home or privatefile.folder(project.home) / "airflow-test")
    keys = keyring.load(project)
    reached: dict[str, str] = {}
    if endpoints:
        reached = endpoints.task_environment(Vantage.HOST) | store.variables(project, bool(endpoints.store))
        reached["GAIAFLOW_MLFLOW_URL"] = endpoints.url("mlflow")
    return {**unsteered(), **contract(project), **settings(project, place, keys), **reached}


def _environment(stack: Stack) -> dict[str, str]:
    home = stack.folder("airflow")
    base = f"http://{LOOPBACK}:{stack.ports['airflow']}"
    served = {
        "api.host": LOOPBACK,
        "api.port": str(stack.ports["airflow"]),
        "api.base_url": base,
        "api.workers": "1",
        "core.execution_api_server_url": f"{base}/execution/",
        **executor.options(stack.project, stack.executor, stack.project.home / target.FOLDER / "config"),
    }
    return {
        **hostnetwork.contract(stack.project),
        **airflow_environment(stack.project, home, stack.endpoints),
        VARIABLE: stack.mode,
        **{variable(name): value for name, value in served.items()},
        MARK: stack.mark("airflow"),
        "PYTHONUNBUFFERED": "1",
        "SPT_NOENV": "1",  # or Airflow's titles for its processes write over the mark
        "no_proxy": ",".join(filter(None, [os.environ.get("no_proxy"), LOOPBACK, "localhost"])),
    }


def prepare(stack: Stack) -> None:
    """Write the password file and bring the database to this version; quick when nothing is to be done."""
    home = stack.folder("airflow")
    stack.project.dags.mkdir(parents=True, exist_ok=True)
    hostnetwork.write(stack)
    privatefile.write_json(home / "passwords.json", {USER: stack.keys.airflow_password})
    stamp = stack.project.home / "envs" / "airflow" / "stamp"
    migrated = home / "migrated"
    version = stamp.read_text(encoding="utf-8")
    database = home / "airflow.db"
    if migrated.exists() and database.exists() and migrated.read_text(encoding="utf-8") == version:
        sqlitefile.settled(database)
        return
    sqlitefile.begin(database, new=not migrated.exists())
    migrate = [stack.python("airflow"), "-m", "airflow", "db", "migrate"]
    process.run(migrate, env=_environment(stack), cwd=home, timeout=300, umask=0o077)
    privatefile.write(migrated, version)
    sqlitefile.settled(database)


def programs(stack: Stack) -> list[Program]:
    start = [stack.python("airflow"), "-m", "airflow"]
    env, home = _environment(stack), stack.folder("airflow")
    hasty = {variable("database.sql_alchemy_conn"): _database(home, API_LOCK_SECONDS)}
    own = {"api-server": hasty}
    return [
        Program(f"airflow-{name}", [*start, *argv], env | own.get(name, {}), home)
        for name, argv in _PROCESSES.items()
    ]
