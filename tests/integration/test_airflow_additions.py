"""What a project adds to its Airflow, in a real one: a provider, a plugin, a connection, an option."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gaiaflow.dags import home
from gaiaflow.dags.api import AirflowApi
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.environments import environment
from gaiaflow.project import Project
from gaiaflow.stack import backends

ROOT = Path(__file__).parents[2]
PLUGIN = """
from airflow.plugins_manager import AirflowPlugin
class Mine(AirflowPlugin):
    name = "mine"
"""
LOOK = "import os\ndef look(): return [n for n in os.environ if n.startswith(('AIRFLOW_CONN', 'MINE'))]\n"
DAG = """
from datetime import datetime
from airflow.sdk import DAG
from gaiaflow.tasks import create_task
with DAG("look", schedule=None, start_date=datetime(2025, 1, 1)):
    create_task("look", "look:look", pool="downloads")
"""
PROGRAM = """
import json, sys
from airflow.configuration import conf
from airflow.models import Connection, Variable
from airflow.plugins_manager import ensure_plugins_loaded
from airflow import plugins_manager
import airflow.providers.ssh
from airflow.sdk.bases.hook import BaseHook
ensure_plugins_loaded()
plugins = [plugin["name"] for plugin in plugins_manager.get_plugin_info()]
found = Connection.get_connection_from_secrets("shell")
json.dump([found.login, found.password, Variable.get("colour"), conf.getint("core", "parallelism"),
           "mine" in plugins], open(sys.argv[1], "w"))
"""


def test_a_real_airflow_has_it(tmp_path: Path) -> None:
    text = '[project]\nname = "demo"\n[tool.gaiaflow.airflow]\nconfig = {"core.parallelism" = "7"}\n'
    (tmp_path / "pyproject.toml").write_text(f'{text}requirements = ["apache-airflow-providers-ssh"]\n')
    (tmp_path / ".env").write_text("AIRFLOW_CONN_SHELL=ssh://u:p4ss@host\nAIRFLOW_VAR_COLOUR=blue\n")
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "mine.py").write_text(PLUGIN)
    project, out = Project.find(tmp_path), tmp_path / "out.json"
    python = environment.ensure_environment(project, "airflow")
    variables = home.environment(project, airflow_python=str(python))
    done = subprocess.run(
        [python, "-c", PROGRAM, out], env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(out.read_text()) == ["u", "p4ss", "blue", 7, True]


POOLS = """
import json, sys
from airflow.api_fastapi.app import create_app
from fastapi.testclient import TestClient
from gaiaflow.dags import pools
from gaiaflow.dags.api import NotFoundError

class Api:
    def __init__(self, client):
        self.client = client
        self.token = client.get("/auth/token").json()["access_token"]
    def request(self, method, path, body=None, **query):
        headers = {"Authorization": f"Bearer {self.token}"}
        found = self.client.request(method, f"/api/v2/{path}", json=body, params=query, headers=headers)
        if found.status_code == 404:
            raise NotFoundError(path)
        assert found.status_code < 300, found.text
        return found.json()
    insist = request

with TestClient(create_app(apps="all")) as client:
    api = Api(client)
    told = [pools.apply(api, {"downloads": slots, "a b": 1}) for slots in (2, 2, 3)]
    json.dump([told, api.request("GET", "pools/downloads")["slots"]], open(sys.argv[1], "w"))
"""


def test_airflows_own_api_takes_pools(airflow: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    python, variables = airflow
    env = {**variables, "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True"}
    out = tmp_path / "out.json"
    done = subprocess.run([python, "-c", POOLS, out], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(out.read_text()) == [[["downloads", "a b"], [], ["downloads"]], 3]


@pytest.mark.stack
def test_a_start_makes_its_pools_and_its_functions_see_no_connection(tmp_path: Path) -> None:
    text = '[project]\nname = "demo"\n[tool.gaiaflow.airflow]\npools = {downloads = 2}\n'
    (tmp_path / "pyproject.toml").write_text(text)
    (tmp_path / ".env").write_text("AIRFLOW_CONN_SHELL=ssh://u:p4ss@host\nMINE=1\n")
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "look.py").write_text(DAG)
    (tmp_path / "look.py").write_text(LOOK)
    try:
        first = inv(tmp_path, "dev.start", "--backend", "embedded", "--service", "airflow", "--auto-ports")
        assert "pools: downloads" in first
        again = inv(tmp_path, "dev.start", "--service", "airflow")
        assert "pools: as they were" in again
        ran = json.loads(inv(tmp_path, "dag.run", "look", "--json"))
        assert ran["tasks"]["look"]["value"] == ["MINE"]
        login = backends.airflow_access(Project.find(tmp_path))
        pool = AirflowApi(login.url, login.user, login.secret).request("GET", "pools/downloads")
        assert pool["slots"] == 2
        log = "".join(file.read_text(errors="replace") for file in (tmp_path / ".gaiaflow" / "logs").glob("*"))
        assert "p4ss" not in log + (tmp_path / ".gaiaflow" / "state.json").read_text()
    finally:
        inv(tmp_path, "dev.cleanup", "--yes")


def inv(folder: Path, *argv: str) -> str:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "invoke", "--search-root", str(ROOT), *argv]
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + ("" if "--json" in argv else done.stderr)


def test_packages_that_exclude_airflows_own_are_one_error(tmp_path: Path) -> None:
    text = '[project]\nname = "demo"\n[tool.gaiaflow.airflow]\nrequirements = ["pydantic<2"]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    project = Project.find(tmp_path)
    with pytest.raises(GaiaflowError) as caught:
        environment.ensure_environment(project, "airflow")
    assert caught.value.message.startswith("`requirements` in [tool.gaiaflow.airflow] do not fit Airflow's own")
    assert "pydantic" in caught.value.message
    assert not (project.home / "envs" / "airflow").exists()
