"""What differs between the functions' environment here and the image's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gaiaflow.errors import UsageError
from gaiaflow.infra.environments import conda, interpreter, lockfile, uv
from gaiaflow.infra.environments.environment import python_of
from gaiaflow.infra.environments.source import source
from gaiaflow.infra.images import image
from gaiaflow.production import environment
from gaiaflow.project import Project
from gaiaflow.stack import worker


def given(project: Project, monkeypatch: pytest.MonkeyPatch, installed: str) -> Project:
    monkeypatch.setenv("GAIAFLOW_PYTHON", sys.executable)
    monkeypatch.setattr(interpreter, "version", lambda _: (3, 12, 1))
    monkeypatch.setattr(uv, "run", lambda *_: installed)
    (project.root / "requirements.lock").write_text(
        "numpy==2.1.0 --hash=sha256:0\nsix==1\nxarray==3\npandas>=2\n"
    )
    return project


def test_an_environment_of_yours_is_held_against_the_lock(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = '[{"name": "Numpy", "version": "1.26.4"}, {"name": "six", "version": "1"}]'
    found = environment.check(given(project, monkeypatch, installed))
    assert found.state == "ok"
    assert found.why == (
        "other here than in the image: Python 3.12, not 3.11, numpy 1.26.4, not 2.1.0, no xarray, not 3"
    )


def test_an_environment_of_yours_is_held_against_the_lock_of_conda(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = project.root / "own"
    (own / "conda-meta").mkdir(parents=True)
    (own / "conda-meta" / "libgdal.json").write_text('{"name": "libgdal", "version": "3.9"}')
    installed = '[{"name": "numpy", "version": "2.1"}, {"name": "six", "version": "1.16.0"}]'
    given(project, monkeypatch, installed)
    monkeypatch.setenv("GAIAFLOW_PYTHON", str(own / "bin" / "python"))
    (project.root / "environment.yml").write_text("dependencies: [numpy]\n")
    urls = ("linux-64/python-3.11.7-h1_0", "linux-64/libgdal-3.10.0-h2_1", "noarch/numpy-2.1-py_0")
    text = "".join(f"- conda: https://c/{url}.conda\n" for url in urls)
    found = source(project)
    lockfile.write(found.solved, text, conda.made_of(project, found), ["six==1.17.0 --hash=sha256:0"])
    assert list(environment.differences(project)) == [
        "Python 3.12, not 3.11",
        "libgdal 3.9, not 3.10.0",
        "six 1.16.0, not 1.17.0",
    ]
    (own / "conda-meta" / "libgdal.json").unlink()
    (own / "conda-meta").rmdir()
    assert list(environment.differences(project)) == ["Python 3.12, not 3.11", "six 1.16.0, not 1.17.0"]


def test_an_environment_that_is_not_made_is_not_compared(project: Project) -> None:
    found = environment.check(project)
    assert (found.state, found.why) == (
        "ok",
        "no function runs on this machine, so there is nothing to compare",
    )


def test_an_environment_that_is_out_of_date_is_not_compared(project: Project) -> None:
    python = python_of(project, "project")
    python.parent.mkdir(parents=True)
    python.touch()
    found = environment.check(project)
    assert (found.state, found.hint) == ("missing", "inv dev.update-deps")
    assert found.why == "the project's environment does not exist yet as its file asks for now"


def test_one_lock_of_conda_makes_both(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.root / "environment.yml").write_text("dependencies: [numpy]\n")
    assert source(project).is_conda
    assert list(environment.differences(project)) == []


@pytest.mark.parametrize(
    ("asked", "base"),
    [
        ("", image.DEFAULT_PYTHON_IMAGE),
        (">=3.10,<3.13", image.DEFAULT_PYTHON_IMAGE),
        ("3.12", "python:3.12-slim-bookworm"),
        ("3.13.2", "python:3.13.2-slim-bookworm"),
        (">=3.13", "python:3.13-slim-bookworm"),
    ],
)
def test_the_image_has_the_python_that_is_asked_for(project: Project, asked: str, base: str) -> None:
    (project.root / ".python-version").write_text(asked)
    assert image.python_image(project) == base


def test_worker_pods_have_airflows_python(project: Project) -> None:
    worker._check_python(project)
    Path(project.root, ".python-version").write_text("3.12")
    with pytest.raises(UsageError) as caught:
        worker._check_python(project)
    assert caught.value.message == (
        "worker pods run functions with Airflow's Python, but the project requires `3.12`"
    )
    assert caught.value.hint == "use `--executor local`, or set that Python in environment.yml"
    (project.root / "environment.yml").write_text("dependencies: [numpy]\n")
    worker._check_python(project)
