"""The CO2 forecast as a DAG: preprocess, train, evaluate. Where it runs is decided outside of this file."""

from airflow.sdk import DAG, Param, TaskGroup
from gaiaflow.tasks import FromTask, create_task

with DAG(
    "co2_forecast",
    description="Forecasts the atmospheric CO2 at Mauna Loa",
    schedule=None,
    tags=["example"],
    params={
        "experiment": Param("co2-forecast", type="string", description="of MLflow"),
        "horizon_months": Param(24, type="integer", minimum=12, maximum=120, description="months held back"),
        "harmonics": Param(2, type="integer", minimum=1, maximum=4, description="waves in the yearly cycle"),
    },
):
    preprocess = create_task(
        task_id="preprocess",
        func_path="co2_forecast.preprocess.monthly:preprocess",
    )
    with TaskGroup("modelling"):
        train = create_task(
            task_id="train",
            func_path="co2_forecast.train.fit:train",
            func_kwargs={
                "preprocessed_path": FromTask("preprocess", key="preprocessed_path"),
                "run_id": FromTask("preprocess", key="run_id"),
                "model_name": "co2-forecast",
            },
        )
        evaluate = create_task(
            task_id="evaluate",
            func_path="co2_forecast.postprocess.backtest:evaluate",
            func_kwargs={
                "preprocessed_path": FromTask("preprocess", key="preprocessed_path"),
                "run_id": FromTask("modelling.train", key="run_id"),
                "model_uri": FromTask("modelling.train", key="model_uri"),
            },
        )
