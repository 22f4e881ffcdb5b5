"""The model as MLflow runs it: this file is logged with the model and executed on load, nothing is pickled."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pandas as pd

from co2_forecast.model.seasonal import SeasonalTrend


class Forecast(mlflow.pyfunc.PythonModel):
    """Takes a column ``month`` (``2002-01``), gives a column ``co2`` in ppm."""

    def load_context(self, context: mlflow.pyfunc.PythonModelContext) -> None:
        """Read the state that training logged."""
        self.model = SeasonalTrend.from_json(Path(context.artifacts["state"]).read_text(encoding="utf-8"))

    def predict(
        self,
        context: mlflow.pyfunc.PythonModelContext,  # noqa: ARG002 - MLflow passes it
        model_input: pd.DataFrame,
    ) -> pd.DataFrame:
        """The forecast for each row."""
        months = pd.DatetimeIndex(pd.to_datetime(model_input["month"], format="%Y-%m"))
        return self.model.predict(months).to_frame().reset_index(drop=True)


mlflow.models.set_model(Forecast())
