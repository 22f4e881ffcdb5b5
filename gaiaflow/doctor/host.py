"""Requests from this machine: each service that runs, at the address that a person gets."""

from __future__ import annotations

from gaiaflow.doctor import request
from gaiaflow.doctor.address import Answer, Facts
from gaiaflow.doctor.place import Place
from gaiaflow.endpoints import EVERY
from gaiaflow.infra.host import loopback
from gaiaflow.stack import backends

VANTAGE = "this machine"
# Never send loopback requests through a proxy.
_opener = loopback.opener()


def read(place: Place) -> Facts:
    backend = backends.current(place.project)
    rows = [row for row in backend.status() if row.state != "stopped"] if backend else []
    if not rows:
        return Facts(VANTAGE, unasked=("the stack is not running: not checked", "inv dev.start"))
    broken = next((row for row in rows if row.state == "failed"), None)
    if broken:
        said = f"`{broken.service}` has failed: {broken.detail}"
        return Facts(VANTAGE, trouble=(said, f"inv dev.logs --service {broken.service}"))
    return Facts(VANTAGE, tuple(_asked(row.service, row.url) for row in rows))


def _asked(service: str, url: str) -> Answer:
    status, error = request.ask(url + EVERY[service].health, _opener)
    return Answer(service, url, status, error)
