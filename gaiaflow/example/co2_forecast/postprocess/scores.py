"""How good a forecast is, in ppm and against the simplest one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from co2_forecast.utils.rounding import rounded


def rmse(truth: pd.Series, guess: pd.Series) -> float:
    """Root mean square error."""
    return rounded(np.sqrt(((truth - guess) ** 2).mean()))


def mae(truth: pd.Series, guess: pd.Series) -> float:
    """Mean absolute error."""
    return rounded((truth - guess).abs().mean())


def seasonal_naive(history: pd.Series, months: pd.DatetimeIndex) -> pd.Series:
    """The forecast to beat: every month has the value of the same month in the last year of the history."""
    year = history.iloc[-12:].to_numpy()
    return pd.Series(np.resize(year, len(months)), index=months, name="co2")


def skill(error: float, naive_error: float) -> float:
    """1 is perfect, 0 no better than the naive forecast."""
    return rounded(1 - error / naive_error)
