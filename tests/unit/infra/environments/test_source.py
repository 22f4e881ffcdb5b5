"""Which file decides, what it asks for, and on which Python."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.infra.environments import environment, interpreter, lockfile, manifest
from gaiaflow.infra.environments.description import describe
from gaiaflow.infra.environments.requirement import inputs, requirements
from gaiaflow.infra.environments.source import source
from gaiaflow.project import Project
from gaiaflow.stack import backends

EVERY = (
    "pixi.lock",
    "pixi.toml",
    "environment.yml",
    "environment.yaml",
    "requirements.lock",
    "uv.lock",
    "pyproject.toml",
    "requirements.txt",
)
LISTED = '[project]\nname = "demo"\ndependencies = ["six"]\n'


@pytest.fixture
def tree(project: Project) -> Path:
    (project.root / "pyproject.toml").write_text(f"{LISTED}[tool.gaiaflow]\n")
    return project.root


def settings(tree: Path, line: str, listed: str = LISTED) -> Project:
    (tree / "pyproject.toml").write_text(f"{listed}[tool.gaiaflow]\n{line}\n")
    return Project.find(tree)


@pytest.mark.parametrize("first", range(len(EVERY)))
def test_the_first_file_that_is_there_decides(tree: Path, first: int) -> None:
    listed = LISTED if first <= EVERY.index("pyproject.toml") else ""
    (tree / "pyproject.toml").write_text(f"{listed}[tool.gaiaflow]\n")
    for name in EVERY[first:]:
        if name != "pyproject.toml":
            (tree / name).write_text("\n")
    assert source(Project.find(tree)).name == EVERY[first]


def test_pixis_table_in_pyproject_comes_after_its_lock(tree: Path) -> None:
    project = settings(tree, "[tool.pixi.dependencies]\nnumpy = '*'")
    (tree / "environment.yml").write_text("\n")
    assert (source(project).name, source(project).kind) == ("pyproject.toml", "pixi")


def test_a_lock_that_the_settings_name_comes_before_condas_files(tree: Path) -> None:
    for name in ("environment.yml", "pixi.toml", "requirements.lock"):
        (tree / name).write_text("\n")
    assert source(settings(tree, "lock = 'requirements.lock'")).name == "requirements.lock"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("dev.yml", "conda"),
        ("pixi.lock", "pixi.lock"),
        ("uv.lock", "uv.lock"),
        ("pins.txt", "requirements"),
        ("pyproject.toml", "pyproject"),
    ],
)
def test_a_named_file_decides_before_all(tree: Path, name: str, kind: str) -> None:
    for other in EVERY[:5]:
        (tree / other).write_text("\n")
    if name != "pyproject.toml":
        (tree / name).write_text("\n")
    found = source(settings(tree, f"environment = '{name}'"))
    assert (found.name, found.kind) == (name, kind)


def test_a_named_file_that_is_missing(tree: Path) -> None:
    with pytest.raises(UsageError) as caught:
        source(settings(tree, "environment = 'nosuch.yml'"))
    assert caught.value.message == (
        f"`environment` in [tool.gaiaflow] is `nosuch.yml`, but there is no such file in {tree}"
    )
    assert caught.value.hint == "name a file such as environment.yml, pixi.lock, uv.lock or requirements.lock"


def test_no_file_at_all(project: Project) -> None:
    (project.root / "pyproject.toml").write_text("[tool.gaiaflow]\n")
    bare = Project.find(project.root)
    assert describe(bare) == "nothing"
    assert requirements(bare) == ""


def test_the_line_for_people_counts(tree: Path, tmp_path: Path) -> None:
    (tree / "environment.yml").write_text("channels: [a, b, nodefaults]\ndependencies: [numpy]\n")
    project, made = Project.find(tree), tmp_path / "made"
    made.mkdir()
    (made / "packages.txt").write_text("numpy=2\nsix==1\n")
    assert describe(project, made) == "environment.yml, 2 channels, 2 packages"
    assert describe(project) == "environment.yml, 2 channels"
    (tree / "environment.lock").write_text("# gaiaflow: 0123\nversion: 7\n")
    assert describe(project) == "environment.yml, 2 channels, its lock is older: inv dev.update-deps --lock"


# What the manifests ask for


def wanted(tree: Path, **files: str) -> manifest.Wanted:
    for name, text in files.items():
        (tree / name.replace("__", ".")).write_text(text)
    project = Project.find(tree)
    return manifest.read(project, source(project), "linux-64")


def test_environment_yml_is_handed_to_the_solver_as_it_is(tree: Path) -> None:
    text = "channels: [https://example.org/private, conda-forge]\ndependencies:\n"
    text += "- python=3.11\n- conda-forge::gdal >=3.9,<4\n- pytorch=2.1=cuda*\n- pip\n- pip:\n  - mlflow==3.1\n"
    found = wanted(tree, environment__yml=text)
    assert found.channels == ["https://example.org/private", "conda-forge"]
    assert found.specs == ["python=3.11", "conda-forge::gdal >=3.9,<4", "pytorch=2.1=cuda*", "pip"]
    assert found.pip == ["mlflow==3.1"]


@pytest.mark.parametrize("text", ["dependencies: [\n", "- a list\n", "dependencies: 3\n"])
def test_an_environment_yml_that_cannot_be_read(tree: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        wanted(tree, environment__yml=text)
    assert caught.value.message.startswith(f"cannot read `{tree / 'environment.yml'}`: ")
    assert caught.value.hint == "conda env export --from-history"


def test_python_comes_from_the_project_where_conda_names_none(tree: Path) -> None:
    (tree / ".python-version").write_text("3.12\n")
    assert wanted(tree, environment__yml="dependencies: [numpy]\n").specs == ["python ==3.12.*", "numpy"]
    assert wanted(tree, environment__yml="dependencies: [python=3.10]\n").specs == ["python=3.10"]


PIXI = """
[workspace]
channels = ["conda-forge", {channel = "https://example.org/own", priority = 1}]
[dependencies]
python = ">=3.11, <3.13"
gdal = {version = "3.9.*", build = "py*", channel = "conda-forge"}
numpy = "*"
[target.linux.dependencies]
libaio = "*"
[target.linux-64.dependencies]
numpy = "2.*"
[target.osx.dependencies]
libomp = "*"
[pypi-dependencies]
six = "1.17.0"
torch = {version = ">=2", extras = ["opt", "x"]}
demo = {path = ".", editable = true}
tool = {git = "https://example.org/tool", rev = "abc"}
"""


def test_pixi_toml(tree: Path) -> None:
    found = wanted(tree, pixi__toml=PIXI)
    assert found.channels == ["conda-forge", "https://example.org/own"]
    assert found.specs == ["python >=3.11,<3.13", "conda-forge::gdal 3.9.* py*", "numpy 2.*", "libaio"]
    assert found.pip == ["six==1.17.0", "torch[opt,x]>=2", "tool @ git+https://example.org/tool@abc"]


@pytest.mark.parametrize("text", ["[dependencies\n", "dependencies = 3\n"])
def test_a_pixi_toml_that_cannot_be_read(tree: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        wanted(tree, pixi__toml=text)
    assert caught.value.message.startswith(f"cannot read `{tree / 'pixi.toml'}`: ")
    assert caught.value.hint == "pixi info"


def test_pyprojects_dependencies_are_pips_part_of_its_pixi_table(tree: Path) -> None:
    settings(tree, "[tool.pixi.workspace]\nchannels = ['a']\n[tool.pixi.dependencies]\ngdal = '*'")
    found = wanted(tree)
    assert (found.channels, found.specs, found.pip) == (["a"], ["python", "gdal"], ["six"])


def test_a_lock_keeps_what_it_was_made_of(tmp_path: Path) -> None:
    kept = lockfile.write(tmp_path / "a.lock", "version: 7\n", "abc", ["six==1 --hash=sha256:0"])
    assert lockfile.read(kept.file) == kept
    again = lockfile.write(kept.file, kept.file.read_text(), "abc", [])
    assert again.file.read_text() == "# gaiaflow: abc\nversion: 7\n"
    assert lockfile.read(tmp_path / "nosuch.lock") is None


# Python


@pytest.mark.parametrize(
    ("asked", "number", "good"),
    [
        ("", "3.12.1", True),
        (">=3.10,<3.13", "3.12.1", True),
        ("<3.12", "3.12.1", False),
        ("3.12", "3.12.1", True),
        ("3.12.4", "3.12.1", False),
        ("3", "3.12.1", True),
        ("pypy3.10", "3.10.1", False),
    ],
)
def test_what_fits(asked: str, number: str, good: bool) -> None:
    assert interpreter.fits(number, asked) is good


def test_python_version_comes_before_requires_python(tree: Path) -> None:
    (tree / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.9"\n[tool.gaiaflow]\n')
    assert interpreter.request(Project.find(tree)) == sys.executable
    (tree / ".python-version").write_text("3.99\n3.11\n")
    project = Project.find(tree)
    assert interpreter.wanted(project) == "3.99"
    assert interpreter.request(project) == "3.99"
    assert environment.names(project) == ["airflow", "services", "project", "jupyter"]


def test_a_requires_python_that_is_none_is_not_asked_for(tree: Path) -> None:
    (tree / "pyproject.toml").write_text('[project]\nrequires-python = "whatever"\n[tool.gaiaflow]\n')
    assert interpreter.is_own(Project.find(tree))


def test_another_python_makes_the_environment_again(tree: Path) -> None:
    before = inputs(Project.find(tree))
    (tree / ".python-version").write_text(platform.python_version())
    assert inputs(Project.find(tree)) != before


# An environment that exists


def test_a_given_python_is_taken_as_it_is(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = settings(tree, "python = 'own/bin/python'")
    assert environment.names(project) == ["airflow", "services", "jupyter"]
    (tree / "own" / "bin").mkdir(parents=True)
    (tree / "own" / "bin" / "python").symlink_to(sys.executable)
    assert environment.ensure_environment(project, "project") == tree / "own" / "bin" / "python"
    assert environment.title(project, "project") == (
        f"environment project: {tree / 'own' / 'bin' / 'python'}, as it is"
    )
    assert not (project.home / "envs" / "project").exists()
    monkeypatch.setenv("GAIAFLOW_PYTHON", sys.executable)
    assert environment.python_of(project, "project") == Path(sys.executable)


def test_a_given_python_that_is_missing(tree: Path) -> None:
    with pytest.raises(GaiaflowError) as caught:
        environment.ensure_environment(settings(tree, "python = 'own/bin/python'"), "project")
    assert caught.value.message == (
        f"no Python at `{tree}/own/bin/python`, which `python` in [tool.gaiaflow] or GAIAFLOW_PYTHON names"
    )
    assert (
        caught.value.hint == 'set it to the Python of an existing environment, e.g. python = ".venv/bin/python"'
    )


def script(tree: Path, text: str) -> Project:
    (tree / "python").write_text(f"#!/bin/sh\n{text}\n")
    (tree / "python").chmod(0o755)
    return settings(tree, "python = 'python'")


def test_a_given_python_that_is_none(tree: Path) -> None:
    with pytest.raises(GaiaflowError) as caught:
        environment.ensure_environment(script(tree, "echo no Python >&2; exit 3"), "project")
    assert caught.value.message == f"`{tree}/python` does not run as Python: no Python"
    assert caught.value.hint == f"{tree}/python --version"


def test_a_given_python_that_is_too_old(tree: Path) -> None:
    with pytest.raises(GaiaflowError) as caught:
        environment.ensure_environment(script(tree, "echo 3.7.16"), "project")
    assert caught.value.message == f"`{tree}/python` is Python 3.7.16: functions need 3.8"
    assert caught.value.hint == "name the Python of a newer environment"


def test_containers_do_not_have_it(tree: Path) -> None:
    project = settings(tree, "python = 'own/bin/python'")
    assert backends.choose(project)[0].name == "embedded"
    with pytest.raises(GaiaflowError) as caught:
        backends.choose(project, "docker")
    assert caught.value.message == (
        f"`{tree}/own/bin/python` is a Python of this machine, which containers cannot use"
    )
    assert caught.value.hint == "inv dev.start --backend embedded"
