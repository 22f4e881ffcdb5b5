"""The whole texts of errors: what the author of a DAG gets wrong."""

from __future__ import annotations

import pytest

from gaiaflow import check, tasks
from gaiaflow.operators import resources
from gaiaflow.project import Project
from gaiaflow.tasks import FromTask
from tests.error_case import Case, hold, text_of

QUANTITIES = '{"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}, "gpu": 1}'
FROM = FromTask("load", key="sereis")
CASES = [
    Case(lambda _: FromTask(""), 2, "FromTask needs the id of a task, not ''", 'FromTask("preprocess")'),
    Case(
        lambda _: FROM._pick([1]),
        1,
        "FromTask(load, sereis) wants a key, but task `load` returned a list",
        "return a dict there, or leave `key` out",
    ),
    Case(
        lambda _: FROM._pick({"series": 1, "n": 2}),
        1,
        "FromTask(load, sereis): task `load` returned no `sereis` (did you mean `series`?)",
        "it returned series, n",
    ),
    Case(
        lambda _: tasks._pulled("path", {"key": "x"}),
        2,
        "`xcom_pull_tasks['path']` needs `task` and at most `key`, not key",
        '{"path": {"task": "group.task", "key": "return_value"}}',
    ),
    Case(lambda _: tasks._retries(-1, None), 2, "`retries` is -1, not a number from 0 up", "retries=3"),
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
        "env_vars has the name 'A B', which no environment takes",
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
        "`tile` stands in func_kwargs and in map_over",
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
        "a list, or FromTask of one",
    ),
    Case(
        lambda _: resources.parse({"limit": {}}),
        2,
        "`resources` has the key `limit` (did you mean `limits`?)",
        QUANTITIES,
    ),
    Case(
        lambda _: resources.parse({"gpu": 0.5}), 2, "`resources` wants 0.5 gpu, not a whole number", QUANTITIES
    ),
    Case(
        lambda _: resources.parse({"limits": "1Gi"}),
        2,
        "`resources['limits']` is a str, not a dict",
        QUANTITIES,
    ),
    Case(
        lambda _: resources.parse({"limits": {"memroy": "1Gi"}}),
        2,
        "`resources['limits']` has `memroy` (did you mean `memory`?)",
        QUANTITIES,
    ),
    Case(
        lambda _: resources.parse({"limits": {"cpu": "much"}}),
        2,
        "`resources['limits']['cpu']` is 'much', not a quantity",
        "500m, 2, 512Mi, 1Gi",
    ),
    Case(
        lambda _: resources.chosen({}, {"resource_profile": "hihg"}),
        2,
        "no resource profile `hihg` (did you mean `high`?)",
        "the param `resource_profile` is one of low, medium, high, ultra",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)
