"""What goes into the stack's images; no engine."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from gaiaflow.infra.environments.environment import LOCKS
from gaiaflow.infra.host.shipped import shipped
from gaiaflow.infra.images.context import digest
from gaiaflow.project import Project
from gaiaflow.stack.composed import image as stackimage
from tests.unit.test_layers import GRAPH


def test_context_has_locks_scripts_and_what_airflow_imports(project: Project) -> None:
    with stackimage._context(project) as folder:
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"Dockerfile", "locks/airflow.txt", "locks/postgres.txt", "scripts/health.py"} <= found
    assert {"scripts/certificates.py", "gaiaflow/runner.py", "gaiaflow/operators/docker.py"} <= found
    wings = ("dags", "doctor", "infra", "inspection", "lifecycle", "models", "production", "stack", "testing")
    assert not [name for name in found if name.startswith(tuple(f"gaiaflow/{wing}/" for wing in wings))]
    assert not [name for name in found if "__pycache__" in name]


def test_the_image_holds_what_airflow_imports_and_nothing_else() -> None:
    begin = {
        name for name in GRAPH if name.split(".")[0] in {"tasks", "dagfactory", "runner", "core", "operators"}
    }
    reached, waiting = set(), list(begin)
    while waiting:
        if (name := waiting.pop()) not in reached:
            reached.add(name)
            waiting += GRAPH.get(name, ())
    assert {name.split(".")[0] for name in reached} == {
        name.removesuffix(".py") for name in stackimage.IN_AIRFLOW if name != "__init__.py"
    }


@pytest.mark.parametrize("module", ["gaiaflow.tasks", "gaiaflow.runner", "gaiaflow.core.create_task"])
def test_what_is_copied_imports_without_the_rest(module: str, project: Project) -> None:
    with stackimage._context(project) as folder:
        code = f"import sys; sys.path.insert(0, {str(folder)!r}); import {module} as m; print(m.__file__)"
        done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.startswith(str(folder)), done.stderr


def test_same_sources_give_the_same_content(project: Project) -> None:
    with stackimage._context(project) as first, stackimage._context(project) as second:
        assert digest(first, "python") == digest(second, "python") != digest(first, "other")


def test_every_requirement_is_pinned_with_its_hash() -> None:
    for file in (*LOCKS.glob("*.txt"), shipped("compose") / "postgres.txt"):
        pins = [line for line in file.read_text().splitlines() if line[:1].isalnum()]
        assert pins
        assert all("==" in line and line.endswith("\\") for line in pins), file.name


@pytest.mark.parametrize("name", ["Dockerfile", "project.Dockerfile"])
def test_dependencies_come_before_code_and_nobody_is_root(name: str) -> None:
    text = (shipped("compose") / name).read_text()
    assert text.index("uv pip install") < text.rindex("COPY ")
    assert text.count("--mount=type=cache") >= 2
    last_user = [line for line in text.splitlines() if line.startswith("USER ")][-1]
    assert not last_user.startswith(("USER 0", "USER root"))
    assert "# syntax=" not in text


class Engine:
    """What a build asks of an engine; it has no image yet."""

    def __init__(self, status: list[list[str]]) -> None:
        self.images = self
        self._status = status

    def info(self) -> dict[str, Any]:
        return {"DriverStatus": self._status}

    def list(self, **asked: Any) -> list[Any]:
        return []

    def close(self) -> None:
        """Nothing is open."""


CONTAINERD = [["driver-type", "io.containerd.snapshotter.v1"]]
OVERLAY2 = [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]]


@pytest.mark.parametrize(
    ("status", "builder", "expected"),
    [(CONTAINERD, "", stackimage.FAST), (CONTAINERD, "mine", []), (OVERLAY2, "", [])],
    ids=["containerd", "own builder", "overlay2"],
)
def test_layers_are_compressed_fast_where_they_are_compressed_at_all(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    status: list[list[str]],
    builder: str,
    expected: list[str],
) -> None:
    monkeypatch.setenv("BUILDX_BUILDER", builder)
    built: list[Any] = []
    monkeypatch.setattr(stackimage, "connect", lambda: Engine(status))
    monkeypatch.setattr(stackimage, "run_build", lambda *given: built.append(given[7]))
    stackimage.build(project, ["services"])
    assert built == [["--target", "services", *expected]]
