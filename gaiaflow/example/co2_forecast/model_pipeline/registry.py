"""Puts a fitted model into MLflow's registry and gets it back."""

from __future__ import annotations

import json
import tempfile
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.types import ColSpec, Schema

from co2_forecast.model.seasonal import SeasonalTrend

PACKAGE = Path(__file__).parent.parent
LIBRARIES = ("mlflow-skinny", "numpy", "pandas")
SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec("string", "month")]),
    outputs=Schema([ColSpec("double", "co2")]),
)
EXAMPLE = pd.DataFrame({"month": ["2002-01"]})


def register(model: SeasonalTrend, name: str) -> ModelInfo:
    """Log the model to the active run and register it as the next version of the name."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder, "state.json")
        state.write_text(json.dumps(model.to_dict()), encoding="utf-8")
        return mlflow.pyfunc.log_model(
            name="model",
            python_model=Path(__file__).with_name("forecast.py"),
            artifacts={"state": str(state)},
            code_paths=[str(PACKAGE)],
            pip_requirements=[f"{library}=={version(library)}" for library in LIBRARIES],
            signature=SIGNATURE,
            input_example=EXAMPLE,
            registered_model_name=name,
        )


def forecast(model_uri: str, months: pd.DatetimeIndex) -> pd.Series:
    """What a registered model, ``models:/co2-forecast/1``, says of the months."""
    loaded = mlflow.pyfunc.load_model(model_uri)
    answer = loaded.predict(pd.DataFrame({"month": months.strftime("%Y-%m")}))
    return pd.Series(answer["co2"].to_numpy(), index=months, name="co2")
