"""The older factory over the same operators, and what every operator of Airflow takes, in every mode."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest
from airflow.sdk import DAG

from gaiaflow.errors import UsageError
from gaiaflow.tasks import FromTask, create_task, task_factory

ECHO = "parity.functions:echo"
MODES = ["dev", "dev_docker", "prod_local", "prod"]
ANY = {
    "pool": "few",
    "retry_delay": timedelta(seconds=9),
    "execution_timeout": timedelta(minutes=2),
    "trigger_rule": "all_done",
    "priority_weight": 7,
    "queue": "slow",
    "max_active_tis_per_dag": 4,
    "doc_md": "says what it does",
    "owner": "eo",
}


NEWER = "task_id func_path func_args func_kwargs image mode secrets env_vars retries dag"
OLDER = "task_id func_path func_kwargs image env xcom_push xcom_pull_tasks secrets env_vars retries"


def test_the_signatures_are_the_documents() -> None:
    newer, older = inspect.signature(create_task).parameters, inspect.signature(task_factory).parameters
    assert " ".join(list(newer)[:10]) == NEWER
    assert " ".join(list(older)[:10]) == OLDER
    assert (newer["retries"].default, older["retries"].default) == (3, 2)


@pytest.mark.parametrize("mode", MODES)
def test_the_older_factory_makes_the_same_task(mode: str) -> None:
    shared = {"image": "sample:1", "secrets": ["creds"], "env_vars": {"LEVEL": "3"}}
    with DAG("older", schedule=None) as dag:
        create_task("made", ECHO, mode=mode, image="sample:1")
        older = task_factory(
            "older",
            ECHO,
            {"a": 1},
            env=mode,
            xcom_pull_tasks={"b": {"task": "made", "key": "return_value"}},
            **shared,
        )
        newer = create_task("newer", ECHO, func_kwargs={"a": 1, "b": FromTask("made")}, mode=mode, **shared)
    assert type(older) is type(newer)
    assert older.func_kwargs.value == newer.func_kwargs.value
    assert older.upstream_task_ids == {"made"} == newer.upstream_task_ids
    assert (older.retries, newer.retries) == (2, 3)
    assert dag.get_task("older") is older


@pytest.mark.parametrize("mode", MODES)
def test_a_value_that_is_not_wanted_is_not_pushed(mode: str) -> None:
    with DAG("quiet", schedule=None):
        assert not task_factory("quiet", ECHO, env=mode, image="sample:1", xcom_push=False).do_xcom_push


def test_a_key_picks_from_the_pulled_dict() -> None:
    with DAG("keys", schedule=None):
        create_task("made", ECHO)
        task = task_factory(
            "takes", ECHO, xcom_pull_tasks={"path": {"task": "made", "key": "preprocessed_path"}}
        )
    assert task.func_kwargs.value == {"path": FromTask("made", "preprocessed_path")}


def test_a_pull_without_a_task_is_refused() -> None:
    with pytest.raises(UsageError, match=r"xcom_pull_tasks\['path'\].*needs `task`"):
        task_factory("bad", ECHO, xcom_pull_tasks={"path": {"taks": "made"}})


@pytest.mark.parametrize("mode", MODES)
def test_every_argument_of_a_base_operator_is_taken(mode: str) -> None:
    with DAG("any", schedule=None):
        task = create_task("any", ECHO, mode=mode, image="sample:1", **ANY)
    for name, value in ANY.items():
        assert getattr(task, name) == value


@pytest.mark.parametrize("mode", MODES)
def test_every_argument_of_a_mapped_task_too(mode: str) -> None:
    with DAG("mapped", schedule=None):
        task = create_task("mapped", ECHO, mode=mode, image="sample:1", map_over={"tile": [1, 2]}, **ANY)
    for name, value in ANY.items():
        assert getattr(task, name) == value
