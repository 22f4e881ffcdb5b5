"""What a project adds to its Airflow: configuration, connections, variables, plugins.

It reaches Airflow's processes and never the functions.
"""

from __future__ import annotations

from pathlib import Path

from gaiaflow.errors import UsageError
from gaiaflow.project import Project

PLUGINS = "plugins"
_TAKEN = ("AIRFLOW_CONN_", "AIRFLOW_VAR_", "AIRFLOW__")
# A stack is built on these; another value would break it, or open it.
_OWNED = frozenset(
    {
        "api.base_url",
        "api.host",
        "api.port",
        "api.secret_key",
        "api.workers",
        "api_auth.jwt_issuer",
        "api_auth.jwt_secret",
        "core.auth_manager",
        "core.dags_folder",
        "core.execution_api_server_url",
        "core.executor",
        "core.fernet_key",
        "core.plugins_folder",
        "core.simple_auth_manager_passwords_file",
        "core.simple_auth_manager_users",
        "dag_processor.dag_bundle_config_list",
        "database.sql_alchemy_conn",
        "kubernetes_executor.config_file",
        "kubernetes_executor.in_cluster",
        "kubernetes_executor.namespace",
        "kubernetes_executor.pod_template_file",
        "logging.base_log_folder",
        "logging.dag_processor_child_process_log_directory",
        "logging.logging_config_class",
        "scheduler.enable_health_check",
    }
)


def variable(option: str) -> str:
    """The variable that sets ``section.option`` of Airflow's configuration."""
    section, _, name = option.partition(".")
    return f"AIRFLOW__{section}__{name}".upper()


def variables(project: Project, source: Path | None = None) -> dict[str, str]:
    """What Airflow's processes get besides; `.env` comes before the table.

    Args:
        source: the project's source folder as Airflow sees it; by default as it is here.

    Raises:
        UsageError: an option that gaiaflow sets itself.
    """
    listed = {variable(option): str(value) for option, value in project.settings.airflow.config.items()}
    own = {variable(option): option for option in _OWNED}
    given = listed | of_dotenv(project)
    for name in sorted(given.keys() & own.keys()):
        raise UsageError(
            f"`{own[name]}` of Airflow's configuration cannot be changed: gaiaflow sets it",
            f"remove it from [tool.gaiaflow.airflow] config, or {name} from .env",
        )
    plugins = {variable("core.plugins_folder"): str((source or project.source) / PLUGINS)}
    return {**(plugins if has_plugins(project) else {}), **given}


def of_dotenv(project: Project) -> dict[str, str]:
    """Connections, variables and options of Airflow in ``.env``."""
    return {name: value for name, value in project.dotenv.items() if name.startswith(_TAKEN)}


def has_plugins(project: Project) -> bool:
    """Whether the project brings plugins of Airflow."""
    return (project.source / PLUGINS).is_dir()
