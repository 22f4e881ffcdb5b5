"""What `dev.start` ends with: where to go, how to sign in, what to do next."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gaiaflow.endpoints import MODEL, SERVICES
from gaiaflow.lifecycle.dev.opening import page
from gaiaflow.lifecycle.terminal import as_called, say
from gaiaflow.project import Project

if TYPE_CHECKING:
    from gaiaflow.stack.services.backend import Backend

# In the order in which a person wants them.
_TITLES = {
    "airflow": "Airflow",
    "jupyter": "JupyterLab",
    "mlflow": "MLflow",
    "s3": "S3 console",
    "model": "Model",
}


def show(project: Project, backend: Backend, services: Iterable[str], seconds: float) -> None:
    """The addresses on stdout; the next steps on stderr."""
    say(f"ready in {seconds:.0f} s")
    sys.stdout.write(as_called("".join(f"{line}\n" for line in addresses(project, backend, set(services)))))
    sys.stdout.flush()
    for line in next_steps(project, set(services)):
        say(line)


def addresses(project: Project, backend: Backend, services: set[str]) -> list[str]:
    """One line a service: its title, its address, how to sign in."""
    rows = [(_TITLES[name], *_address(project, backend, name)) for name in _TITLES if name in services]
    width = max((len(url) for _, url, _ in rows), default=0)
    return [f"  {title:<10}  {url:<{width}}  {sign_in}".rstrip() for title, url, sign_in in rows]


def _address(project: Project, backend: Backend, name: str) -> tuple[str, str]:
    """A service's address, and who signs in there."""
    if name == MODEL.name:
        return backend.endpoints().url(name), ""
    found, user = page(project, backend, name), _user(backend, name)
    if name == "jupyter":
        with_token = sys.stdout.isatty()
        return (found.secret_url, "") if with_token else (found.url, "inv dev.open jupyter")
    opened = "inv dev.open airflow signs in as " if name == "airflow" else "user "
    return found.url, f"{opened}{user}" if user else ""


def _user(backend: Backend, name: str) -> str:
    shown = "s3-console" if name == "s3" else name
    return next((row.user for row in backend.credentials() if row.service == shown), "")


def next_steps(project: Project, services: set[str]) -> list[str]:
    """What to do with what runs."""
    from gaiaflow.dags.state import importable

    ids = importable(project) if "airflow" in services else []
    pages = [name for name in ("airflow", "jupyter", "mlflow") if name in services & SERVICES.keys()]
    steps = [f"inv dag.run {ids[0]}"] if ids else []
    steps += [f"inv dev.open {pages[0]}"] if pages else []
    return [f"{'' if n else 'next:':<5}  {step}" for n, step in enumerate([*steps, "inv dev.credentials"])]
