"""`inv dev.logs`: the lines of real logs that are left out, and those that stay."""

from __future__ import annotations

import pytest

from gaiaflow.stack.services.noise import last_of_each, telling

REQUEST = (
    "airflow-api-server | 2026-11-24T19:33:39.743127Z [info     ] request finished               [http.access] "
    "client_addr=127.0.0.1:42340 duration_us=7506 loc=http_access_log.py:130 method=GET "
    "path=/api/v2/dags/shop/dagRuns/x query= status_code="
)


@pytest.mark.parametrize(
    "line",
    [
        REQUEST + "200",
        'mlflow | 2026/11/24 19:33:33 INFO:     127.0.0.1:59186 - "GET /health HTTP/1.1" 200 OK',
        "airflow-triggerer |   ____________       _____________",
        "airflow-triggerer | 2026-11-24T19:33:36.4Z [info     ] 0 triggers currently running   [airflow.jobs]",
        "airflow-dag-processor | 2026-11-24T19:33:27.8Z [info     ] Refreshing bundle dags         [airflow.x]",
    ],
)
def test_what_says_nothing_is_left_out(line: str) -> None:
    assert list(telling([line])) == []


@pytest.mark.parametrize(
    "line",
    [
        REQUEST + "500",
        'mlflow | 2026/11/24 19:33:33 INFO:     127.0.0.1:59186 - "GET /x HTTP/1.1" 404 Not Found',
        "airflow-scheduler | ValueError: cannot divide 4",
        "airflow-scheduler | 2026-11-24T19:33:40Z [info     ] Marking run <DagRun shop> failed",
    ],
)
def test_what_went_wrong_stays(line: str) -> None:
    assert list(telling([line])) == [line]


def test_the_last_lines_are_those_of_each_process() -> None:
    lines = ["a | 1", "a | 2", "b | 1", "a | 3"]
    assert last_of_each(lines, 2) == ["a | 2", "a | 3", "b | 1"]
    assert last_of_each(lines, 0) == []
