"""The weekly CO2 record of Mauna Loa, 1958 to 2001, as statsmodels ships it."""

from __future__ import annotations

import pandas as pd
from statsmodels.datasets import co2


def weekly_record() -> pd.Series:
    """CO2 in ppm by week; weeks without a measurement are NaN."""
    return co2.load_pandas().data["co2"]
