"""The third task: the registered model against the months that it has not seen."""

from __future__ import annotations

from typing import Any, TypedDict

import mlflow

from co2_forecast.dataloader.series import read_series, split
from co2_forecast.model_pipeline.registry import forecast
from co2_forecast.postprocess.figure import backtest_figure
from co2_forecast.postprocess.scores import mae, rmse, seasonal_naive, skill


class Scores(TypedDict):
    """What evaluate returns; errors are in ppm."""

    rmse: float
    mae: float
    naive_rmse: float
    skill: float


def evaluate(preprocessed_path: str, run_id: str, model_uri: str, params: dict[str, Any]) -> Scores:
    """Load the model from the registry, score it on the months held back, and draw it.

    Args:
        preprocessed_path: the address of the monthly series, as preprocess returned it.
        run_id: the MLflow run that the scores and the figure go to.
        model_uri: the registered model, as train returned it.
        params: of the DAG; ``horizon_months`` were held back.
    """
    history, truth = split(read_series(preprocessed_path), params["horizon_months"])
    guess = forecast(model_uri, truth.index)
    error = rmse(truth, guess)
    naive_error = rmse(truth, seasonal_naive(history, truth.index))
    scores: Scores = {
        "rmse": error,
        "mae": mae(truth, guess),
        "naive_rmse": naive_error,
        "skill": skill(error, naive_error),
    }
    with mlflow.start_run(run_id=run_id):
        mlflow.log_metrics(dict(scores))
        mlflow.log_figure(backtest_figure(history, truth, guess), "figures/backtest.png")
    return scores
