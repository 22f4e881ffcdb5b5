"""Every combination of answers gives a project that lints clean, passes its own tests and runs its example.

In dev_docker and prod_local the matrix runs it: gaiaflow/example is what the first combination gives.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from conftest import ROOT, airflow_python

ENVIRONMENTS = ("uv", "pixi", "conda")
# Of different lengths, so that no line of the template is only right for one.
NAMES = {"uv": "co2-forecast", "pixi": "a", "conda": "x1" * 20}
COMBINATIONS = list(itertools.product(ENVIRONMENTS, ("yes", "no")))
# Of these, Airflow reads a file of each kind in CI, and of each combination with `GAIAFLOW_FULL_FAULTS`.
FEW = {("uv", "yes"), ("conda", "no")}
SOME = [each if each in FEW else pytest.param(*each, marks=pytest.mark.full) for each in COMBINATIONS]
Made = Callable[[str, str], Path]


def run(*command: str | Path, cwd: Path, timeout: float = 300, **env: str) -> subprocess.CompletedProcess[str]:
    """A command that must succeed, with no variable of the shell that steers gaiaflow."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("GAIAFLOW_", "AIRFLOW", "PYTEST", "MLFLOW"))
    }
    argv = [str(part) for part in command]
    done = subprocess.run(
        argv, cwd=cwd, env={**kept, **env}, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """``made("uv", "yes")``: the project of a combination, made once with `inv project.new`."""
    known: dict[tuple[str, str], Path] = {}
    folder = tmp_path_factory.mktemp("projects")

    def make(environment: str, examples: str) -> Path:
        if (environment, examples) not in known:
            path = folder / f"{environment}-{examples}" / NAMES[environment]
            argv = [
                "project.new",
                str(path),
                "--defaults",
                f"--environment={environment}",
                f"--examples={examples}",
            ]
            command = [sys.executable, "-m", "invoke", "--search-root", str(ROOT), *argv]
            run(*command, cwd=ROOT, PYTHONPATH=str(ROOT), XDG_CACHE_HOME=str(folder / "cache"))
            share_home(path, folder / "airflow-home")
            known[environment, examples] = path
        return known[environment, examples]

    return make


def share_home(project: Path, home: Path) -> None:
    """One Airflow database for all of them: making it takes longer than the tests."""
    home.mkdir(mode=0o700, exist_ok=True)
    (project / ".gaiaflow").mkdir(mode=0o700)
    (project / ".gaiaflow" / "test").symlink_to(home)


@pytest.fixture(scope="module")
def pythons(tmp_path_factory: pytest.TempPathFactory, made: Made) -> Mapping[str, Path]:
    """The interpreter of an environment from the lock, with and without examples."""
    import uv

    found = {}
    for examples in ("yes", "no"):
        project, folder = made("uv", examples), tmp_path_factory.mktemp("environment")
        run(uv.find_uv_bin(), "venv", "--quiet", "--python", sys.executable, folder / "env", cwd=folder)
        install = [uv.find_uv_bin(), "pip", "install", "--quiet", "--python", folder / "env"]
        run(*install, "--require-hashes", "-r", "requirements.lock", cwd=project)
        run(*install, "--group", "test", cwd=project)
        found[examples] = folder / "env" / "bin" / "python"
    return found


@pytest.mark.parametrize(("environment", "examples"), COMBINATIONS)
def test_it_lints_clean(made: Made, environment: str, examples: str) -> None:
    project = made(environment, examples)
    run(sys.executable, "-m", "ruff", "check", "--no-cache", cwd=project)
    run(sys.executable, "-m", "ruff", "format", "--check", "--no-cache", cwd=project)


@pytest.mark.parametrize(("environment", "examples"), COMBINATIONS)
def test_its_package_passes_its_tests(
    made: Made, pythons: Mapping[str, Path], environment: str, examples: str
) -> None:
    done = run(
        pythons[examples], "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=made(environment, examples)
    )
    assert " passed" in done.stdout
    assert "failed" not in done.stdout


@pytest.mark.parametrize(("environment", "examples"), SOME)
def test_its_dag_files_pass_their_tests(made: Made, environment: str, examples: str) -> None:
    plugin = ("-p", "gaiaflow.testing.plugin", "-p", "no:cacheprovider")
    done = run(
        airflow_python(), "-m", "pytest", "-q", *plugin, "tests/test_dags.py", cwd=made(environment, examples)
    )
    assert f"{6 if examples == 'yes' else 5} passed" in done.stdout


@pytest.mark.parametrize(
    "environment", ["uv", *(pytest.param(name, marks=pytest.mark.full) for name in ENVIRONMENTS[1:])]
)
def test_its_example_runs_and_renders_for_production(
    made: Made, pythons: Mapping[str, Path], environment: str
) -> None:
    project = made(environment, "yes")
    matrix = ("-m", "gaiaflow.testing.matrix", "--here", "--json", "--modes", "dev,prod")
    home = ("--home", project / ".gaiaflow" / "test", "--artefacts", project / ".gaiaflow" / "artefacts")
    done = run(airflow_python(), *matrix, *home, cwd=project, GAIAFLOW_PYTHON=str(pythons["yes"]))
    cells = json.loads(done.stdout)["cells"]
    package = NAMES[environment].replace("-", "_")
    assert [(c["dag"], c["mode"], c["outcome"]) for c in cells] == [
        (package, "dev", "passed"),
        (package, "prod", "passed"),
    ]
    assert cells[0]["run"]["tasks"]["modelling.evaluate"]["value"]["skill"] > 0.5


def test_its_own_sessions_pass_as_a_person_calls_them(made: Made) -> None:
    project, airflow = made("uv", "no"), Path(airflow_python()).parents[1]
    if (airflow / "stamp").is_file():  # one that gaiaflow made, and would make again
        (project / ".gaiaflow" / "envs").mkdir(mode=0o700, exist_ok=True)
        (project / ".gaiaflow" / "envs" / "airflow").symlink_to(airflow)
    run(sys.executable, "-m", "nox", cwd=project, PYTHONPATH=str(ROOT))


def test_what_git_ignores_is_what_must_not_be_kept(made: Made) -> None:
    project = made("uv", "yes")
    run("git", "init", "-q", cwd=project)
    (project / "data" / "measured.csv").write_text("1\n")
    told = run("git", "status", "--porcelain", "--untracked-files=all", cwd=project).stdout
    kept = {line[3:] for line in told.splitlines()}
    assert {"data/.gitkeep", ".env.example", ".copier-answers.yml"} <= kept
    assert not [name for name in kept if name in {".env", "data/measured.csv"} or name.startswith(".gaiaflow")]
