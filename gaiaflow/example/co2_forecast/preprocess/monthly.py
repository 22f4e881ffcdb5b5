"""The first task: the weekly record becomes a monthly series without gaps."""

from __future__ import annotations

from typing import Any, TypedDict

import mlflow
import pandas as pd

from co2_forecast.dataloader.record import weekly_record
from co2_forecast.dataloader.series import to_csv

ARTIFACT = "series/monthly.csv"


class Preprocessed(TypedDict):
    """What preprocess returns: where the series is, and how much of it was measured."""

    run_id: str
    preprocessed_path: str
    months: int
    filled: int


def preprocess(params: dict[str, Any]) -> Preprocessed:
    """Open the MLflow run of this pipeline and keep the monthly series in it.

    Tasks may run on different machines, so they pass the series through MLflow and not by a local path.
    """
    raw = monthly_means(weekly_record())
    filled = int(raw.isna().sum())
    mlflow.set_experiment(params["experiment"])
    with mlflow.start_run() as run:
        mlflow.log_params({"months": len(raw), "filled": filled})
        mlflow.log_text(to_csv(fill_gaps(raw)), ARTIFACT)
    run_id = run.info.run_id
    return {
        "run_id": run_id,
        "preprocessed_path": f"runs:/{run_id}/{ARTIFACT}",
        "months": len(raw),
        "filled": filled,
    }


def monthly_means(weekly: pd.Series) -> pd.Series:
    """The mean of each month; NaN for a month without a measurement."""
    return weekly.resample("MS").mean()


def fill_gaps(monthly: pd.Series) -> pd.Series:
    """Missing months on the line between their neighbours, in hundredths of a ppm."""
    return monthly.interpolate(method="linear").round(2)
