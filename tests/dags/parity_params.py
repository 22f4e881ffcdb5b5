"""Params come typed, at run time, and only to a function that wants them; output does not disturb the value."""

from airflow.sdk import DAG, Param

from gaiaflow.tasks import create_task

PARAMS = {
    "count": Param(3, type="integer"),
    "ratio": Param(0.5, type="number"),
    "name": Param('{{ ds }} "quoted" ünïcödé', type="string"),
    "flag": Param(False, type="boolean"),
    "Mixed_Case": Param(["a", {"B": None}], type="array"),
}

with DAG("parity_params", schedule=None, params=PARAMS):
    create_task("takes_params", "parity.functions:takes_params", func_kwargs={"scale": 2})
    create_task("own_params", "parity.functions:takes_params", func_kwargs={"params": {"own": True}})
    create_task("takes_kwargs", "parity.functions:takes_kwargs", func_kwargs={"a": 1})
    create_task("takes_neither", "parity.functions:takes_neither", func_kwargs={"a": 5})
    create_task("prints", "parity.functions:prints")
    create_task("writes_stderr", "parity.functions:writes_stderr")
    create_task("leaves_a_process", "parity.functions:leaves_a_process")
    create_task("returns_none", "parity.functions:returns_none")
