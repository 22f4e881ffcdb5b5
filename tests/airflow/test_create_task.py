"""What create_task and FromTask refuse and link while a DAG file is read."""

import sys
from collections.abc import Iterator

import pytest
from airflow.sdk import DAG, TaskGroup
from parity.values import REFUSED

from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.tasks import FromTask, create_task, task_factory

ECHO = "parity.functions:echo"


@pytest.fixture
def dag() -> Iterator[DAG]:
    with DAG("sample", schedule=None) as made:
        yield made


def complete(dag: DAG) -> None:
    """What Airflow does once a DAG file is read."""
    dag.resolve_template_files()


def edges(dag: DAG) -> set[tuple[str, str]]:
    return {(task.task_id, after) for task in dag.tasks for after in task.downstream_task_ids}


def test_from_task_keeps_its_neighbours_and_makes_the_edge(dag: DAG) -> None:
    create_task("first", ECHO)
    second = create_task("second", ECHO, func_args=[FromTask("first"), 1, {"deep": [FromTask("first", "key")]}])
    assert second.func_args.value == [FromTask("first"), 1, {"deep": [FromTask("first", "key")]}]
    complete(dag)
    assert edges(dag) == {("first", "second")}


def test_from_task_of_a_task_that_is_made_later(dag: DAG) -> None:
    create_task("second", ECHO, func_kwargs={"value": FromTask("first")})
    create_task("first", ECHO)
    complete(dag)
    assert edges(dag) == {("first", "second")}


def test_from_task_into_a_group(dag: DAG) -> None:
    with TaskGroup("group"):
        create_task("inner", ECHO)
    create_task("outer", ECHO, func_args=[FromTask("group.inner")])
    complete(dag)
    assert edges(dag) == {("group.inner", "outer")}


@pytest.mark.parametrize(
    ("wanted", "near"), [("frist", "did you mean `first`?"), ("inner", "did you mean `group.inner`?")]
)
def test_from_task_of_an_unknown_task_names_dag_task_and_near_miss(dag: DAG, wanted: str, near: str) -> None:
    create_task("first", ECHO)
    with TaskGroup("group"):
        create_task("inner", ECHO)
    create_task("second", ECHO, func_args=[FromTask(wanted)])
    with pytest.raises(GaiaflowError) as error:
        complete(dag)
    assert all(part in error.value.message for part in ("`second`", "`sample`", f"`{wanted}`", near))


def test_a_cycle_of_from_tasks_is_refused(dag: DAG) -> None:
    create_task("first", ECHO, func_args=[FromTask("second")])
    create_task("second", ECHO, func_args=[FromTask("first")])
    with pytest.raises(Exception, match=r"(?i)cycle"):
        complete(dag)


def test_a_task_cannot_take_its_own_result(dag: DAG) -> None:
    create_task(
        "first", ECHO, func_args=[FromTask("".join(("fi", "rst")))]
    )  # the same text, not the same object
    with pytest.raises(GaiaflowError, match="its own result"):
        complete(dag)


