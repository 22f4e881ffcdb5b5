"""What is remembered of a stack is used only when it makes sense, and never crashes a command."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gaiaflow.endpoints import PORTS
from gaiaflow.project import Project
from gaiaflow.stack import backends
from gaiaflow.stack.services import state

SOUND: dict[str, Any] = {
    "backend": "embedded",
    "ports": {name: entry.port for name, entry in PORTS.items()},
    "inner": [],
    "mode": "dev",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("project")
    (root / "pyproject.toml").write_text("[tool.gaiaflow]\n")
    return Project.find(root)


def test_what_was_written_is_read(project: Project) -> None:
    project.home.mkdir(exist_ok=True)
    state.write(project, state.Remembered(**SOUND))
    assert state.read(project) == state.Remembered(**SOUND)
    assert not state.is_lost(project)


@given(name=st.sampled_from([*SOUND, "extras", "made", "began"]), value=JSON)
def test_a_value_of_another_kind_makes_no_crash(project: Project, name: str, value: Any) -> None:
    project.home.mkdir(exist_ok=True)
    state.place(project).write_text(json.dumps({**SOUND, name: value}))
    kept = state.read(project)
    assert isinstance(kept.backend, str)
    backends.current(project)


@given(content=st.binary())
def test_any_bytes_make_no_crash(project: Project, content: bytes) -> None:
    project.home.mkdir(exist_ok=True)
    state.place(project).write_bytes(content)
    assert state.read(project) == state.NOTHING
    assert state.is_lost(project)


def test_a_stack_whose_state_is_lost_is_still_somebodys(project: Project) -> None:
    project.home.mkdir(exist_ok=True)
    state.place(project).write_text('{"backend": "embed')
    found = backends.current(project)
    assert found is not None
    assert found.name == "embedded"
    (project.home / "compose").mkdir()
    found = backends.current(project)
    assert found is not None
    assert found.name == "docker"
