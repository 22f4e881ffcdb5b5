"""Functions on other Pythons than Airflow's, in environments that uv makes of what the project asks for."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import uv

from gaiaflow.infra.environments import environment, interpreter
from gaiaflow.project import Project
from tests import conda_channel

CODE = """\
import sys
def where(x):
    import six
    return {"python": list(sys.version_info[:2]), "prefix": sys.prefix, "six": six.__version__, "x": x}
"""


# Its argument is the Python that Airflow reads it with.
DAG = """\
import sys
from airflow.sdk import DAG
from gaiaflow.tasks import create_task
with DAG("where", schedule=None):
    create_task("t", "where:where", func_kwargs={"x": list(sys.version_info[:2])})
"""
ROOT = Path(__file__).parents[2]


def python_of_this_machine(minor: str) -> Path:
    """An interpreter of this machine that runs, or a skip."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    named = shutil.which(f"python{minor}")
    candidates = [*([Path(named)] if named else []), *root.glob(f"versions/{minor}.*/bin/python{minor}")]
    for python in candidates:
        try:
            if interpreter.version(python)[:2] == tuple(map(int, minor.split("."))):
                return python
        except Exception:  # noqa: BLE001, PERF203 - a shim of pyenv without its Python
            continue
    pytest.skip(f"no Python {minor} on this machine")


def project_in(folder: Path, requires: str, settings: str = "") -> Project:
    text = f'[project]\nname = "demo"\nrequires-python = "{requires}"\ndependencies = ["six==1.17.0"]\n'
    (folder / "pyproject.toml").write_text(f"{text}[tool.gaiaflow]\n{settings}\n")
    (folder / "where.py").write_text(CODE)
    return Project.find(folder)


def call(run_tasks, python: Path, folder: Path) -> dict[str, object]:  # type: ignore[no-untyped-def]
    task = {"task_id": "t", "func_path": "where:where", "func_kwargs": {"x": {"a": [1.5, "ü"]}}}
    outcomes = run_tasks([task], GAIAFLOW_MODE="dev", GAIAFLOW_PYTHON=str(python), GAIAFLOW_CODE=str(folder))
    assert outcomes["t"].kind is None, outcomes["t"].error
    found: dict[str, object] = outcomes["t"].value
    return found


@pytest.mark.parametrize("minor", ["3.10", "3.12", "3.13"])
def test_a_function_runs_on_the_python_that_the_project_asks_for(  # type: ignore[no-untyped-def]
    minor: str, tmp_path: Path, run_tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = python_of_this_machine(minor)
    monkeypatch.setenv("PATH", f"{other.parent}:{os.environ['PATH']}")
    project = project_in(tmp_path, f"=={minor}.*")
    python = environment.ensure_environment(project, "project")
    found = call(run_tasks, python, tmp_path)
    assert found["python"] == list(map(int, minor.split(".")))
    assert found["prefix"] == str((project.home / "envs" / "project").resolve())
    assert (found["six"], found["x"]) == ("1.17.0", {"a": [1.5, "ü"]})


def test_airflow_is_on_the_python_of_gaiaflow_and_functions_stay_on_theirs(tmp_path: Path) -> None:
    """gaiaflow on 3.13, functions on the Python that runs this."""
    other, own = python_of_this_machine("3.13"), sys.version_info[:2]
    tools = tmp_path / "tools"
    subprocess.run([uv.find_uv_bin(), "venv", "--quiet", "--python", other, tools], check=True)
    lock = ["--require-hashes", "-r", environment.LOCKS / "tools.txt"]
    subprocess.run([uv.find_uv_bin(), "pip", "install", "--quiet", "--python", tools, *lock], check=True)
    project_in(tmp_path, f"=={own[0]}.{own[1]}.*")
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "where.py").write_text(DAG)
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.base_prefix) / 'bin'}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        [tools / "bin" / "python", "-m", "gaiaflow", "dag.test", "where", "--json"],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["tasks"]["t"]["value"]
    assert (found["python"], found["x"], found["six"]) == (list(own), [3, 13], "1.17.0")


def test_a_given_environment_is_used_and_left_as_it_is(tmp_path: Path, run_tasks) -> None:  # type: ignore[no-untyped-def]
    other = python_of_this_machine("3.12")
    own = tmp_path / "own"
    subprocess.run([other, "-m", "venv", "--without-pip", own], check=True)
    packages = own / "lib" / "python3.12" / "site-packages"
    (packages / "six.py").write_text("__version__ = 'mine'\n")
    project = project_in(tmp_path, ">=3.8", 'python = "own/bin/python"')
    before = sorted(str(p) for p in own.rglob("*") if "__pycache__" not in p.parts)
    python = environment.ensure_environment(project, "project")
    assert call(run_tasks, python, tmp_path)["six"] == "mine"
    jupyter = environment.ensure_environment(project, "jupyter")
    listed = subprocess.run(
        [jupyter, "-m", "jupyter", "kernelspec", "list"], capture_output=True, text=True, check=True
    )
    assert re.search(r"envs/jupyter[-0-9a-f]*/share/jupyter/kernels/python3", listed.stdout)
    assert _in_its_kernel(jupyter, "import six, sys; print(six.__version__, sys.prefix)") == f"mine {own}"
    assert sorted(str(p) for p in own.rglob("*") if "__pycache__" not in p.parts) == before


def test_a_conda_environment_is_a_kernel_and_runs_tasks_with_its_variables(tmp_path: Path, run_tasks) -> None:  # type: ignore[no-untyped-def]
    tools = environment.ensure_environment(project_in(tmp_path, ">=3.8"), "conda")
    channel = conda_channel.make(tmp_path / "channel", str(tools), [str(python_of_this_machine("3.12"))])
    text = f"channels: ['{channel.as_uri()}']\ndependencies: [python, greet, pip: [six==1.17.0]]\n"
    (tmp_path / "environment.yml").write_text(text)
    code = "import os, sys, six, greet\ndef where(x):\n"
    code += '    return {"python": list(sys.version_info[:2]), "greet": greet.greeting(),\n'
    code += '            "x": os.environ["GREET_DATA"]}\n'
    project = Project.find(tmp_path)
    (tmp_path / "where.py").write_text(code)
    python = environment.ensure_environment(project, "project")
    found = call(run_tasks, python, tmp_path)
    assert (found["python"], found["greet"]) == ([3, 12], 2)
    assert str(found["x"]).endswith("/share/greet")
    jupyter = environment.ensure_environment(project, "jupyter")
    said = _in_its_kernel(
        jupyter, "import os, where, sys; print(os.environ['GREET_DATA'], sys.version_info[1])"
    )
    assert said == f"{found['x']} 12"


def _in_its_kernel(jupyter: Path, code: str) -> str:
    """What a cell prints in the kernel that JupyterLab starts by default."""
    program = (
        "import sys; from jupyter_client.manager import start_new_kernel\n"
        "manager, client = start_new_kernel(startup_timeout=120)\n"
        "out = []\n"
        "def keep(m): out.append(m['content'].get('text') or str(m['content'].get('evalue', '')))\n"
        "client.execute_interactive(sys.argv[1], timeout=120, output_hook=keep)\n"
        "client.stop_channels(); manager.shutdown_kernel(now=True); print(''.join(out).strip())\n"
    )
    done = subprocess.run(
        [jupyter, "-c", program, code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
