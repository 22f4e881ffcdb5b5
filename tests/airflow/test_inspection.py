"""What `inv dag.list`, `check`, `explain`, `graph` and `replay` ask Airflow's environment."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.dags.version import churn
from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.inspection import explain, recall, serialise, structure
from gaiaflow.project import Project
from gaiaflow.testing import place
from gaiaflow.testing.schema import problems

ROOT = Path(__file__).parents[2]
FLOW = """
from airflow.sdk import DAG, Param, TaskGroup
from airflow.providers.standard.operators.empty import EmptyOperator
from gaiaflow.tasks import FromTask, create_task

with DAG("flow", schedule="@daily", tags=["a"], params={"scale": Param(2, type="integer")}):
    load = create_task(
        "load", "pk.f:load", func_kwargs={"x": 5, "api_token": "do-not-show"}, image="own/image:1",
        env_vars={"LEVEL": "high", "DB_PASSWORD": "do-not-show"}, secrets=["keys"],
        resources={"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}},
        docker={"shm_size": 1000}, kubernetes={"priority_class_name": "urgent"},
    )
    create_task("tiles", "pk.f:tiles")
    with TaskGroup("work"):
        create_task("one", "pk.f:one", func_kwargs={"factor": 2, "text": FromTask("load", "text")},
                    map_over={"tile": FromTask("tiles"), "side": ["left", "right"]}, mode="dev_docker")
        with TaskGroup("inner"):
            total = create_task("total", "pk.f:total", func_args=[{"all": FromTask("work.one")}])
    total >> EmptyOperator(task_id="end")
"""
OTHER = """
import datetime
from airflow.sdk import DAG
from gaiaflow.tasks import create_task

with DAG("restless", schedule=None, description=f"read at {datetime.datetime.now()}"):
    create_task("one", "pk.f:load")
"""
BROKEN = "from airflow.sdk import DAG\nfrom gaiaflow.tasks import nothing_like_it\n"
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def flow(project: Callable[..., Path], airflow_home: Path) -> Project:
    root = project(FLOW)
    (root / "dags" / "other.py").write_text(OTHER)
    (root / "dags" / "broken.py").write_text(BROKEN)
    found = Project.find(root)
    place.enter(found, airflow_home)
    return found


def explained(flow: Project, *modes: str, task: str = "") -> list[dict[str, Any]]:
    found = explain.answer(flow, {"dag": "flow", "modes": modes, "task": task})["explained"]
    return [one["tasks"] for one in found]


def test_the_structure_of_all_dags(flow: Project) -> None:
    found = structure.answer(flow, {})
    assert [(dag["dag"], dag["file"], dag["schedule"], dag["tags"]) for dag in found["dags"]] == [
        ("flow", "file.py", "@daily", ["a"]),
        ("restless", "other.py", None, []),
    ]
    assert list(found["errors"]) == ["broken.py"]
    assert "nothing_like_it" in found["errors"]["broken.py"]
    tasks = {task["task"]: task for task in found["dags"][0]["tasks"]}
    assert {name: task["mode"] for name, task in tasks.items()} == {
        "load": "dev",
        "tiles": "dev",
        "work.one": "dev_docker",
        "work.inner.total": "dev",
        "end": None,
    }
    assert tasks["work.one"] == {
        "task": "work.one",
        "group": "work",
        "mode": "dev_docker",
        "operator": "DevDockerOperator",
        "function": "pk.f:one",
        "call": {"args": 0, "kwargs": ["factor", "side", "text", "tile"]},
        "mapped": True,
        "takes_run": False,
        "downstream": ["work.inner.total"],
    }
    assert tasks["work.inner.total"]["call"] == {"args": 1, "kwargs": []}
    assert [(g["group"], g["parent"]) for g in found["dags"][0]["groups"]] == [
        ("work", None),
        ("work.inner", "work"),
    ]


TIMED = """
from datetime import timedelta

from airflow.sdk import DAG, Asset, Param, task
from airflow.providers.standard.operators.empty import EmptyOperator
from gaiaflow.tasks import FromRun, FromTask, create_task

with DAG("daily", schedule="@daily", params={"scale": Param(2, type="integer")}):
    create_task("date", "pk.f:load", func_kwargs={"dates": [{"start": FromRun("ds")}]})
    create_task("positional", "pk.f:load", func_args=[FromRun("logical_date")])
    create_task("mapped", "pk.f:load", map_over={"day": [FromRun("ds"), "today"]})
    create_task("beside", "pk.f:load", func_kwargs={"x": FromRun("ds")}, map_over={"y": [1, 2]})
    create_task("param", "pk.f:load", func_kwargs={"scale": FromRun("params.scale")})
    create_task("text", "pk.f:load", func_kwargs={"x": "{{ ds }}"})
    create_task("result", "pk.f:load", func_args=[FromTask("date")], map_over={"y": [1, 2]})
    task(lambda ds=None: ds, task_id="author")()
    EmptyOperator(task_id="end")
with DAG("delta", schedule=timedelta(hours=1)): ...
with DAG("once", schedule="@once"): ...
with DAG("asset", schedule=[Asset("scenes")]): ...
with DAG("manual", schedule=None): ...
"""


def test_which_tasks_take_of_their_run_and_which_dags_run_for_dates(
    project: Callable[..., Path], airflow_home: Path
) -> None:
    found = Project.find(project(TIMED))
    place.enter(found, airflow_home)
    dags = {dag["dag"]: dag for dag in structure.answer(found, {})["dags"]}
    assert {name: dag["timed"] for name, dag in dags.items()} == {
        "asset": False,
        "daily": True,
        "delta": True,
        "manual": False,
        "once": False,
    }
    assert {task["task"]: task["takes_run"] for task in dags["daily"]["tasks"]} == {
        **dict.fromkeys(("date", "positional", "mapped", "beside", "author"), True),
        # Params are the same in each run, text is not rendered, and a result is another task's.
        **dict.fromkeys(("param", "text", "result", "end"), False),
    }


def test_a_mode_and_an_unknown_dag(flow: Project) -> None:
    (dag,) = structure.answer(flow, {"dag": "flow", "mode": "prod"})["dags"]
    assert dag["tasks"][0]["mode"] == "prod"
    (flow.dags / "broken.py").unlink()
    with pytest.raises(UsageError, match=r"no DAG `flwo` .*did you mean `flow`\?"):
        structure.answer(flow, {"dag": "flwo"})


def test_what_dev_ignores_is_shown_with_the_reason(flow: Project) -> None:
    (tasks,) = explained(flow, "dev", task="load")
    found = tasks["load"]
    assert (found["operator"], found["runs_as"]) == ("DevOperator", "ExternalPythonOperator")
    assert found["image"] is None
    assert found["spec"] is None
    assert found["command"][1] == "-u"
    ignored = {one["argument"]: one["why"] for one in found["ignored"]}
    assert list(ignored) == ["image", "env_vars", "resources", "docker", "kubernetes"]
    assert ignored["image"] == "dev runs in the project's own environment, in no image"


def test_the_container_is_what_the_engine_would_get(flow: Project) -> None:
    (tasks,) = explained(flow, "dev_docker", task="load")
    found = tasks["load"]
    spec = found["spec"]
    assert found["image"] == spec["Image"] == "own/image:1"
    assert (
        found["command"] == [*spec["Entrypoint"], *spec["Cmd"]] == ["python", "-u", "/opt/gaiaflow/runner.py"]
    )
    assert spec["HostConfig"]["Memory"] == 2**30
    assert spec["HostConfig"]["ShmSize"] == 1000
    assert spec["Labels"]["gaiaflow.task"] == "load"
    assert "LEVEL=high" in spec["Env"]
    assert [one["argument"] for one in found["ignored"]] == ["resources.requests", "kubernetes"]


@pytest.mark.parametrize("mode", ["prod_local", "prod"])
def test_the_pod_is_what_the_cluster_would_get(flow: Project, mode: str) -> None:
    (tasks,) = explained(flow, mode, task="load")
    found = tasks["load"]
    pod = found["spec"]
    assert problems(pod, local_allowed=True) == []
    main = next(c for c in pod["spec"]["containers"] if c["name"] == "base")
    assert main["image"] == found["image"] == "own/image:1"
    assert found["resources"] == {"limits": {"memory": "1Gi"}, "requests": {"cpu": "1"}}
    assert pod["spec"]["priorityClassName"] == "urgent"
    assert found["kubernetes"] == "1.29 or newer"
    assert found["runs_as"] == "KubernetesPodOperator"
    assert {"secretRef": {"name": "keys"}} in main["envFrom"]
    assert found["environment"]["LEVEL"] == "high"
    assert [one["argument"] for one in found["ignored"]] == ["docker"]


def test_no_secret_is_shown_in_any_mode(flow: Project) -> None:
    shown = json.dumps(explained(flow, "dev", "dev_docker", "prod_local", "prod"))
    assert "do-not-show" not in shown
    call = json.loads(explained(flow, "dev", task="load")[0]["load"]["environment"]["GAIAFLOW_CALL"])
    assert call["kwargs"] == {"x": 5, "api_token": "***"}
    assert call["params"] == {"scale": 2}


def test_mapped_tasks_and_operators_of_others_are_explained(flow: Project) -> None:
    (tasks,) = explained(flow, "dev")
    one = tasks["work.one"]
    assert one["mapped_over"] == {"tile": "FromTask(tiles)", "side": "2 values"}
    call = json.loads(one["environment"]["GAIAFLOW_CALL"])
    assert call["kwargs"] == {
        "factor": 2,
        "text": "FromTask(load, text)",
        "tile": "one of FromTask(tiles)",
        "side": "left",
    }
    assert tasks["end"] == {
        "mode": None,
        "operator": "EmptyOperator",
        "note": "not made by create_task: Airflow runs it as it is",
    }


def test_an_unknown_task_is_guessed(flow: Project) -> None:
    with pytest.raises(UsageError) as caught:
        explained(flow, "dev", task="total")
    assert caught.value.message == "DAG `flow` has no task `total` (did you mean `work.inner.total`?)"
    assert caught.value.hint == "it has end, load, tiles, work.inner.total, work.one"


def test_nothing_of_gaiaflow_makes_a_new_version(flow: Project) -> None:
    for mode in ("dev", "dev_docker", "prod_local", "prod"):
        looks = [serialise.answer(flow, {"mode": mode})["stored"] for _ in range(2)]
        assert list(churn([look["flow"] for look in looks])) == []


def test_a_dag_that_differs_at_each_look_is_told_with_the_place(flow: Project) -> None:
    looks = [serialise.answer(flow, {"dag": "restless"})["stored"] for _ in range(2)]
    assert [list(look) for look in looks] == [["restless"]] * 2
    (said,) = churn([look["restless"] for look in looks])
    assert said.startswith('2 looks gave 2 versions: dag.description: "read at ')


def answered(flow: Project, **request: Any) -> dict[str, Any]:
    known = {"dag": "flow", "map_index": -1, "conf": {"scale": 7}}
    return recall.answer(flow, {**known, **request})


def recalled(flow: Project, **request: Any) -> dict[str, Any]:
    call: dict[str, Any] = answered(flow, **request)["call"]
    return call


def test_kept_arguments_count_where_the_dag_file_gives_others_now(flow: Project) -> None:
    kept = {"func_args": [], "func_kwargs": {"factor": 3, "tile": 9, "side": "right", "text": "t"}}
    for values in ({}, {"tiles": [9, 9], "load": {"text": "t"}}):
        found = answered(flow, task="work.one", map_index=1, arguments=kept, values=values)
        assert found["changed"] is True
        assert found["call"]["function"] == "pk.f:one"
        assert found["call"]["kwargs"] == kept["func_kwargs"]
        assert found["call"]["params"] == {"scale": 7}


def test_the_keys_of_a_dict_stay_in_their_order(flow: Project) -> None:
    kept = {"func_args": [{"all": [{"a": 1, "b": 2}]}], "func_kwargs": {}}
    values = {"work.one": [{"b": 2, "a": 1}]}
    found = answered(flow, task="work.inner.total", arguments=kept, values=values)
    assert found["changed"] is False
    assert list(found["call"]["args"][0]["all"][0]) == ["b", "a"]


def test_arguments_are_rebuilt_from_what_other_tasks_returned(flow: Project) -> None:
    values = {"tiles": [10, 20, 30], "load": {"text": "long"}, "work.one": [1, 2]}
    picked = [recalled(flow, task="work.one", map_index=i, values=values)["kwargs"] for i in (0, 1, 5)]
    assert [(one["tile"], one["side"]) for one in picked] == [(10, "left"), (10, "right"), (30, "right")]
    assert picked[0]["text"] == "long"
    assert recalled(flow, task="work.inner.total", values=values)["args"] == [{"all": [1, 2]}]
    with pytest.raises(UsageError) as caught:
        recalled(flow, task="work.one", map_index=6, values=values)
    assert str(caught.value) == "no map index 6\nhint: the run has 0 to 5"


def test_what_cannot_be_recalled_says_why(flow: Project) -> None:
    with pytest.raises(GaiaflowError) as caught:
        recalled(flow, task="work.inner.total", values={})
    assert caught.value.message == "the run has no value of task `work.one`, which `work.inner.total` needs"
    with pytest.raises(UsageError) as caught:
        recalled(flow, task="end")
    assert caught.value.message == "task `end` is of EmptyOperator, not made by create_task"


DATED = """
from airflow.sdk import DAG, Asset
from gaiaflow.tasks import FromRun, create_task

with DAG("dated", schedule=[Asset("scenes")]):
    create_task("one", "pk.f:one", func_args=[FromRun("logical_date"), FromRun("run_id")],
                func_kwargs={"end": FromRun("data_interval_end"), "extra": FromRun('asset("scenes")', "path")},
                map_over={"day": ["x", FromRun("ds")]})
"""
RUN = {
    "run_id": "asset_triggered__1",
    "logical_date": "2024-05-01T00:00:00Z",
    "data_interval_start": "2024-05-01T00:00:00Z",
    "data_interval_end": "2024-05-02T00:00:00Z",
    "try_number": 3,
    "asset_events": [
        {"name": "scenes", "extra": {"path": "new"}, "timestamp": "2024-05-02T00:00:00Z"},
        {"name": "scenes", "extra": {"path": "old"}, "timestamp": "2024-05-01T00:00:00Z"},
    ],
}


@pytest.fixture
def dated(flow: Project) -> Project:
    (flow.dags / "dated.py").write_text(DATED)
    return flow


def test_the_run_is_in_words_until_it_has_a_date(dated: Project) -> None:
    calls = []
    for when in ({}, {"date": "2024-05-01"}):
        (found,) = explain.answer(dated, {"dag": "dated", "modes": ["dev"], "when": when})["explained"]
        calls.append(json.loads(found["tasks"]["one"]["environment"]["GAIAFLOW_CALL"]))
    assert calls[0]["args"] == ["FromRun(logical_date)", "FromRun(run_id)"]
    assert calls[1]["args"] == ["2024-05-01T00:00:00+00:00", "FromRun(run_id)"]
    assert calls[1]["kwargs"]["end"] == "2024-05-01T00:00:00+00:00"
    assert calls[1]["kwargs"]["extra"] == 'FromRun(asset("scenes"), path)'


def test_a_task_of_a_past_run_gets_that_run_s_date_or_another(dated: Project) -> None:
    request = {"dag": "dated", "task": "one", "map_index": 1, "run": RUN, "conf": {}}
    call = recall.answer(dated, request)["call"]
    assert call["args"] == ["2024-05-01T00:00:00+00:00", "asset_triggered__1"]
    assert call["kwargs"] == {"end": "2024-05-02T00:00:00+00:00", "extra": "new", "day": "2024-05-01"}
    assert call["from_run"]["kwargs"] == {
        "end": "data_interval_end",
        "extra": 'asset("scenes")',
        "day": "ds",
    }
    kept = {"func_args": ["2024-05-01T00:00:00+00:00", "r"], "func_kwargs": {"day": "2024-05-01"}}
    moved = {**RUN, "logical_date": "2024-06-01T00:00:00Z"}
    call = recall.answer(dated, {**request, "run": moved, "arguments": kept, "moved": True})["call"]
    assert (call["args"][0], call["kwargs"]["day"]) == ("2024-06-01T00:00:00+00:00", "2024-06-01")


def test_files_are_timed_each_by_itself(flow: Project, tmp_path: Path) -> None:
    outcome = tmp_path / "outcome.json"
    files = ["file.py", "broken.py"]
    request = {"project": str(flow.root), "dag": "flow", "dags": str(flow.dags), "timed": files}
    subprocess.run(
        [sys.executable, "-m", "gaiaflow.inspection", "serialise", str(outcome)],
        input=json.dumps(request),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        check=True,
        capture_output=True,
        timeout=120,
    )
    answer = json.loads(outcome.read_text())
    found = answer["seconds"]
    assert "hash" in answer["stored"]["flow"]
    assert found["airflow"] > 0
    assert found["files"][files[0]] > 0
    assert found["files"][files[1]] is None
