"""Airflow in the embedded stack: four processes with few workers, SQLite, one user."""

from __future__ import annotations

from gaiaflow import envvar
from gaiaflow.endpoints import LOOPBACK
from gaiaflow.infra.cluster import target
from gaiaflow.infra.host import privatefile, process
from gaiaflow.stack.embedded import sqlitefile
from gaiaflow.stack.services import executor, hostnetwork
from gaiaflow.stack.services.additions import variable
from gaiaflow.stack.services.airflow import airflow_environment, database_url
from gaiaflow.stack.services.keys import USER
from gaiaflow.stack.services.program import Program, Stack

# Airflow's API server may wait for a lock in the very loop that would let it go: there for a moment only.
API_LOCK_SECONDS = 2
_PROCESSES = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}


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
        **hostnetwork.operator_variables(stack.project),
        **airflow_environment(stack.project, home, stack.endpoints),
        envvar.MODE: stack.mode,
        **{variable(name): value for name, value in served.items()},
        envvar.STACK: stack.mark("airflow"),
        "PYTHONUNBUFFERED": "1",
        "SPT_NOENV": "1",  # or Airflow's titles for its processes write over the mark
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
    hasty = {variable("database.sql_alchemy_conn"): database_url(home, API_LOCK_SECONDS)}
    own = {"api-server": hasty}
    return [
        Program(f"airflow-{name}", [*start, *argv], env | own.get(name, {}), home)
        for name, argv in _PROCESSES.items()
    ]
