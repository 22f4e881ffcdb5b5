"""The project template: the example is what it makes, and answers and folders that are no good are refused.

After a change of the template, render the example again:
``PYTHONPATH=. python tests/unit/projects/test_scaffold.py``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
import tomllib
import yaml

from gaiaflow.errors import UsageError
from gaiaflow.infra.environments.source import source
from gaiaflow.project import Project
from gaiaflow.projects import scaffold

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "gaiaflow" / "example"
COMMAND = "PYTHONPATH=. python tests/unit/projects/test_scaffold.py"
ANSWERS = {"name": "co2-forecast", "author": "Gaiaflow's developers"}


def tracked(folder: Path) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(name for name in listed.stdout.splitlines() if (folder / name).exists())


def render(path: Path, **answers: Any) -> set[str]:
    return set(scaffold.render(path, {**ANSWERS, **answers}))


def test_the_example_is_what_the_template_makes(tmp_path: Path) -> None:
    made = render(tmp_path / "made") - {".env"}
    assert sorted(made) == tracked(EXAMPLE), COMMAND
    for name in made:
        assert (tmp_path / "made" / name).read_bytes() == (EXAMPLE / name).read_bytes(), f"{name}: {COMMAND}"


def test_without_examples_the_tree_is_the_same_and_nothing_is_about_co2(tmp_path: Path) -> None:
    with_example, without = render(tmp_path / "a"), render(tmp_path / "b", name="plain", examples=False)
    for folder in ("dataloader", "preprocess", "train", "postprocess", "model", "model_pipeline", "utils"):
        assert f"co2_forecast/{folder}/__init__.py" in with_example
        assert f"plain/{folder}/__init__.py" in without
    assert "dags/.gitkeep" in without
    for name in without:
        text = (tmp_path / "b" / name).read_text(encoding="utf-8").lower()
        assert "co2" not in text, name


@pytest.mark.parametrize("examples", [True, False])
@pytest.mark.parametrize("environment", scaffold.ENVIRONMENTS)
def test_the_file_of_the_environment_lists_what_pyproject_needs(
    tmp_path: Path, environment: str, examples: bool
) -> None:
    made = render(tmp_path, environment=environment, examples=examples)
    assert ("pixi.toml" in made) == (environment == "pixi")
    assert ("environment.yml" in made) == (environment == "conda")
    assert ("requirements.lock" in made) == (environment == "uv")
    project = Project.find(tmp_path)
    assert source(project).name == {"pixi": "pixi.toml", "conda": "environment.yml"}.get(
        environment, "requirements.lock"
    )
    needed = set(project.pyproject["project"]["dependencies"])
    if environment == "pixi":
        pixi = tomllib.loads((tmp_path / "pixi.toml").read_text())
        assert set(pixi) == {"workspace", "dependencies"}
        assert set(pixi["workspace"]) == {"name", "channels", "platforms"}
        listed = {f"{name}{wanted}" for name, wanted in pixi["dependencies"].items()}
    elif environment == "conda":
        file = tmp_path / "environment.yml"
        conda = yaml.safe_load(file.read_text())
        assert set(conda) == {"name", "channels", "dependencies"}
        listed = {item.replace(" ", "") for item in conda["dependencies"]}
    else:
        return
    assert needed <= {item.replace("matplotlib-base", "matplotlib") for item in listed}


@pytest.mark.parametrize("environment", scaffold.ENVIRONMENTS)
def test_every_target_of_the_makefile_does_its_set_up_with_python_alone(
    tmp_path: Path, environment: str
) -> None:
    render(tmp_path, environment=environment)
    steps = yaml.safe_load((tmp_path / ".github/workflows/ci.yml").read_text())["jobs"]["checks"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["make setup", "make lint", "make test"]
    assert [step["uses"].partition("@")[0] for step in steps if "uses" in step] == ["actions/checkout"]
    for target, called in {
        "dev": "gaiaflow dev.start",
        "test": "nox -s tests dags",
        "lint": "nox -s lint",
    }.items():
        told = subprocess.run(
            ["make", "--no-print-directory", "-n", target],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        lines = told.stdout.splitlines()
        assert lines[-1] == f".venv/bin/{called}"
        assert [
            word
            for word in ("-m venv .venv", 'pip install --quiet --disable-pip-version-check "uv>=')
            if not any(word in line for line in lines)
        ] == []
        assert any(line.startswith(".venv/bin/uv pip install") and "--group dev" in line for line in lines)


def test_the_environment_is_made_once_and_again_after_a_change(tmp_path: Path) -> None:
    render(tmp_path)
    ready = tmp_path / ".venv" / "ready"
    ready.parent.mkdir()
    ready.touch()
    told = subprocess.run(
        ["make", "--no-print-directory", "-n", "dev"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert told.stdout == ".venv/bin/gaiaflow dev.start\n"
    os.utime(tmp_path / "pyproject.toml", (time.time() + 60,) * 2)
    told = subprocess.run(
        ["make", "--no-print-directory", "-n", "dev"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "-m venv .venv" in told.stdout


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            "import sys; sys.version_info = (3, 9, 2); sys.version = '3.9.2 (x)'",
            "this is Python 3.9.2, gaiaflow needs 3.10",
        ),
        ("import sys; sys.exit(1) if 'venv' in sys.orig_argv else None", "install your system's python3-venv"),
    ],
)
def test_a_python_that_will_not_do_is_told(tmp_path: Path, script: str, said: str) -> None:
    render(tmp_path)
    (tmp_path / "sitecustomize.py").write_text(script)
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        ["make", "setup", f"PYTHON={sys.executable}"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert said in done.stderr
    assert "hint: " in done.stderr


@pytest.mark.parametrize(
    "requirement", ["gaiaflow==1.2", "gaiaflow @ git+https://x.org/g.git@abc#subdirectory=a"]
)
def test_the_project_requires_the_gaiaflow_that_made_it(tmp_path: Path, requirement: str) -> None:
    scaffold.render(tmp_path / "new", {**ANSWERS, "requirement": requirement})
    groups = tomllib.loads((tmp_path / "new" / "pyproject.toml").read_text())["dependency-groups"]
    assert groups["dev"][0] == requirement
    scaffold.render(tmp_path / "old", {**ANSWERS, "requirement": requirement, "adopted": True})
    (tmp_path / "old" / ".venv-gaiaflow" / "bin").mkdir(parents=True)
    told = subprocess.run(
        ["make", "--no-print-directory", "-n", "setup"],
        cwd=tmp_path / "old",
        capture_output=True,
        text=True,
        check=True,
    )
    assert f'"{requirement}"' in told.stdout


@pytest.mark.parametrize("author", ["", "Zoë O'Hara", 'says "hi" \\ <me> & you', "𠮷田"])
def test_any_author_gives_a_valid_pyproject(tmp_path: Path, author: str) -> None:
    render(tmp_path, author=author)
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [a["name"] for a in project.get("authors", [])] == ([author] if author else [])


def test_the_name_comes_from_the_folder_and_the_package_from_the_name() -> None:
    assert scaffold.suggestions(Path("/x/My Project"), {}) == {"name": "my-project", "package": "my_project"}
    assert scaffold.suggestions(Path("/x/y"), {"name": "Sea.Ice"})["package"] == "sea_ice"


@pytest.mark.parametrize(
    ("bad", "near"),
    [
        ("My-Package", "my_package"),
        ("2nd", "project_2nd"),
        ("class", "class_project"),
        ("email", "email_project"),
        ("data", "data_project"),
        ("gaiaflow", "gaiaflow_project"),
        ("é", "project"),
        ("x" * 41, "x" * 40),
    ],
)
def test_a_bad_package_is_refused_with_a_good_one_near_it(bad: str, near: str) -> None:
    with pytest.raises(UsageError) as caught:
        scaffold.check_answers({"package": bad})
    assert caught.value.hint == f"--package {near}"
    assert scaffold.check_answers({"package": near}) == {"package": near}


def test_a_bad_name_and_an_unknown_environment_are_refused() -> None:
    with pytest.raises(UsageError, match="not a valid project name") as caught:
        scaffold.check_answers({"name": "sea ice!"})
    assert caught.value.hint == "--name sea-ice"
    with pytest.raises(UsageError, match="did you mean `conda`"):
        scaffold.check_answers({"environment": "konda"})


def test_a_folder_that_holds_something_is_refused_and_stays(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"is not empty: it contains `mine\.txt`"):
        scaffold.create(tmp_path, {})
    assert [f.name for f in tmp_path.iterdir()] == ["mine.txt"]


def regenerate() -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = render(Path(folder))
        for name in set(tracked(EXAMPLE)) - made:
            (EXAMPLE / name).unlink()
        for name in made - {".env"}:
            (EXAMPLE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(folder) / name, EXAMPLE / name)


if __name__ == "__main__":
    regenerate()
    sys.stdout.write(f"made {EXAMPLE} anew\n")


def test_an_author_of_two_lines_is_refused() -> None:
    with pytest.raises(UsageError, match="the author's name has characters that cannot be printed"):
        scaffold.check_answers({"author": "Ann\nBob"})
