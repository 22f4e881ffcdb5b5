"""The three tasks one after the other, with a temporary MLflow."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from co2_forecast.model_pipeline.registry import forecast
from co2_forecast.postprocess.backtest import evaluate
from co2_forecast.preprocess.monthly import preprocess
from co2_forecast.train.fit import train

PARAMS = {"experiment": "test", "horizon_months": 24, "harmonics": 2}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("mlflow")
    before = mlflow.get_tracking_uri()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
        first = preprocess(PARAMS)
        second = train(first["preprocessed_path"], first["run_id"], "co2-test", PARAMS)
        third = evaluate(first["preprocessed_path"], second["run_id"], second["model_uri"], PARAMS)
        yield {"preprocess": first, "train": second, "evaluate": third}
    mlflow.set_tracking_uri(before)


def test_results_are_plain_json(results: dict[str, Any]) -> None:
    assert json.loads(json.dumps(results)) == results


def test_the_forecast_beats_the_naive_one(results: dict[str, Any]) -> None:
    scores = results["evaluate"]
    assert scores["rmse"] < scores["naive_rmse"]
    assert 0.5 < scores["skill"] < 1


def test_one_run_holds_everything(results: dict[str, Any]) -> None:
    client = mlflow.MlflowClient()
    run = client.get_run(results["preprocess"]["run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["rmse"] == results["evaluate"]["rmse"]
    assert run.data.metrics["train_rmse"] == results["train"]["rmse"]
    assert run.data.params["harmonics"] == "2"
    kept = [
        file.path for folder in ("series", "figures") for file in client.list_artifacts(run.info.run_id, folder)
    ]
    assert kept == ["series/monthly.csv", "figures/backtest.png"]


def test_the_registered_model_answers(results: dict[str, Any]) -> None:
    assert results["train"]["model_version"] == 1
    answer = forecast(results["train"]["model_uri"], pd.DatetimeIndex(["2002-05-01"]))
    assert 372 < answer.iloc[0] < 377  # 375.6 ppm were measured


def test_the_same_again_gives_the_same(results: dict[str, Any]) -> None:
    first = preprocess(PARAMS)
    second = train(first["preprocessed_path"], first["run_id"], "co2-test", PARAMS)
    third = evaluate(first["preprocessed_path"], second["run_id"], second["model_uri"], PARAMS)
    assert second["model_version"] == 2
    assert third == results["evaluate"]
