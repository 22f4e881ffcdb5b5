"""The example pipeline on the Compose stack, in dev and in dev_docker: the embedded stack's values, kept."""

from __future__ import annotations

import contextlib
import json

import pytest
from composed_example import MODES, Composed, Run
from example_model import NAME, REQUEST, answers, assert_plausible, predict
from example_results import SCORES, assert_all_there, value

from gaiaflow.infra.images.engine import connect, engine_answers

pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not engine_answers(), reason="no Docker engine answers"),
]
# Asked from inside, once the server answers.
ASK = f"""
import sys, time, urllib.error, urllib.request
base, data = "http://127.0.0.1:5001", {json.dumps(REQUEST).encode()!r}
for attempt in range(120):
    try:
        urllib.request.urlopen(base + "/ping")
        break
    except urllib.error.URLError:
        time.sleep(0.5)
request = urllib.request.Request(base + "/invocations", data, {{"Content-Type": "application/json"}})
sys.stdout.write(urllib.request.urlopen(request).read().decode())
"""


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


def test_the_stack_serves_a_model_in_a_container(stack: Composed, runs: dict[str, Run]) -> None:
    told = json.loads(stack.inv("model.serve", NAME, "--auto-ports", "--json"))
    assert told["version"] == 2
    assert_plausible(predict(told["url"]))
    row = stack.status()["services"]["model"]
    assert (row["state"], row["detail"]) == ("running", f"{NAME}/2")
    assert "GET /ping" in stack.inv("dev.logs", "--service", "model", "--all")
    stack.inv("dev.stop", "--service", "model")
    assert not answers(told["url"])
    stack.inv("model.stop")
    assert "model" not in stack.status()["services"]


def test_an_image_serves_its_model_alone(stack: Composed, runs: dict[str, Run]) -> None:
    told = json.loads(
        stack.inv("model.dockerize", f"{NAME}/1", "--image", "co2-forecast-e2e/served:1", "--json")
    )
    with contextlib.closing(connect()) as engine:
        image = engine.images.get(told["content"])
        assert image.attrs["Config"]["User"] == "10001:0"
        run_id = value(runs["dev"].told, "preprocess")["run_id"]
        assert [image.labels[f"gaiaflow.model{part}"] for part in ("", ".version", ".run")] == [
            NAME,
            "1",
            run_id,
        ]
        # Without a network nothing can be downloaded; read-only nothing can be installed.
        closed = {"network": "none", "read_only": True, "tmpfs": {"/tmp": ""}, "cap_drop": ["ALL"]}
        container = engine.containers.run(told["name"], detach=True, user="54321:54321", **closed)
        try:
            code, output = container.exec_run(["python", "-c", ASK])
        finally:
            container.remove(force=True)
    assert code == 0, output
    assert_plausible([row["co2"] for row in json.loads(output)["predictions"]])


@pytest.mark.full
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
