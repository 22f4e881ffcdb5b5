"""The example pipeline on the composed stack, in dev and in dev_docker: the embedded stack's values, kept."""

from __future__ import annotations

import pytest
from composed_example import MODES, Composed, Run
from example_results import SCORES, assert_all_there, value

from gaiaflow.infra.docker import engine_answers

pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not engine_answers(), reason="no Docker engine answers"),
]


@pytest.mark.parametrize("mode", MODES)
def test_a_run_ends_with_the_values_of_the_embedded_stack(runs: dict[str, Run], mode: str) -> None:
    told = runs[mode].told
    assert (told["dag"], told["state"]) == ("co2_forecast", "success")
    assert {name: task["state"] for name, task in told["tasks"].items()} == dict.fromkeys(
        ("preprocess", "modelling.train", "modelling.evaluate"), "success"
    )
    assert value(told, "modelling.evaluate") == SCORES


@pytest.mark.parametrize("mode", MODES)
def test_run_model_and_objects_can_be_read_back(stack: Composed, runs: dict[str, Run], mode: str) -> None:
    assert_all_there(stack, runs[mode].told)


def test_each_run_registers_a_model_of_its_own(runs: dict[str, Run]) -> None:
    assert [value(runs[mode].told, "modelling.train")["model_version"] for mode in MODES] == [1, 2]


def test_all_of_it_outlasts_a_stop(stack: Composed, runs: dict[str, Run]) -> None:
    stack.inv("dev.stop")
    assert {service["state"] for service in stack.status()["services"].values()} == {"stopped"}
    stack.start("--mode", "dev")
    assert {service["state"] for service in stack.status()["services"].values()} == {"running"}
    for run in runs.values():
        assert_all_there(stack, run.told)
    again = stack.run().told
    assert value(again, "modelling.evaluate") == SCORES
    assert value(again, "modelling.train")["model_version"] == 3
