"""What Airflow's UI shows of a task: the function and its docstring, from code that is read and not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaiaflow.operators.doc import doc_of
from gaiaflow.tasks import create_task

CODE = 'raise SystemExit\n\ndef fit(x):\n    """Fit the model.\n\n    Slowly.\n    """\n'


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pk").mkdir()
    (tmp_path / "pk" / "model.py").write_text(CODE)
    (tmp_path / "pk" / "broken.py").write_text("def (\n")
    monkeypatch.setenv("GAIAFLOW_CODE", f"/nowhere:{tmp_path}")
    return tmp_path


@pytest.mark.parametrize(
    ("function", "doc"),
    [
        ("pk.model:fit", "`pk.model:fit`\n\nFit the model.\n\nSlowly."),
        ("pk.model:other", "`pk.model:other`"),
        ("pk.broken:f", "`pk.broken:f`"),
        ("elsewhere:f", "`elsewhere:f`"),
    ],
)
@pytest.mark.usefixtures("code")
def test_the_function_and_its_docstring(function: str, doc: str) -> None:
    assert doc_of(function) == doc


@pytest.mark.usefixtures("code")
def test_a_task_shows_its_function_unless_its_author_says_something() -> None:
    assert create_task("t", "pk.model:fit").doc_md.startswith("`pk.model:fit`")
    assert create_task("t", "pk.model:fit", doc_md="mine").doc_md == "mine"
    assert create_task("t", "pk.model:fit", doc="mine").doc_md is None
    assert "func_path" in create_task("t", "pk.model:fit").template_fields
