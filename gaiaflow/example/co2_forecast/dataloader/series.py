"""The monthly series as text: how one task hands it to the next through MLflow."""

from __future__ import annotations

import io

import mlflow
import pandas as pd


def to_csv(monthly: pd.Series) -> str:
    """A line for each month: ``1958-03,316.1``."""
    return monthly.to_csv(date_format="%Y-%m", index_label="month", lineterminator="\n")


def from_csv(text: str) -> pd.Series:
    """The inverse of to_csv."""
    return pd.read_csv(io.StringIO(text), index_col="month", parse_dates=["month"])["co2"]


def read_series(uri: str) -> pd.Series:
    """The series that a run keeps, e.g. ``runs:/<run_id>/series/monthly.csv``."""
    return from_csv(mlflow.artifacts.load_text(uri))


def split(series: pd.Series, horizon: int) -> tuple[pd.Series, pd.Series]:
    """History and the last months, which are held back."""
    return series.iloc[:-horizon], series.iloc[-horizon:]
