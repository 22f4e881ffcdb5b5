"""`dev.open`: a service in the browser, signed in; and the address of its page."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from invoke.context import Context

from gaiaflow.endpoints import S3_CONSOLE, SERVICES, service_names
from gaiaflow.errors import MissingError, UsageError
from gaiaflow.lifecycle.terminal import lifecycle_task, say
from gaiaflow.project import Project
from gaiaflow.stack import backends

if TYPE_CHECKING:
    from gaiaflow.stack.services.backend import Backend

USUAL = "airflow"


@dataclass(frozen=True)
class Page:
    """A page for the browser.

    Attributes:
        url: its address, without a secret.
        secret_url: the address that signs in; the same where none does.
        cookie: ``name=value`` that signs in; empty where none does.
    """

    url: str
    secret_url: str
    cookie: str = ""


@lifecycle_task(
    name="open",
    bare="service",
    help={"service": f"{', '.join(SERVICES)}; by default {USUAL}"},
)
def open_service(c: Context, service: str | None = None) -> None:
    """Open a service in the browser, signed in; without a browser, print its address."""
    from gaiaflow.infra.host import browser

    project = Project.find()
    name = _checked(service or USUAL)
    if c.config.run.dry:
        say(f"would open `{name}` in the browser")
        return
    backend = _running(project, name)
    if not browser.has_browser():
        print(_shown(page(project, backend, name)), flush=True)  # noqa: T201 - data on stdout
        return
    found = page(project, backend, name, sign_in=True)
    if browser.open_page(found.secret_url, found.cookie):
        say(f"opened {found.url}")
    else:
        say(f"no browser came; open {found.url} yourself: inv dev.credentials has the password")


def _checked(service: str) -> str:
    names = service_names([service])
    if len(names) != 1 or names[0] not in SERVICES:
        raise UsageError(f"`{service}` has no page to open", f"one of {', '.join(SERVICES)}")
    return names[0]


def _running(project: Project, name: str) -> Backend:
    backend = backends.current(project)
    states = {row.service: row.state for row in backend.status()} if backend else {}
    if backend is None or states.get(name) != "running":
        raise MissingError(f"`{name}` is not running", f"inv dev.start --service {name}")
    return backend


def page(project: Project, backend: Backend, name: str, sign_in: bool = False) -> Page:
    """The page of a service.

    Args:
        sign_in: ask the service for a session, where that takes a request.
    """
    rows = {row.service: row for row in backend.credentials()}
    if name == "s3":
        name = S3_CONSOLE.name if S3_CONSOLE.name in rows else name  # an external store has no pages
    url = rows[name].url
    if name == "jupyter":
        return Page(f"{url}/lab", f"{url}/lab?{urlencode({'token': rows[name].secret})}")
    if name == "mlflow" and sign_in:
        url = _training_runs(url)
    return Page(url, url, _session(project) if name == "airflow" and sign_in else "")


def _session(project: Project) -> str:
    """The cookie that Airflow's own login page would set: a token that runs out, not the password."""
    from gaiaflow.dags import run as dagrun

    return f"_token={dagrun.connect(project).sign_in()}"


def _training_runs(url: str) -> str:
    """MLflow opens with pages for language models; this is the list of runs of the last experiment in use."""
    from gaiaflow.models.registry import ModelRegistry

    experiment = ModelRegistry(url).last_experiment()
    return f"{url}/#/experiments/{experiment}/runs?workflowType=machine_learning"


def _shown(found: Page) -> str:
    """The address; one with a token only where a person reads it."""
    return found.secret_url if sys.stdout.isatty() else found.url
