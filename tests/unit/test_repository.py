"""What the repository says of itself agrees: version, licence, locks, hooks, workflows, CONTRIBUTING."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import gaiaflow

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
ADDRESS = "https://github.com/bcdev/gaiaflow"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read_yaml(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split("\0")[:-1]


@pytest.fixture(scope="module")
def locks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lock", ROOT / ".ci" / "lock.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sessions() -> set[str]:
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list}


def test_make_lock_makes_every_lock(locks: ModuleType) -> None:
    """A lock is any tracked file with hashes of packages."""
    found = {
        name
        for name in tracked()
        if name.endswith((".txt", ".lock")) or "requirements.lock" in name
        if "--hash=sha256:" in (ROOT / name).read_text(encoding="utf-8")
    }
    assert found == {lock.output for lock in locks.TABLE} | set(locks.COPIES)
    assert "nox -s lock -- --upgrade" in MAKEFILE


def test_every_lock_has_its_sources_and_comes_after_what_it_stays_within(locks: ModuleType) -> None:
    made: set[str] = set()
    for lock in locks.TABLE:
        assert not lock.source or (ROOT / lock.source).is_file()
        assert set(lock.within) <= made
        made.add(lock.output)
    sources = {lock.source for lock in locks.TABLE}
    assert {name for name in tracked() if name.endswith(".in")} <= sources | {"tests/locks/airflow-minors.in"}


def test_a_copied_lock_is_the_same(locks: ModuleType) -> None:
    for copy, original in locks.COPIES.items():
        assert (ROOT / copy).read_bytes() == (ROOT / original).read_bytes()


def test_a_lock_is_compiled_with_hashes_for_all_systems(locks: ModuleType) -> None:
    lock = locks.Lock("a.txt", "a.in", "3.11", within=("b.txt",))
    argv = locks.command(lock, "a.in", "--upgrade")[1:]
    assert argv == [
        *("pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header", "--no-annotate"),
        *("--python-version", "3.11", "--constraint", "b.txt", "--upgrade", "a.in", "--output-file", "a.txt"),
    ]


def test_the_versions_agree() -> None:
    citation = read_yaml("CITATION.cff")
    assert citation["version"] == gaiaflow.__version__
    assert citation["license"] == PROJECT["license"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first, second = re.findall(r"^## (.*)$", changes, re.MULTILINE)[:2]
    assert (first, second) == ("Unreleased", f"{gaiaflow.__version__} ({citation['date-released']})")


def test_the_metadata_are_whole() -> None:
    assert [(ROOT / name).read_text().splitlines()[0] for name in PROJECT["license-files"]] == ["MIT License"]
    assert all(url.startswith(ADDRESS) for url in PROJECT["urls"].values())
    files = [url.removeprefix(f"{ADDRESS}/blob/main/") for url in PROJECT["urls"].values() if "/blob/" in url]
    assert all((ROOT / name).is_file() for name in files)
    assert PROJECT["authors"]
    assert PROJECT["keywords"]
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert f"Programming Language :: Python :: {oldest}" in PROJECT["classifiers"]
    assert "Typing :: Typed" in PROJECT["classifiers"]
    assert (ROOT / "gaiaflow" / "py.typed").is_file()


def test_make_help_shows_every_target() -> None:
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    assert {line.split()[0] for line in shown.splitlines()} == targets
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert set(phony.split()) == targets


def test_the_hooks_use_the_ruff_and_mypy_of_the_lock() -> None:
    """They run the sessions of nox, which install nothing but the lock: no version stands anywhere else."""
    (repository,) = read_yaml(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        assert re.fullmatch(r"\.venv/bin/nox --reuse-venv=yes --session (\w+)", hook["entry"])
    assert {hook["entry"].split()[-1] for hook in repository["hooks"]} == {"lint", "types", "workflows"}
    pinned = re.findall(r"^(ruff|mypy)==", (ROOT / "tests/requirements.txt").read_text(), re.MULTILINE)
    assert sorted(pinned) == ["mypy", "ruff"]


def test_the_workflow_has_the_steps_of_the_script() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    asked = re.findall(r'^step "([^"]+)" (.+)$', script, re.MULTILINE)
    assert len(asked) == 5
    steps = read_yaml(".github/workflows/ci.yml")["jobs"]["checks"]["steps"]
    assert [(step["name"], step["run"]) for step in steps if "run" in step] == asked


def test_dependabot_knows_the_folder_of_every_lock(locks: ModuleType) -> None:
    (pip,) = [
        one for one in read_yaml(".github/dependabot.yml")["updates"] if one["package-ecosystem"] == "pip"
    ]
    folders = {f"/{Path(lock.output).parent}" for lock in locks.TABLE if "template" not in lock.output}
    assert set(pip["directories"]) == folders


def test_what_contributing_names_exists() -> None:
    named = set(re.findall(r"`((?:gaiaflow|tests|docs|compose|\.ci)/[\w./-]*)`", CONTRIBUTING))
    assert len(named) > 40
    assert [name for name in named if not (ROOT / name).exists() and not re.search("[A-Z]{4}", name)] == []
    assert [name for name in re.findall(r"\]\((\w+\.md)\)", CONTRIBUTING) if not (ROOT / name).is_file()] == []
    assert set(re.findall(r"nox -s (\w+)", CONTRIBUTING)) <= sessions()
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", CONTRIBUTING, re.MULTILINE)) <= targets


def test_contributing_names_every_wing() -> None:
    wings = {path.parent.name for path in (ROOT / "gaiaflow").glob("*/__init__.py")} - {"example", "core"}
    assert {wing for wing in wings if f"`{wing}/`" not in CONTRIBUTING} == set()


def test_contributing_names_the_folder_of_every_unit_test() -> None:
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "tests" / "unit").rglob("test_*.py")}
    named = re.findall(r"`(tests/unit/[\w/]+)`", CONTRIBUTING)
    lacking = {str(folder) for folder in folders if not any(str(folder).startswith(name) for name in named)}
    assert lacking <= {"tests/unit"}
