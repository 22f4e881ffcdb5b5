"""What every process with Airflow needs: its settings, and the variables that the operators read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from gaiaflow import datafolder, envvar
from gaiaflow.endpoints import Endpoints, Vantage
from gaiaflow.infra.cluster import target
from gaiaflow.infra.environments.environment import python_of
from gaiaflow.infra.host import privatefile
from gaiaflow.infra.images.image import image_name
from gaiaflow.project import Project
from gaiaflow.stack.services import additions, keys as keyring, store
from gaiaflow.stack.services.additions import variable
from gaiaflow.stack.services.keys import USER, Keys
from gaiaflow.stack.services.program import unsteered

BUNDLE = "dags"
PARALLELISM = 4
# How soon an edited DAG file shows.
REFRESH = 5
LOCK_SECONDS = 60
# What the operators read and a person may set in the project's .env or in the shell.
_PASSED_ON = (
    envvar.MODE,
    envvar.NETWORK,
    envvar.KUBECONFIG,
    envvar.NAMESPACE,
    envvar.TASK_ENV_DEV_DOCKER,
    envvar.TASK_ENV_PROD_LOCAL,
)


def operator_variables(project: Project, mode: str = "") -> dict[str, str]:
    """The variables that the operators read.

    Args:
        mode: the default mode of tasks; by default what the variable says, if anything.
    """
    passed = {name: project.setting(name, "") for name in _PASSED_ON}
    passed[envvar.WAIT_FOR_ROOM] = project.setting(
        envvar.WAIT_FOR_ROOM, project.settings.cluster.wait_for_room or ""
    )
    passed[envvar.DEFERRABLE] = project.setting(
        envvar.DEFERRABLE, "1" if project.settings.cluster.deferrable else ""
    )
    passed[envvar.RESULTS] = project.setting(envvar.RESULTS, project.settings.cluster.results)
    return {
        **target.operator_variables(project),
        **{name: value for name, value in passed.items() if value},
        **({envvar.MODE: mode} if mode else {}),
        **project_variables(project, project.root, project.code_paths, python_of(project, "project")),
    }


def project_variables(project: Project, root: Path, code: Iterable[Path], python: Path) -> dict[str, str]:
    """What the operators read about the project.

    Args:
        root, code, python: the paths as the process sees them, on this machine or in a worker pod.
    """
    return {
        envvar.IMAGE: image_name(project),
        envvar.PROJECT: str(root),
        envvar.PROJECT_NAME: project.name,
        envvar.PROJECT_ID: project.id,
        envvar.CODE: os.pathsep.join(map(str, code)),
        envvar.PYTHON: str(python),
        **datafolder.variables(project.data, with_paths=root == project.root),
    }


def settings(project: Project, home: Path, keys: Keys) -> dict[str, str]:
    """Airflow's own configuration, for any process that has its AIRFLOW_HOME there."""
    options = {
        "core.dags_folder": str(project.dags),
        "core.load_examples": "False",
        "core.executor": "LocalExecutor",
        "core.parallelism": str(PARALLELISM),
        "core.dags_are_paused_at_creation": "False",
        # By default the last two frames, which are Airflow's own where a task has a wrong argument.
        "core.dagbag_import_error_traceback_depth": "100",
        # By default a change within 30 s of the last one waits; here edits and a new mode show at once.
        "core.min_serialized_dag_update_interval": "0",
        "core.fernet_key": keys.airflow_fernet,
        "core.simple_auth_manager_users": f"{USER}:admin",
        "core.simple_auth_manager_passwords_file": str(home / "passwords.json"),
        # SQLite gives up a lock after 5 s by default, and a busy machine keeps one for longer.
        "database.sql_alchemy_conn": database_url(home, LOCK_SECONDS),
        "logging.base_log_folder": str(home / "logs"),
        "logging.dag_processor_child_process_log_directory": str(home / "logs" / "dag_processor"),
        "dag_processor.dag_bundle_config_list": bundles(project.dags, refresh_interval=REFRESH),
        "dag_processor.refresh_interval": str(REFRESH),
        "dag_processor.bundle_refresh_check_interval": "1",
        "dag_processor.min_file_process_interval": str(REFRESH),
        "dag_processor.parsing_processes": "1",
        "scheduler.scheduler_idle_sleep_time": "0.5",
        # A task that begins before the API server answers waits for it: by default it may give up after 4 s.
        "workers.execution_api_retries": "30",
        "workers.execution_api_retry_wait_min": "2",
        "workers.execution_api_retry_wait_max": "5",
        "api.secret_key": keys.airflow_api,
        "api_auth.jwt_secret": keys.airflow_jwt,
        "api_auth.jwt_issuer": project.id,
        "usage_data_collection.enabled": "False",
        "dag_factory.enable_telemetry": "False",
    }
    own = {variable(name): value for name, value in options.items()}
    return {"AIRFLOW_HOME": str(home), **own, **additions.variables(project)}


def bundles(folder: Path, **options: int) -> str:
    """Airflow's list of DAG bundles: the one folder that the stack and the worker pods read.

    Args:
        options: further arguments of Airflow's LocalDagBundle.
    """
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    return json.dumps([{"name": BUNDLE, "classpath": local, "kwargs": {"path": str(folder), **options}}])


def database_url(home: Path, patience: int) -> str:
    """The address of Airflow's SQLite file; a lock is waited for so many seconds."""
    return f"sqlite:///{home / 'airflow.db'}?timeout={patience}"


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
        reached[envvar.MLFLOW_URL] = endpoints.url("mlflow")
    return {**unsteered(), **operator_variables(project), **settings(project, place, keys), **reached}
