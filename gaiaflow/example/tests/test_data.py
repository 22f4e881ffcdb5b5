"""The record, the monthly series and the text it travels as."""

import numpy as np
import pandas as pd

from co2_forecast.dataloader.record import weekly_record
from co2_forecast.dataloader.series import from_csv, split, to_csv
from co2_forecast.preprocess.monthly import fill_gaps, monthly_means


def test_the_record_is_weekly_and_has_gaps() -> None:
    weekly = weekly_record()
    assert len(weekly) == 2284
    assert weekly.isna().sum() == 59
    assert set(weekly.index.to_series().diff().dropna().dt.days) == {7}


def test_months_are_means_of_their_weeks() -> None:
    weeks = pd.Series([1.0, 3.0, 7.0], index=pd.to_datetime(["2000-01-08", "2000-01-15", "2000-02-05"]))
    assert monthly_means(weeks).to_list() == [2.0, 7.0]


def test_gaps_lie_between_their_neighbours() -> None:
    months = pd.date_range("2000-01", periods=4, freq="MS")
    filled = fill_gaps(pd.Series([1.0, np.nan, np.nan, 4.0], index=months))
    assert filled.to_list() == [1.0, 2.0, 3.0, 4.0]


def test_every_month_of_the_record_has_a_value() -> None:
    monthly = fill_gaps(monthly_means(weekly_record()))
    assert (monthly.index == pd.date_range("1958-03", "2001-12", freq="MS")).all()
    assert monthly.between(300, 400).all()


def test_the_series_survives_its_text() -> None:
    monthly = fill_gaps(monthly_means(weekly_record()))
    again = from_csv(to_csv(monthly))
    assert again.to_list() == monthly.to_list()
    assert (again.index == monthly.index).all()


def test_split_holds_the_last_months_back() -> None:
    series = pd.Series(range(30), index=pd.date_range("2000-01", periods=30, freq="MS"))
    history, held_back = split(series, 12)
    assert history.to_list() == list(range(18))
    assert held_back.to_list() == list(range(18, 30))
