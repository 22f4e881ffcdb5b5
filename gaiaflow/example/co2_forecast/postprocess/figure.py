"""The picture of a backtest."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

SHOWN_BEFORE = 60  # months of history


def backtest_figure(history: pd.Series, truth: pd.Series, guess: pd.Series) -> Figure:
    """The last years, the months held back, and what the model said about them."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(history.iloc[-SHOWN_BEFORE:], color="0.6", label="history")
    axes.plot(truth, color="black", label="measured")
    axes.plot(guess, color="tab:red", linestyle="--", label="forecast")
    axes.set(title="Atmospheric CO2 at Mauna Loa", ylabel="ppm")
    axes.legend()
    return figure
