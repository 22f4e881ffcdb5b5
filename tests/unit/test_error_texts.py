"""The whole texts of the errors of what a DAG file imports, and of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaiaflow import check, tasks
from gaiaflow.endpoints import service_names
from gaiaflow.errors import GaiaflowError
from gaiaflow.project import Project
from gaiaflow.tasks import FromRun, FromTask
from tests.error_case import Case, hold, text_of

FROM = FromTask("load", key="sereis")


NAMES = (
    "logical_date, data_interval_start, data_interval_end, ds, run_id, partition_key, dag_id, task_id, "
    'try_number, map_index, params.NAME, asset("NAME")'
)

CASES = [
    Case(
        lambda _: FromRun("logical_dat"),
        2,
        "FromRun has no `logical_dat` (did you mean `logical_date`?)",
        NAMES,
    ),
    Case(lambda _: FromRun("params"), 2, "FromRun has no `params` (did you mean `params.NAME`?)", NAMES),
    Case(lambda _: FromRun("asset(x)"), 2, 'FromRun has no `asset(x)` (did you mean `asset("NAME")`?)', NAMES),
    Case(
        lambda _: FromRun("ds", key="day"),
        2,
        "FromRun(ds, day) picks a key, but `ds` is not a dict",
        'FromRun("ds")',
    ),
    Case(
        lambda _: check.mapped({"tile": FromRun("params.tiles")}, None),
        2,
        "map_over['tile'] is FromRun(params.tiles): "
        "Airflow maps over a list in the file or over a task's result",
        "write a task that takes FromRun(params.tiles) and returns the list; a list may contain FromRun",
    ),
    Case(lambda _: FromTask(""), 2, "FromTask needs the id of a task, not ''", 'FromTask("preprocess")'),
    Case(
        lambda _: FROM._pick([1]),
        1,
        "FromTask(load, sereis) needs a key, but task `load` returned a list",
        "return a dict there, or leave `key` out",
    ),
    Case(
        lambda _: FROM._pick({"series": 1, "n": 2}),
        1,
        "FromTask(load, sereis): task `load` returned no `sereis` (did you mean `series`?)",
        "there is series, n",
    ),
    Case(
        lambda _: tasks._pulled("path", {"key": "x"}),
        2,
        "`xcom_pull_tasks['path']` needs `task` and at most `key`, not key",
        '{"path": {"task": "group.task", "key": "return_value"}}',
    ),
    Case(
        lambda _: tasks._retries(-1, None), 2, "`retries` is -1, not a whole number of 0 or more", "retries=3"
    ),
    Case(
        lambda _: check.func_path("pkg.train.train"),
        2,
        "func_path `pkg.train.train` is not `package.module:function` (did you mean `pkg.train:train`?)",
        '"my_package.train:train"',
    ),
    Case(
        lambda _: check.text("image", "a b"),
        2,
        "`image` is 'a b', not a name",
        'image="my-project/my_package:0.1.0"',
    ),
    Case(
        lambda _: check.names("secrets", "keys"),
        2,
        "`secrets` is 'keys', not a list of names",
        'secrets=["my-secret"]',
    ),
    Case(
        lambda _: check.variables({"A B": 1}),
        2,
        "env_vars has the name 'A B', which is not a valid variable name",
        "letters, digits and _",
    ),
    Case(lambda _: check.variables({"A": [1]}), 2, "env_vars['A'] is a list, not text", '{"A": "text"}'),
    Case(
        lambda _: check.mapped({}, None),
        2,
        "map_over has 0 keys, not 1 to 4",
        'map_over={"tile": [1, 2, 3]}',
    ),
    Case(
        lambda _: check.mapped({"tile": [1]}, {"tile": 2}),
        2,
        "`tile` is in func_kwargs and in map_over",
        "leave it out of func_kwargs",
    ),
    Case(
        lambda _: check.mapped({"tile": FromTask("tiles", key="all")}, None),
        2,
        "map_over['tile'] picks `all`: Airflow maps over a whole result",
        "return the list itself from `tiles` and use FromTask('tiles')",
    ),
    Case(
        lambda _: check.mapped({"tile": 3}, None),
        2,
        "map_over['tile'] is a int, not a list",
        "pass a list, or FromTask of a task that returns one",
    ),
    Case(
        lambda _: service_names(["mlfow"]),
        2,
        "unknown service `mlfow` (did you mean `mlflow`?)",
        "one of s3, mlflow, airflow, jupyter, model, minio, all",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[tool.gaiaflow", "cannot read `{file}`: ", "fix the file; it is not valid TOML"),
        (
            '[tool.gaiaflow]\nsource = "src"\n',
            "`source` in {file} names `src`, but there is no such folder",
            "set it to the folder that contains dags/, relative to pyproject.toml",
        ),
        (
            '[tool.gaiaflow]\nimgae = "x"\n',
            "`imgae` in [tool.gaiaflow] of {file}: extra inputs are not permitted (did you mean `image`?)",
            "",
        ),
    ],
)
def test_a_project_that_cannot_be_read(tmp_path: Path, text: str, message: str, hint: str) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(text)
    with pytest.raises(GaiaflowError) as caught:
        Project.find(tmp_path)
    assert caught.value.message.startswith(message.replace("{file}", str(file)))
    assert caught.value.exit_code == 2
    assert not hint or caught.value.hint == hint


def test_no_project(tmp_path: Path) -> None:
    with pytest.raises(GaiaflowError) as caught:
        Project.find(tmp_path)
    assert caught.value.message == (
        f"no project in `{tmp_path}` or above it: no pyproject.toml with [tool.gaiaflow]"
    )
