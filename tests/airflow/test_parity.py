"""The DAGs of the matrix in mode dev give what they have to: the matrix compares the other modes with it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from parity.values import SAME

from gaiaflow.project import Project
from gaiaflow.testing import RunResult, run_dag

MATRIX = Path(__file__).parents[1] / "dags"
SMALL = {name: value for name, value in SAME.items() if name != "kib_90"}


@pytest.fixture
def run(airflow_home: Path) -> Iterator[object]:
    before, path = dict(os.environ), list(sys.path)

    def run_one(name: str, **when: str) -> RunResult:
        return run_dag(name, "dev", project=Project.find(MATRIX), home=airflow_home, **when)

    yield run_one
    os.environ.clear()
    os.environ.update(before)
    sys.path[:] = path


def test_values_arrive_and_come_back(run) -> None:  # type: ignore[no-untyped-def]
    tasks = run("parity_values").tasks
    assert tasks["positional"].value == list(SMALL.values())
    assert tasks["kinds"].value == [type(value).__name__ for value in SMALL.values()]
    assert tasks["named"].value == {**SMALL, "params": {}}
    assert tasks["again"].value == [{"deep": [list(SMALL.values())]}]
    assert tasks["kib_90"].value == 90 * 1024
    assert tasks["empty"].value == []


def test_each_failure_reads_differently(run) -> None:  # type: ignore[no-untyped-def]
    result = run("parity_failures")
    errors = {name: task.error or "" for name, task in result.tasks.items()}
    said = {
        "exits_with_a_code": "parity.functions:exits raised SystemExit: 3",
        "exits_with_a_text": "parity.functions:exits raised SystemExit: no more",
        "exits_with_nothing": "parity.functions:exits raised SystemExit: 0",
        "raises_chained": "parity.functions:raises_chained raised ValueError: the outer error",
        "raises_unprintable": "(its text cannot be shown)",
        "returns_a_set": 'parity.functions:returns_set returned what is not JSON: result["a"] is a set',
        "returns_nan": "parity.functions:returns_nan returned what is not JSON: result is nan",
        "missing_function": "parity.functions has no function `ecko`: there is dies, echo,",
        "missing_module": "parity.nowhere does not import: ModuleNotFoundError",
        "does_not_import": "parity.broken does not import: ModuleNotFoundError: No module named 'a_module_that",
        "too_many_arguments": "parity.functions:takes_neither does not take this call: TypeError",
        "leaves_without_a_result": "`parity.functions:leaves_without_result` ended without a result",
        "dies": "`parity.functions:dies` exited with code 9",
    }
    assert {task.state for task in result.tasks.values()} == {"failed"}
    assert set(errors) == set(said)
    assert {name: said[name] in errors[name] for name in said} == dict.fromkeys(said, True), errors


def test_params_are_typed_and_output_disturbs_nothing(run) -> None:  # type: ignore[no-untyped-def]
    tasks = run("parity_params").tasks
    params = {
        "count": 3,
        "ratio": 0.5,
        "name": '{{ ds }} "quoted" ünïcödé',
        "flag": False,
        "Mixed_Case": ["a", {"B": None}],
    }
    assert tasks["takes_params"].value == {"scale": 2, "params": params}
    assert tasks["own_params"].value == {"scale": 1, "params": {"own": True}}
    assert tasks["takes_kwargs"].value == {"a": 1, "params": params}
    assert tasks["takes_neither"].value == 5
    assert (tasks["prints"].value, tasks["writes_stderr"].value) == ("printed", "written")
    assert tasks["leaves_a_process"].value == "left"
    assert tasks["leaves_a_process"].seconds < 30
    assert (tasks["returns_none"].state, tasks["returns_none"].value) == ("success", None)


def test_edges_maps_and_the_older_factory(run) -> None:  # type: ignore[no-untyped-def]
    result = run("parity_flow")
    values = {name: task.value for name, task in result.tasks.items()}
    assert result.succeeded
    assert values["keyed"] == ["C:\\new", {"x": [[1, 2, 3]]}, 1]
    assert (values["squares"], values["from_task"]) == ([9, 1, 4], [2, 5, 10])
    assert values["crossed"] == [11, 21, 14, 24]
    assert values["gathered"] == [[9, 1, 4], [2, 5, 10]]
    assert values["older"] == {"a": 1, "b": [1, 2, 3], "params": {}}
    assert (result.tasks["drops"].state, values["drops"]) == ("success", None)
    assert result.edges["numbers"] == ["from_task", "keyed", "last", "older"]


def test_what_is_of_the_run_arrives_as_the_annotations_say(run) -> None:  # type: ignore[no-untyped-def]
    result = run("parity_run", interval="2024-05-01..2024-05-03T06:00+02:00")
    start, end = "2024-05-01T00:00:00+00:00", "2024-05-03T04:00:00+00:00"
    values = {name: task.value for name, task in result.tasks.items()}
    assert result.succeeded, result
    assert values["window"] == ["datetime", start, end, "date", "2024-05-01"]
    assert values["text"] == ["2024-05-01", start, "2024-05-01"]
    assert values["missing"] == ["None", "None", "datetime.date(2024, 5, 1)"]
    assert values["nested"] == [{"in": [{"start": start, "end": end}, "T33UVP"]}]
    assert values["ids"] == ["parity_run", "ids", 1, -1]
    assert values["kinds"] == ["str", "str", "str", "int", "int"]
    days = ["2024-05-01", "2020-02-29"]
    assert values["mapped"] == [[1, days[0]], [1, days[1]], [2, days[0]], [2, days[1]]]
    assert values["after"] == [values["mapped"], days[0]]
    assert values["unknown"] == "str"


def test_one_task_makes_all_calls_of_a_map(run) -> None:  # type: ignore[no-untyped-def]
    tasks = run("parity_job").tasks
    assert tasks["squares"].value == [2, 5, 10]
    made = [(2, "parity_job"), (2, None), (1, "parity_job"), (1, None)]
    assert tasks["crossed"].value == [{"tile": tile, "told": told, "params": {}} for tile, told in made]
    assert tasks["gathered"].value == [[2, 5, 10], [2, 2, 1, 1]]
