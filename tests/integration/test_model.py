"""A registered model behind MLflow's scoring server on the embedded stack: found, served, asked, stopped."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from example_model import NAME, answers, predict
from example_stack import Running

from gaiaflow import envvar
from gaiaflow.infra.host import living

pytestmark = pytest.mark.stack
# Two versions that differ by one ppm, the first under an alias; much quicker than two runs of the pipeline.
REGISTER = """
import mlflow
from co2_forecast.model.seasonal import SeasonalTrend
from co2_forecast.model_pipeline.registry import register

for level in (0.0, 1.0):
    with mlflow.start_run():
        weights = [300.0, 1.0, 0.01, 1.0, 1.0]
        info = register(SeasonalTrend("1958-03", 1, weights, level), "NAME")
client = mlflow.MlflowClient()
client.set_registered_model_alias("NAME", "champion", str(int(info.registered_model_version) - 1))
"""


@pytest.fixture(scope="module")
def registered(stack: Running) -> Running:
    """The stack with two more versions of the model."""
    stack.start("--auto-ports", "--wait", "400")
    python = stack.root / ".gaiaflow" / "envs" / "project" / "bin" / "python"
    env = {"MLFLOW_TRACKING_URI": stack.credentials()["mlflow"]["url"], "PATH": "/usr/bin:/bin"}
    code = REGISTER.replace("NAME", NAME)
    subprocess.run([python, "-c", code], cwd=stack.root, env=env, check=True, capture_output=True, timeout=120)
    return stack


def serve(stack: Running, wanted: str) -> tuple[int, str]:
    """The version that is served, and its address."""
    told = json.loads(stack.inv("model.serve", wanted, "--auto-ports", "--json"))
    return told["version"], told["url"]


def test_the_newest_is_served_and_another_takes_its_place(registered: Running) -> None:
    rows = json.loads(registered.inv("model.list", "--json"))["models"]
    (row,) = [row for row in rows if row["model"] == NAME]
    newest, url = serve(registered, NAME)
    assert newest == row["newest"]
    level = predict(url)
    older, again = serve(registered, f"{NAME}@champion")
    assert (older, again) == (row["aliases"]["champion"], url)
    assert predict(url) == pytest.approx([value - 1 for value in level])
    assert json.loads(registered.inv("model.list", "--json"))["served"] == f"{NAME}/{older}"


def test_it_is_a_service_of_the_stack(registered: Running) -> None:
    version, url = serve(registered, NAME)
    rows = json.loads(registered.inv("dev.status", "--json"))["services"]
    assert (rows["model"]["state"], rows["model"]["detail"]) == ("running", f"{NAME}/{version}")
    logged = json.loads(registered.inv("dev.logs", "--service", "model", "--json"))["lines"]
    assert any("Uvicorn running on http://127.0.0.1:" in line for line in logged)
    registered.inv("dev.stop", "--service", "model")
    assert not answers(url)
    registered.start("--service", "model")
    assert answers(url)
    registered.inv("model.stop")
    assert not answers(url)
    assert "model" not in registered.states()
    assert f"{registered.project.id}/model" not in living.marks(envvar.STACK).values()
    assert not Path(registered.root, ".gaiaflow", "model").exists()


def test_what_is_not_there_is_guessed(registered: Running) -> None:
    told = registered.inv("model.serve", "co2-forcast", code=2)
    assert "no registered model `co2-forcast` (did you mean `co2-forecast`?)" in told
    assert "`champion`" in registered.inv("model.serve", f"{NAME}@chamption", code=2)
    assert "no model is served" in registered.start("--service", "model", code=3)
