"""An engine that goes away in the middle is one error of its own, no bug of ours."""

from __future__ import annotations

import pytest

from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.infra.images import engine

docker_errors = pytest.importorskip("docker.errors")
requests = pytest.importorskip("requests")
urllib3 = pytest.importorskip("urllib3.exceptions")


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectionError(("Connection aborted.", ConnectionResetError(104, "reset"))),
        requests.ReadTimeout(),
        urllib3.ProtocolError("Connection broken\nmore"),
        docker_errors.DockerException("no"),
    ],
)
def test_it_went_away(error: Exception) -> None:
    told = engine.explained(error)
    assert isinstance(told, MissingError)
    assert told.message.startswith("the Docker engine stopped answering: ")
    assert "\n" not in told.message


def test_it_refused() -> None:
    told = engine.explained(docker_errors.APIError("500", explanation="no space left on device"))
    assert type(told) is GaiaflowError
    assert told.message == "the Docker engine refuses: no space left on device"


def test_other_errors_are_not_its() -> None:
    assert engine.explained(ValueError("x")) is None
    assert engine.explained(OSError(28, "No space left on device")) is None
