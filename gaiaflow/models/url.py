"""The address of a deployed model on this machine: one forwarding process for each model that was asked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import gaiaflow
from gaiaflow.endpoints import LOOPBACK
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster.forwarder import Forwarder
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.host import ports, privatefile
from gaiaflow.models import deployment, forward as modelforward

_SECONDS = 20


def current(target: Target, model: str) -> str:
    """The current address; empty where nothing forwards."""
    kept = _forwarder(target, model).known()
    return f"http://{LOOPBACK}:{kept['port']}" if kept else ""


def open_port(target: Target, model: str, port: int) -> str:
    """Have a port of loopback forwarded to the model; the address. One that holds already stays.

    Args:
        port: which one, or 0 for a free one.

    Raises:
        UsageError: the port is taken.
        GaiaflowError: it could not listen.
    """
    if (url := current(target, model)) and (not port or url.endswith(f":{port}")):
        return url
    close(target, model)
    chosen = ports.settle({"model": port or deployment.PORT}, auto=not port)["model"]
    forwarder = _forwarder(target, model)
    privatefile.write_json(forwarder.record, {"port": chosen})
    try:
        forwarder.start(
            _command(target, model, chosen, forwarder.record), _environment(), {"port": chosen}, _SECONDS
        )
    except GaiaflowError as error:
        forwarder.record.unlink(missing_ok=True)
        raise GaiaflowError(
            f"cannot listen on 127.0.0.1:{chosen}: {error.message}", "inv model.url MODEL --port N"
        ) from None
    return f"http://{LOOPBACK}:{chosen}"


def close(target: Target, model: str) -> bool:
    """End the forwarding to a model; False when there was none."""
    return _forwarder(target, model).close()


def close_all(target: Target) -> None:
    """End all forwarding of the project's cluster."""
    for record in target.folder.glob("model-*.json"):
        Forwarder(record, record.with_suffix(".log"), {"port": int}).close()


def _forwarder(target: Target, model: str) -> Forwarder:
    record = target.folder / f"{deployment.object_name(model)}.json"
    return Forwarder(record, record.with_suffix(".log"), {"port": int})


def _command(target: Target, model: str, port: int, record: Path) -> list[str]:
    query = ",".join(f"{name}={value}" for name, value in deployment.selector(model).items())
    where = [target.name, str(target.minikube.kubeconfig)] if target.profile else [target.context]
    listen = [str(record), str(port), target.namespace, query, str(deployment.PORT)]
    return [sys.executable, "-m", modelforward.__name__, *listen, *where]


def _environment() -> dict[str, str]:
    """The user's own: a kubeconfig's plugin may need any of it."""
    return {**os.environ, "PYTHONPATH": str(Path(gaiaflow.__file__).parents[1])}
