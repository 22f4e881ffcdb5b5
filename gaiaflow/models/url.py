"""The address of a deployed model on this machine: one forwarding process for each model that was asked for."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from subprocess import Popen
from typing import Any

import gaiaflow
from gaiaflow.endpoints import LOOPBACK
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster.forward import LISTENING
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.host import ports, privatefile, process
from gaiaflow.models import deployment, forward as modelforward

_SECONDS = 20


def current(target: Target, model: str) -> str:
    """The address that holds now; empty where nothing forwards."""
    kept = _alive(_record(target, model))
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
    settled = ports.settle({"model": port or deployment.PORT}, auto=not port)["model"]
    record, log = _record(target, model), target.folder / f"{deployment.object_name(model)}.log"
    privatefile.write_json(record, {"port": settled})
    child = process.detach(_command(target, model, settled, record), env=_environment(), log=log)
    try:
        _await_listening(child, log, settled)
    except GaiaflowError:
        record.unlink()
        raise
    kept = {"port": settled, "pid": child.pid, "started": process.started(child.pid)}
    privatefile.write_json(record, kept)
    return f"http://{LOOPBACK}:{settled}"


def close(target: Target, model: str) -> bool:
    """End the forwarding to a model; False when there was none."""
    return _close(_record(target, model))


def close_all(target: Target) -> None:
    """End all forwarding of the project's cluster."""
    for record in target.folder.glob("model-*.json"):
        _close(record)


def _close(record: Path) -> bool:
    kept = _alive(record)
    if kept:
        process.signal(kept["pid"], signal.SIGTERM)
    record.unlink(missing_ok=True)
    return bool(kept)


def _record(target: Target, model: str) -> Path:
    return target.folder / f"{deployment.object_name(model)}.json"


def _alive(record: Path) -> dict[str, Any]:
    kept = privatefile.read_json(record)
    return kept if process.recorded(kept) and type(kept.get("port")) is int else {}


def _command(target: Target, model: str, port: int, record: Path) -> list[str]:
    query = ",".join(f"{name}={value}" for name, value in deployment.selector(model).items())
    where = [target.name, str(target.minikube.kubeconfig)] if target.profile else [target.context]
    listen = [str(record), str(port), target.namespace, query, str(deployment.PORT)]
    return [sys.executable, "-m", modelforward.__name__, *listen, *where]


def _environment() -> dict[str, str]:
    """The user's own: a kubeconfig's plugin may need any of it."""
    return {**os.environ, "PYTHONPATH": str(Path(gaiaflow.__file__).parents[1])}


def _await_listening(child: Popen[bytes], log: Path, port: int) -> None:
    until = time.monotonic() + _SECONDS
    while LISTENING not in (lines := log.read_text(encoding="utf-8").splitlines()):
        if child.poll() is not None or time.monotonic() > until:
            child.kill()
            raise GaiaflowError(
                f"nothing can listen on 127.0.0.1:{port}: {lines[-1] if lines else 'no reason given'}",
                "inv model.url MODEL --port N",
            )
        time.sleep(0.05)
