"""The example project as it lies in the tree: consistent, pinned, and free of what must not be in it."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

import gaiaflow
from gaiaflow.project import Project
from gaiaflow.returns import returned_keys

EXAMPLE = Path(gaiaflow.__file__).parent / "example"
PACKAGE = "co2_forecast"
OURS = [
    file
    for file in sorted(EXAMPLE.rglob("*"))
    if file.is_file() and not {"__pycache__", ".gaiaflow", ".venv", ".ruff_cache"} & set(file.parts)
]
SOURCES = [file for file in OURS if file.suffix == ".py"]
DAG_FILES = sorted((EXAMPLE / "dags").glob("*.py"))


def calls(file: Path, name: str) -> list[ast.Call]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == name]


def argument(call: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in call.keywords if k.arg == name), None)


def text(node: ast.expr | None) -> str:
    assert isinstance(node, ast.Constant)
    assert isinstance(node.value, str)
    return node.value


def function(func_path: str) -> ast.FunctionDef:
    module, _, name = func_path.partition(":")
    file = EXAMPLE.joinpath(*module.split(".")).with_suffix(".py")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)


TASKS = [call for file in DAG_FILES for call in calls(file, "create_task")]
FUNC_PATHS = {text(argument(call, "task_id")): text(argument(call, "func_path")) for call in TASKS}


def test_the_pipeline_is_there() -> None:
    assert list(FUNC_PATHS) == ["preprocess", "train", "evaluate"]


@pytest.mark.parametrize("call", TASKS, ids=list(FUNC_PATHS))
def test_a_task_gives_its_function_what_it_takes(call: ast.Call) -> None:
    kwargs = argument(call, "func_kwargs")
    given = {text(key) for key in kwargs.keys} if isinstance(kwargs, ast.Dict) else set()
    taken = {a.arg for a in function(text(argument(call, "func_path"))).args.args}
    assert given | {"params"} == taken


def test_a_task_asks_only_for_keys_that_the_other_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_CODE", str(EXAMPLE))
    asked = [call for file in DAG_FILES for call in calls(file, "FromTask")]
    assert len(asked) == 5
    for call in asked:
        other = text(call.args[0]).rpartition(".")[2]
        assert text(argument(call, "key")) in (returned_keys(FUNC_PATHS[other]) or ())


def test_the_mode_and_the_image_come_from_outside() -> None:
    for call in TASKS:
        assert argument(call, "mode") is None
        assert argument(call, "image") is None


def test_the_params_that_functions_read_are_those_of_the_dag() -> None:
    (dag,) = calls(DAG_FILES[0], "DAG")
    params = argument(dag, "params")
    assert isinstance(params, ast.Dict)
    code = "".join(file.read_text(encoding="utf-8") for file in (EXAMPLE / PACKAGE).rglob("*.py"))
    assert set(re.findall(r'params\["(\w+)"\]', code)) == {text(key) for key in params.keys}


def test_the_package_knows_neither_airflow_nor_gaiaflow() -> None:
    for file in (EXAMPLE / PACKAGE).rglob("*.py"):
        assert not re.search(
            r"^\s*(import|from) (airflow|gaiaflow)\b", file.read_text("utf-8"), re.MULTILINE
        ), file


def test_it_is_a_project() -> None:
    project = Project.find(EXAMPLE)
    assert (project.root, project.name, project.packages) == (EXAMPLE, "co2-forecast", (PACKAGE,))
    assert project.lock.is_file()
    assert project.dags.is_dir()


def test_the_version_is_spelled_once_and_has_its_changes() -> None:
    version = Project.find(EXAMPLE).version
    holding = [
        file.name
        for file in OURS
        if re.search(rf'version\S*\s*=\s*"{re.escape(version)}"', file.read_text("utf-8", "replace"))
    ]
    assert holding == ["pyproject.toml"]
    assert f"## {version}\n" in (EXAMPLE / "CHANGES.md").read_text(encoding="utf-8")


def test_the_lock_pins_with_hashes_and_names_no_registry() -> None:
    lock = (EXAMPLE / "requirements.lock").read_text(encoding="utf-8")
    pins = re.split(r"\n(?=\S)", lock.strip())
    assert pins
    for pin in pins:
        assert re.match(r"[a-z0-9._-]+==\S+", pin), pin.splitlines()[0]
        assert "--hash=sha256:" in pin, pin.splitlines()[0]
    assert "://" not in lock
    assert "index-url" not in lock


def test_the_lock_has_every_dependency_in_a_version_that_is_allowed() -> None:
    from packaging.requirements import Requirement

    lock = (EXAMPLE / "requirements.lock").read_text(encoding="utf-8")
    pinned = re.findall(r"^([a-z0-9._-]+)==(\S+)", lock, re.MULTILINE)
    for line in Project.find(EXAMPLE).pyproject["project"]["dependencies"]:
        wanted = Requirement(line)
        versions = [version for name, version in pinned if name == wanted.name]
        assert versions, wanted.name
        assert all(wanted.specifier.contains(version) for version in versions), wanted


def test_tasks_py_has_three_lines() -> None:
    lines = (EXAMPLE / "tasks.py").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line]) == 3


def test_every_module_says_what_it_is_for() -> None:
    assert SOURCES
    for file in SOURCES:
        assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))), file


def test_notebooks_are_kept_without_output() -> None:
    notebooks = list((EXAMPLE / "notebooks").glob("*.ipynb"))
    assert notebooks
    for file in notebooks:
        cells = [c for c in json.loads(file.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
        assert cells
        assert all(c["outputs"] == [] and c["execution_count"] is None for c in cells)


def test_the_readme_names_the_functions_and_folders_that_there_are() -> None:
    readme = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(\w+(?:\.\w+)+:\w+)`", readme)) == set(FUNC_PATHS.values())
    tree = readme.split("## Files")[1].split("```")[1]
    for line in tree.strip().splitlines():
        name = line.split()[0]
        folder = EXAMPLE / PACKAGE if line.startswith("  ") else EXAMPLE
        assert (folder / name).exists(), name
