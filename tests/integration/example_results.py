"""What a run of the example pipeline leaves: values, an MLflow run, a registered model, objects in S3."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from example_stack import Running, opener

SCORES = {"rmse": 0.9536, "mae": 0.8969, "naive_rmse": 2.0655, "skill": 0.5383}


def value(run: dict[str, Any], task: str) -> Any:
    return run["tasks"][task]["value"]


def mlflow(stack: Running, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    url = stack.credentials()["mlflow"]["url"]
    data = json.dumps(body).encode() if body else None
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/api/2.0/mlflow/{path}", data=data, headers=headers)
    with opener.open(request, timeout=30) as response:
        return json.loads(response.read())


def artifacts(stack: Running) -> list[str]:
    listed = stack.s3("print([o['Key'] for o in c.list_objects_v2(Bucket='mlflow').get('Contents', [])])")
    return [str(key) for key in eval(listed)]


def assert_all_there(stack: Running, run: dict[str, Any]) -> None:
    run_id, version = value(run, "preprocess")["run_id"], value(run, "modelling.train")["model_version"]
    found = mlflow(stack, f"runs/get?run_id={run_id}")["run"]
    metrics = {m["key"]: round(m["value"], 4) for m in found["data"]["metrics"]}
    assert {name: metrics[name] for name in SCORES} == SCORES
    model = mlflow(stack, f"model-versions/get?name=co2-forecast&version={version}")["model_version"]
    assert model["run_id"] == run_id
    kept = artifacts(stack)
    assert [key for key in kept if run_id in key and key.endswith("figures/backtest.png")]
    assert [key for key in kept if run_id in key and key.endswith("series/monthly.csv")]


def assert_tagged(stack: Running, run: dict[str, Any], mode: str) -> None:
    """The MLflow run names the task that started it, without a word of the user's code."""
    run_id = value(run, "preprocess")["run_id"]
    tags = {t["key"]: t["value"] for t in mlflow(stack, f"runs/get?run_id={run_id}")["run"]["data"]["tags"]}
    expected = {"dag": "co2_forecast", "task": "preprocess", "try": "1", "mode": mode}
    assert {name: tags[f"gaiaflow.{name}"] for name in expected} == expected
    assert tags["gaiaflow.run"]