def test_a_key_that_the_annotation_rules_out(
    dag: DAG, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("code")
    (folder / "typed.py").write_text(
        "from typing import TypedDict\n\n"
        "class Out(TypedDict):\n    run_id: str\n\n"
        "def made() -> Out: ...\n\ndef number() -> int: ...\n"
    )
    monkeypatch.setenv("GAIAFLOW_CODE", str(folder))
    create_task("made", "typed:made")
    create_task("number", "typed:number")
    create_task("good", ECHO, func_args=[FromTask("made", "run_id")])
    with pytest.raises(UsageError, match=r"`sample`.*did you mean `run_id`\?"):
        create_task("bad", ECHO, func_args=[FromTask("made", "run_ld")])
    with pytest.raises(UsageError, match=r"is not annotated to return a dict"):
        create_task("worse", ECHO, func_args=[FromTask("number", "run_id")])


@pytest.mark.parametrize("name", sorted(REFUSED))
@pytest.mark.parametrize("place", ["func_args", "func_kwargs"])
def test_what_is_not_json_is_refused_in_one_line(dag: DAG, name: str, place: str) -> None:
    value = REFUSED[name]
    given = {"func_args": [value]} if place == "func_args" else {"func_kwargs": {"value": value}}
    with pytest.raises(UsageError) as error:
        create_task("bad", ECHO, **given)
    assert "`bad`" in error.value.message
    assert "`sample`" in error.value.message
    assert place in error.value.message
    assert "\n" not in error.value.message


@pytest.mark.parametrize("func_path", ["parity.functions.echo", "echo", "a b:c", "", ":x", "x:", None, 3])
def test_func_path_without_a_module_or_a_function(dag: DAG, func_path: object) -> None:
    with pytest.raises(UsageError, match=r"is not `package.module:function`"):
        create_task("bad", func_path)  # type: ignore[arg-type]


def test_func_path_with_a_dot_guesses_the_colon(dag: DAG) -> None:
    with pytest.raises(UsageError, match=r"did you mean `parity.functions:echo`"):
        create_task("bad", "parity.functions.echo")


def test_an_unknown_mode_from_the_argument_and_from_the_variable(
    dag: DAG, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"unknown mode `dev_dokcer`.*did you mean `dev_docker`"):
        create_task("bad", ECHO, mode="dev_dokcer")
    monkeypatch.setenv("GAIAFLOW_MODE", "prd")
    with pytest.raises(UsageError, match="GAIAFLOW_MODE"):
        create_task("bad", ECHO)


@pytest.mark.parametrize("mode", ["dev_docker", "prod_local", "prod"])
def test_a_missing_image_is_refused_at_parse(dag: DAG, mode: str) -> None:
    with pytest.raises(UsageError, match="needs an image") as error:
        create_task("bad", ECHO, mode=mode)
    assert "inv dev.dockerize" in error.value.hint


def test_the_operator_of_each_mode_is_the_providers(dag: DAG) -> None:
    from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
    from airflow.providers.docker.operators.docker import DockerOperator
    from airflow.providers.standard.operators.python import ExternalPythonOperator

    kinds = {
        "dev": ExternalPythonOperator,
        "dev_docker": DockerOperator,
        "prod_local": KubernetesPodOperator,
        "prod": KubernetesPodOperator,
    }
    for mode, kind in kinds.items():
        assert isinstance(create_task(f"task_{mode}", ECHO, mode=mode, image="sample:1"), kind)


@pytest.mark.parametrize("mode", ["dev", "dev_docker", "prod_local", "prod"])
def test_retries_are_three_the_dags_default_or_what_was_asked(mode: str) -> None:
    with DAG("plain", schedule=None):
        assert create_task("plain", ECHO, mode=mode, image="sample:1").retries == 3
    with DAG("default", schedule=None, default_args={"retries": 7}):
        assert create_task("default", ECHO, mode=mode, image="sample:1").retries == 7
        assert create_task("asked", ECHO, mode=mode, image="sample:1", retries=3).retries == 3
        assert task_factory("older", ECHO, env=mode, image="sample:1").retries == 2


@pytest.mark.parametrize("mode", ["dev", "dev_docker", "prod_local", "prod"])
def test_the_callers_dicts_stay_as_they_were(dag: DAG, mode: str) -> None:
    given = {"A": "1"}
    kwargs = {"value": {"nested": [1]}}
    for number in range(2):
        create_task(f"t{number}", ECHO, func_kwargs=kwargs, env_vars=given, mode=mode, image="sample:1")
    assert given == {"A": "1"}
    assert kwargs == {"value": {"nested": [1]}}


def test_dev_does_not_expect_airflow_in_the_projects_environment(dag: DAG) -> None:
    assert create_task("task", ECHO).expect_airflow is False


def test_dev_imports_neither_docker_nor_kubernetes() -> None:
    import subprocess

    code = (
        "import sys; from airflow.sdk import DAG; from gaiaflow.tasks import create_task\n"
        "with DAG('d', schedule=None): create_task('t', 'a:b')\n"
        "print([m for m in ('docker', 'kubernetes', 'invoke') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_two_parses_serialise_alike(dag: DAG) -> None:
    """No parse time in a name: a new DAG version only when the DAG has changed."""
    from airflow.serialization.serialized_objects import DagSerialization

    def made(mode: str) -> object:
        with DAG("same", schedule=None) as one:
            create_task("first", ECHO, func_args=[1], mode=mode, image="sample:1")
            create_task("second", ECHO, func_args=[FromTask("first")], mode=mode, image="sample:1")
        complete(one)
        return DagSerialization.serialize_dag(one)

    for mode in ("dev", "dev_docker", "prod_local", "prod"):
        assert made(mode) == made(mode)


def test_the_older_import_paths() -> None:
    from gaiaflow.core.create_task import create_task as older_create_task
    from gaiaflow.core.operators import FromTask as OlderFromTask

    assert older_create_task is create_task
    assert OlderFromTask is FromTask
