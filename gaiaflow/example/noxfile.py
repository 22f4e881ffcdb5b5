"""The project's checks: `nox` runs all of them, `nox -s tests` one."""

import nox

nox.options.default_venv_backend = "uv"
PROJECT = nox.project.load_toml("pyproject.toml")


@nox.session
def lint(session: nox.Session) -> None:
    """Run ruff, its formatter too."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def tests(session: nox.Session) -> None:
    """Test the package in an environment like the project's own."""
    session.install("--require-hashes", "-r", "requirements.lock")
    session.install(*nox.project.dependency_groups(PROJECT, "test"))
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(venv_backend="none")
def dags(session: nox.Session) -> None:
    """Test the DAG files in the environment of the stack's Airflow, which is made when it is missing."""
    from gaiaflow.testing import airflow_python

    plugin = ("-p", "gaiaflow.testing.plugin", "-p", "no:cacheprovider")
    session.run(str(airflow_python()), "-m", "pytest", *plugin, "tests/test_dags.py", *session.posargs)
