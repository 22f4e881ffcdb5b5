"""What a person sends who asks for help: one zip of versions, findings, the composition, logs; no secret."""

from __future__ import annotations

import io
import json
import os
import platform
import sys
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import gaiaflow
from gaiaflow.doctor import redact
from gaiaflow.doctor.examine import Report
from gaiaflow.doctor.place import Place
from gaiaflow.doctor.redact import Redactor
from gaiaflow.endpoints import EVERY
from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.infra.host import process
from gaiaflow.stack import backends

LINES = 200
_SECONDS = 10
_PROGRAMS = {
    "docker": ["docker", "version", "--format", "json"],
    "compose": ["docker", "compose", "version"],
    "buildx": ["docker", "buildx", "version"],
    "minikube": ["minikube", "version"],
    "git": ["git", "--version"],
    "uv": ["uv", "--version"],
}
_PACKAGES = ("docker", "invoke", "kubernetes", "pydantic", "python-dotenv", "rich", "supervisor", "uv")


def write(place: Place, report: Report, file: Path) -> list[str]:
    """Write the zip, 0600; the names of what is in it.

    Raises:
        UsageError: there is such a file, or no such folder.
    """
    refuse(file)
    redactor = redact.of(place.project)
    parts = {name: made for name, make in _PARTS.items() if (made := _made(make, place, report, redactor))}
    logs = {f"logs/{name}.log": text for name, text in _logs(place).items()}
    texts = {name: redactor.text(text) for name, text in {**parts, **logs}.items()}
    _put(file, texts)
    return list(texts)


def refuse(file: Path) -> None:
    """
    Raises:
        UsageError: there is such a file, or no such folder.
    """
    if file.exists():
        raise UsageError(f"`{file}` already exists", "choose another name for --bundle")
    if not file.parent.is_dir():
        raise UsageError(f"no folder `{file.parent}`", f"mkdir -p {file.parent}")


def _put(file: Path, texts: dict[str, str]) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(packed.getvalue())


def _made(
    make: Callable[[Place, Report, Redactor], str], place: Place, report: Report, redactor: Redactor
) -> str:
    """A part, or why there is none: the others are wanted all the more."""
    try:
        return make(place, report, redactor)
    except GaiaflowError as error:
        return f"not there: {error.message}\n"


def _versions(_place: Place, _report: Report, _redactor: Redactor) -> str:
    own = {"gaiaflow": gaiaflow.__version__, "python": sys.version, "platform": platform.platform()}
    packages = {name: _package(name) for name in _PACKAGES}
    programs = {name: _program(argv) for name, argv in _PROGRAMS.items()}
    return _json({**own, "packages": packages, "programs": programs})


def _package(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _program(argv: list[str]) -> str:
    try:
        return process.run(argv, timeout=_SECONDS, check=False).stdout.strip() or "no answer"
    except GaiaflowError as error:
        return error.message


def _findings(_place: Place, report: Report, redactor: Redactor) -> str:
    shown = report.as_dict()
    return _json({**shown, "checks": [redactor.tree(check) for check in shown["checks"]]})


def _composition(place: Place, _report: Report, redactor: Redactor) -> str:
    """The compose file with everything filled in; empty where no stack ran by Compose."""
    import yaml

    from gaiaflow.stack.composed.compose import Compose

    if place.backend != "docker":
        return ""
    return str(
        yaml.safe_dump(redactor.tree(yaml.safe_load(Compose(place.project).resolved())), sort_keys=False)
    )


def _status(place: Place, _report: Report, _redactor: Redactor) -> str:
    backend = backends.current(place.project)
    if backend is None:
        return ""
    return _json({"backend": backend.name, "services": [row.as_dict() for row in backend.status()]})


_PARTS: dict[str, Callable[[Place, Report, Redactor], str]] = {
    "versions.json": _versions,
    "doctor.json": _findings,
    "status.json": _status,
    "compose.yml": _composition,
}


def _logs(place: Place) -> dict[str, str]:
    """The last lines of each service."""
    backend = backends.current(place.project)
    found = {}
    for service in EVERY if backend else ():
        try:
            lines = list(backend.logs([service], LINES, follow=False)) if backend else []
        except GaiaflowError as error:
            lines = [f"not there: {error.message}"]
        if lines:
            found[service] = "\n".join(lines) + "\n"
    return found


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, default=str) + "\n"
