"""What is shown of a DAG file that does not import."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaiaflow.dags.brokenfile import broken_file, cause_of, error_of, explained, mentioned, naming
from gaiaflow.project import Project

SYNTAX = """Traceback (most recent call last):
  File "<frozen importlib._bootstrap_external>", line 1004, in source_to_code
  File "<frozen importlib._bootstrap>", line 241, in _call_with_frames_removed
  File "{root}/dags/flow.py", line 6
    create_task("a", "m:f"
               ^
SyntaxError: '(' was never closed
"""
ARGUMENT = """Traceback (most recent call last):
  File "<frozen importlib._bootstrap>", line 241, in _call_with_frames_removed
  File "{root}/dags/flow.py", line 2, in <module>
    create_task("a", "m:f", retrys=3)
  File "{root}/.gaiaflow/envs/airflow/lib/python3.11/site-packages/airflow/operator.py", line 1121, in __init__
    raise TypeError(
TypeError: Invalid arguments were passed to DevOperator (task_id: a). Invalid arguments were:
**kwargs: {{'retrys': 3}}
"""
OURS = """Traceback (most recent call last):
  File "{root}/dags/flow.py", line 2, in <module>
    create_task("a", "m.f")
    ^^^^^^^^^^^^^^^^^^^^^^^
gaiaflow.errors.UsageError: task `a`: func_path `m.f` is not `package.module:function`
hint: package.module:function
"""
CHAINED = """Traceback (most recent call last):
  File "{root}/dags/flow.py", line 4, in <module>
    int("x")
ValueError: invalid literal

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "{root}/dags/flow.py", line 6, in <module>
    raise KeyError("x")
KeyError: 'x'
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "dags").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "sample"\n[tool.gaiaflow]\n')
    return Project.find(tmp_path)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            SYNTAX,
            "SyntaxError: '(' was never closed\n  dags/flow.py:6\n"
            '    create_task("a", "m:f"\n               ^',
        ),
        (
            ARGUMENT,
            "TypeError: Invalid arguments were passed to DevOperator (task_id: a). Invalid arguments were: "
            "**kwargs: {'retrys': 3}\n  dags/flow.py:2\n"
            '    create_task("a", "m:f", retrys=3)\n    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^',
        ),
        (
            OURS,
            "task `a`: func_path `m.f` is not `package.module:function`\n  dags/flow.py:2\n"
            '    create_task("a", "m.f")\n    ^^^^^^^^^^^^^^^^^^^^^^^\n  hint: package.module:function',
        ),
        (CHAINED, "KeyError: 'x'\n  dags/flow.py:6\n    raise KeyError(\"x\")\n    ^^^^^^^^^^^^^^^^^^^"),
        ("SyntaxError: bad", "SyntaxError: bad"),
    ],
)
def test_the_error_the_line_and_a_caret(project: Project, text: str, shown: str) -> None:
    assert broken_file(project, "flow.py", text.format(root=project.root)).explained == shown


def test_in_a_container_the_project_lies_elsewhere(project: Project) -> None:
    found = broken_file(project, "flow.py", SYNTAX.format(root="/opt/project"))
    assert (found.place, found.code) == ("dags/flow.py:6", 'create_task("a", "m:f"')


def test_a_line_that_the_traceback_leaves_out_is_read_from_the_file(project: Project) -> None:
    (project.dags / "flow.py").write_text("import a\n    \nimport b  # no\n")
    frame = f'  File "{project.dags}/flow.py", line 3, in <module>'
    text = f"Traceback (most recent call last):\n{frame}\nKeyError: 1\n"
    found = broken_file(project, "flow.py", text)
    assert (found.code, found.caret) == ("import b  # no", "^" * 14)


def test_each_file_is_named(project: Project) -> None:
    assert explained(project, {"a.py": "KeyError: 1", "b.py": "KeyError: 2"}) == (
        "`a.py` does not import: KeyError: 1\n`b.py` does not import: KeyError: 2"
    )


def test_the_error_and_its_cause(project: Project) -> None:
    text = CHAINED.format(root=project.root)
    assert (error_of(text), cause_of(text)) == ("KeyError: 'x'", "ValueError: invalid literal")
    assert cause_of(SYNTAX) == ""


def test_the_files_that_mention_a_dag(project: Project) -> None:
    (project.dags / "more").mkdir()
    (project.dags / "more" / "one.py").write_text('with DAG("flow"): ...')
    (project.dags / "two.py").write_text('from airflow.sdk import DAG\n\nwith DAG("flow-2"): ...')
    assert naming(project, "flow") == [Path("more/one.py")]


def test_a_dag_of_a_yaml_file_is_mentioned(project: Project) -> None:
    (project.dags / "flows.yml").write_text("flow:\n  tasks: []\n")
    assert (mentioned(project, "flow"), mentioned(project, "flwo")) == (True, False)
