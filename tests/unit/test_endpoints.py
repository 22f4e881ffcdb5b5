"""Which addresses a function gets, and whether it uploads to MLflow's store in parts."""

from __future__ import annotations

import pytest

from gaiaflow.endpoints import Endpoints, Vantage

PORTS = {"s3": 9009, "mlflow": 5005, "airflow": 1, "jupyter": 2}
IN_PARTS = "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"


@pytest.mark.parametrize(
    ("vantage", "server", "store", "in_parts"),
    [
        (Vantage.HOST, Vantage.HOST, "", "true"),
        (Vantage.CONTAINER, Vantage.CONTAINER, "", "true"),
        (Vantage.CONTAINER, Vantage.HOST, "", "false"),
        (Vantage.POD, None, "", "false"),
        (Vantage.HOST, None, "", "false"),
        (Vantage.POD, None, "https://s3.example.org", "true"),
    ],
)
def test_who_reaches_the_store_where_the_server_does_uploads_in_parts(
    vantage: Vantage, server: Vantage | None, store: str, in_parts: str
) -> None:
    found = Endpoints(PORTS, store=store).task_environment(vantage, server)
    assert found[IN_PARTS] == in_parts
