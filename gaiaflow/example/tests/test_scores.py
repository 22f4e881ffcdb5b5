"""The scores on numbers that can be checked by hand."""

import pandas as pd

from co2_forecast.postprocess.figure import backtest_figure
from co2_forecast.postprocess.scores import mae, rmse, seasonal_naive, skill

MONTHS = pd.date_range("2000-01", periods=2, freq="MS")


def test_errors() -> None:
    truth, guess = pd.Series([1.0, 1.0], index=MONTHS), pd.Series([4.0, 5.0], index=MONTHS)
    assert mae(truth, guess) == 3.5
    assert rmse(truth, guess) == 3.5355


def test_skill_is_zero_for_the_naive_forecast_and_one_for_the_truth() -> None:
    assert skill(2.0, 2.0) == 0
    assert skill(0.0, 2.0) == 1


def test_naive_repeats_the_last_year() -> None:
    history = pd.Series(range(24), index=pd.date_range("2000-01", periods=24, freq="MS"))
    ahead = pd.date_range("2002-01", periods=14, freq="MS")
    assert seasonal_naive(history, ahead).to_list() == [*range(12, 24), 12, 13]


def test_figure_shows_history_measured_and_forecast() -> None:
    series = pd.Series([1.0, 2.0], index=MONTHS)
    (axes,) = backtest_figure(series, series, series).axes
    assert [line.get_label() for line in axes.get_lines()] == ["history", "measured", "forecast"]
