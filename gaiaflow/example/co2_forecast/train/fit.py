"""The second task: fits the model on all but the last months and registers it."""

from __future__ import annotations

from typing import Any, TypedDict

import mlflow

from co2_forecast.dataloader.series import read_series, split
from co2_forecast.model.seasonal import SeasonalTrend
from co2_forecast.model_pipeline.registry import register
from co2_forecast.postprocess.scores import rmse


class Trained(TypedDict):
    """What train returns: the registered model, and how well it fits its own history (in ppm)."""

    run_id: str
    model_uri: str
    model_version: int
    rmse: float


def train(preprocessed_path: str, run_id: str, model_name: str, params: dict[str, Any]) -> Trained:
    """Train on the series of an MLflow run and log the model to the same run.

    Args:
        preprocessed_path: the address of the monthly series, as preprocess returned it.
        run_id: the MLflow run to continue.
        model_name: the name in MLflow's registry.
        params: of the DAG; ``horizon_months`` are held back, ``harmonics`` shape the yearly cycle.
    """
    history, _ = split(read_series(preprocessed_path), params["horizon_months"])
    model = SeasonalTrend.fit(history, params["harmonics"])
    error = rmse(history, model.predict(history.index))
    with mlflow.start_run(run_id=run_id):
        mlflow.log_params({"horizon_months": params["horizon_months"], "harmonics": params["harmonics"]})
        mlflow.log_metric("train_rmse", error)
        info = register(model, model_name)
    return {
        "run_id": run_id,
        "model_uri": f"models:/{model_name}/{info.registered_model_version}",
        "model_version": int(info.registered_model_version),
        "rmse": error,
    }
