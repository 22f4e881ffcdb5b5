"""The model finds the trend and the cycle that a series was made of."""

import json

import numpy as np
import pandas as pd
import pytest

from co2_forecast.model.seasonal import SeasonalTrend


@pytest.fixture
def made() -> pd.Series:
    months = pd.date_range("1990-01", periods=240, freq="MS")
    years = np.arange(240) / 12
    return pd.Series(
        350 + 1.5 * years + 0.01 * years**2 + 3 * np.sin(2 * np.pi * years), index=months, name="co2"
    )


def test_goes_on_with_trend_and_cycle(made: pd.Series) -> None:
    model = SeasonalTrend.fit(made.iloc[:-36], harmonics=1)
    assert np.allclose(model.predict(made.index[-36:]), made.iloc[-36:], atol=1e-4)


def test_more_harmonics_fit_a_sharper_cycle(made: pd.Series) -> None:
    made += np.cos(4 * np.pi * np.arange(240) / 12)
    errors = [np.abs(SeasonalTrend.fit(made, waves).predict(made.index) - made).max() for waves in (1, 2)]
    assert errors[1] < 1e-4 < errors[0]


def test_state_survives_json(made: pd.Series) -> None:
    model = SeasonalTrend.fit(made, harmonics=2)
    assert SeasonalTrend.from_json(json.dumps(model.to_dict())) == model


def test_a_month_before_the_history_has_a_value_too(made: pd.Series) -> None:
    model = SeasonalTrend.fit(made, harmonics=1)
    before = model.predict(pd.DatetimeIndex(["1989-12-01"])).iloc[0]
    assert 345 < before < 350
