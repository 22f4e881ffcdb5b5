"""Who imports whom: the design's one-way street, read from the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gaiaflow"
HEAVY = {"airflow", "docker", "kubernetes", "mlflow", "boto3"}
# What a part must not import, at any depth of its functions.
FORBIDDEN = {
    "tasks.py": {"gaiaflow.infra", "gaiaflow.lifecycle", "gaiaflow.project", "invoke"},
    "check.py": {"gaiaflow.infra", "gaiaflow.lifecycle", "gaiaflow.project", "invoke"},
    "fromtask.py": {"gaiaflow.infra", "gaiaflow.lifecycle", "gaiaflow.project", "invoke"},
    "returns.py": {"gaiaflow.infra", "gaiaflow.lifecycle", "gaiaflow.operators", "invoke"},
    "modes.py": {"gaiaflow.infra", "gaiaflow.lifecycle", "gaiaflow.operators", "invoke"},
    "errors.py": {"gaiaflow"},
    "runner.py": {"gaiaflow"},
    "operators": {"gaiaflow.infra", "gaiaflow.lifecycle", "invoke"},
    "infra": {"gaiaflow.lifecycle", "gaiaflow.operators", "invoke"},
    "core": {"gaiaflow.infra", "gaiaflow.lifecycle", "gaiaflow.operators", "invoke"},
}


def files(part: str) -> list[Path]:
    path = PACKAGE / part
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_module_level(tree: ast.Module) -> Iterator[ast.AST]:
    """Statements that run on import, those under ``if TYPE_CHECKING`` left out."""
    for node in tree.body:
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)):
            yield node


def within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("part", sorted(FORBIDDEN))
def test_imports_go_one_way(part: str) -> None:
    found = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files(part)
        for name in imported(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        if within(name, FORBIDDEN[part])
    ]
    assert found == []


def test_heavy_packages_are_imported_late() -> None:
    found = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in sorted(PACKAGE.rglob("*.py"))
        if not {"operators", "example", "template"} & set(file.relative_to(PACKAGE).parts[:1])
        for name in imported(at_module_level(ast.parse(file.read_text(encoding="utf-8"))))
        if within(name, HEAVY)
    ]
    assert found == []


def test_the_factory_imports_the_standard_library_only() -> None:
    code = (
        "import sys; before = set(sys.modules); import gaiaflow.tasks; "
        "print(*{m.partition('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["gaiaflow"]


def test_listing_the_commands_loads_nothing_heavy() -> None:
    code = "import sys, tasks; print(*{m.partition('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not (HEAVY | {"pydantic", "rich", "supervisor"}) & set(done.stdout.split())


def test_listing_the_commands_loads_no_backend_and_no_check_of_the_doctor() -> None:
    code = "import sys, tasks; print(*(m for m in sys.modules if m.startswith('gaiaflow.infra.')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    unwanted = {"compose", "embedded", "doctor", "image", "modelregistry", "secretstore", "worker"}
    assert not unwanted & {name.split(".")[2] for name in done.stdout.split()}


def test_no_process_is_started_by_a_shell_string() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "shell"
    ]
    assert found == []


def test_the_package_names_no_machine_and_no_registry() -> None:
    words = ("testbed", "pypi.org", "pythonhosted", "/work/")
    tracked = subprocess.run(
        ["git", "ls-files", "gaiaflow", "compose", "minikube", "README.md", "docs"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    found = [
        f"{name} names {word}"
        for name in tracked
        if (ROOT / name).is_file()
        for word in words
        if word in (ROOT / name).read_text(encoding="utf-8", errors="ignore")
    ]
    assert found == []
