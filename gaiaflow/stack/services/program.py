"""What the services of one project's embedded stack share: ports, keys, folders, interpreters."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from gaiaflow import envvar
from gaiaflow.endpoints import GATEWAY, Endpoints, Vantage
from gaiaflow.infra.environments.environment import python_of, settled
from gaiaflow.infra.host import loopback, privatefile
from gaiaflow.modes import Mode
from gaiaflow.project import Project
from gaiaflow.stack.services.keys import Keys

REGION = "us-east-1"
BUCKET = "mlflow"
# sockaddr_un holds 108 bytes with the final zero; macOS 104.
SOCKET_MAX = 100
# The shell of whoever starts the stack must not steer or arm its services.
_NOT_INHERITED = (
    "AIRFLOW_",
    "AWS_",
    envvar.PREFIX,
    "JUPYTER_",
    "MLFLOW_",
    "PYTHON",
    "VIRTUAL_ENV",
    "S3_",
    "WEED_",
    "_",
)


def unsteered() -> dict[str, str]:
    """The user's variables without those that steer services; none of them sends loopback to a proxy."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_INHERITED)}
    return {**kept, **loopback.no_proxy(os.environ)}


@dataclass(frozen=True)
class Program:
    """One process: what the supervisor starts and stops.

    Attributes:
        private: files that it makes are for the user alone.
    """

    name: str
    argv: list[str]
    env: dict[str, str] = field(repr=False)
    cwd: Path
    private: bool = True

    @property
    def service(self) -> str:
        """The service that it is a part of."""
        return self.name.partition("-")[0]


@dataclass(frozen=True)
class Stack:
    """One project's stack.

    Attributes:
        ports: the host's port of each entry of endpoints.PORTS.
        inner: ports that only the S3 store itself uses.
        mode: where Airflow's tasks run that name no mode themselves.
        executor: Airflow's; see the module executor.
    """

    project: Project
    ports: dict[str, int]
    inner: list[int]
    keys: Keys
    mode: str = Mode.DEV.value
    executor: str = ""

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(self.ports, self.project.setting(envvar.GATEWAY, GATEWAY))

    def folder(self, *parts: str) -> Path:
        """A folder of the home, made when it is not there."""
        path = privatefile.folder(self.project.home)
        for part in parts:
            path = privatefile.folder(path / part)
        return path

    def python(self, environment: str) -> str:
        """The interpreter of one of the environments.

        By the folder that its name leads to now, which stays whole under a running process; JupyterLab's new
        kernels are to find what was added.
        """
        python = python_of(self.project, environment)
        return str(python if environment == "jupyter" else settled(python))

    def mark(self, service: str) -> str:
        """The value of GAIAFLOW_STACK in a service's processes."""
        return f"{self.project.id}/{service}"

    def environment(self, service: str) -> dict[str, str]:
        """What every service starts from."""
        return {**unsteered(), envvar.STACK: self.mark(service), "PYTHONUNBUFFERED": "1", "DO_NOT_TRACK": "1"}

    def s3_keys(self) -> dict[str, str]:
        """The S3 keys as boto3 and MLflow read them."""
        return {
            "AWS_ACCESS_KEY_ID": self.keys.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": self.keys.s3_secret_key,
            "AWS_DEFAULT_REGION": REGION,
        }

    def task_environment(self) -> dict[str, str]:
        """Addresses and keys for code that runs on the host."""
        return {**self.endpoints.task_environment(Vantage.HOST, Vantage.HOST), **self.s3_keys()}
