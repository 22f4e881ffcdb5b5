"""What a project adds to its Airflow, in a real Airflow: a provider, a plugin, a connection, a variable, an option."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from gaiaflow.dags.home import environment as test_environment
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.host import environment
from gaiaflow.project import Project

PLUGIN = """
from airflow.plugins_manager import AirflowPlugin
class Mine(AirflowPlugin):
    name = "mine"
"""
PROGRAM = """
import json, sys
from airflow.configuration import conf
from airflow.models import Connection, Variable
from airflow.plugins_manager import ensure_plugins_loaded
from airflow import plugins_manager
import airflow.providers.ssh
from airflow.sdk.bases.hook import BaseHook
ensure_plugins_loaded() if hasattr(plugins_manager, "ensure_plugins_loaded") else None
found = Connection.get_connection_from_secrets("shell")
json.dump([found.login, found.password, Variable.get("colour"), conf.getint("core", "parallelism"),
           conf.get("core", "plugins_folder")], open(sys.argv[1], "w"))
"""


def test_a_real_airflow_has_it(tmp_path: Path) -> None:
    text = '[project]\nname = "demo"\n[tool.gaiaflow.airflow]\nconfig = {"core.parallelism" = "7"}\n'
    (tmp_path / "pyproject.toml").write_text(f'{text}requirements = ["apache-airflow-providers-ssh"]\n')
    (tmp_path / ".env").write_text("AIRFLOW_CONN_SHELL=ssh://u:p4ss@host\nAIRFLOW_VAR_COLOUR=blue\n")
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "mine.py").write_text(PLUGIN)
    project, out = Project.find(tmp_path), tmp_path / "out.json"
    python = environment.ensure_environment(project, "airflow")
    variables = test_environment(project, airflow_python=str(python))
    done = subprocess.run(
        [python, "-c", PROGRAM, out], env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(out.read_text()) == ["u", "p4ss", "blue", 7, str(tmp_path / "plugins")]
    listed = subprocess.run(
        [python, "-m", "airflow", "plugins", "list"], env=variables, capture_output=True, text=True, check=True
    )
    assert "mine" in listed.stdout


def test_packages_that_exclude_airflows_own_are_one_error(tmp_path: Path) -> None:
    text = '[project]\nname = "demo"\n[tool.gaiaflow.airflow]\nrequirements = ["pydantic<2"]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    project = Project.find(tmp_path)
    with pytest.raises(GaiaflowError) as caught:
        environment.ensure_environment(project, "airflow")
    assert caught.value.message.startswith("`requirements` in [tool.gaiaflow.airflow] do not fit Airflow's own")
    assert "pydantic" in caught.value.message
    assert not (project.home / "envs" / "airflow").exists()
