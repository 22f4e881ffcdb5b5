"""The model: a quadratic trend with a yearly cycle, fitted by least squares; its state is plain JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from co2_forecast.utils.rounding import rounded

MONTHS = 12


@dataclass(frozen=True)
class SeasonalTrend:
    """A fitted model.

    Attributes:
        start: the first month of the history, e.g. ``1958-03``; time is counted from it.
        harmonics: how many waves a year the cycle is made of.
        weights: of the trend (three) and the cycle (two for each harmonic).
        level: by how much the last year of the history lay above the fit, in ppm.
    """

    start: str
    harmonics: int
    weights: list[float]
    level: float

    @classmethod
    def fit(cls, history: pd.Series, harmonics: int) -> SeasonalTrend:
        """Fit to a monthly series."""
        terms = _terms(np.arange(len(history)), harmonics)
        weights = np.linalg.lstsq(terms, history.to_numpy(), rcond=None)[0]
        residuals = history.to_numpy() - terms @ weights
        return cls(
            start=f"{history.index[0]:%Y-%m}",
            harmonics=harmonics,
            weights=[rounded(weight, 9) for weight in weights],
            level=rounded(residuals[-MONTHS:].mean(), 6),
        )

    def predict(self, months: pd.DatetimeIndex) -> pd.Series:
        """CO2 in ppm for the months, which may be before, in or after the history."""
        start = pd.Timestamp(self.start)
        number = (months.year - start.year) * MONTHS + months.month - start.month
        values = _terms(np.asarray(number), self.harmonics) @ np.array(self.weights) + self.level
        return pd.Series(values, index=months, name="co2")

    def to_dict(self) -> dict[str, object]:
        """The state as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, text: str) -> SeasonalTrend:
        """The model of a state that was written as JSON."""
        return cls(**json.loads(text))


def _terms(number: np.ndarray, harmonics: int) -> np.ndarray:
    """One row for each month: trend, then cosine and sine of each harmonic."""
    years = number / MONTHS
    trend = [years**power for power in range(3)]
    angles = [2 * np.pi * wave * years for wave in range(1, harmonics + 1)]
    return np.column_stack([*trend, *(np.cos(a) for a in angles), *(np.sin(a) for a in angles)])
