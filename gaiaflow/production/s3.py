"""A prefix in an S3 store as the place that production's Airflow reads."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.infra.host import process
from gaiaflow.production import bucket
from gaiaflow.production.plan import (
    Kept,
    Plan,
    Remote,
    as_record,
    from_record,
    plan,
    record_name,
    refuse_changed,
)
from gaiaflow.project import Project
from gaiaflow.projects import dagfile

TIMEOUT = 600
SCHEME = "s3://"
_HINT = "aws sts get-caller-identity, and look at AWS_ENDPOINT_URL_S3 and at the bucket's name"


@dataclass(frozen=True)
class S3Dags:
    """The DAG files of one project under one prefix.

    Attributes:
        prefix: ends with a slash, or is empty.
        python: gives an interpreter that has boto3.
    """

    project: Project
    bucket: str
    prefix: str
    python: Callable[[], str]

    @classmethod
    def make(cls, project: Project, address: str, python: Callable[[], str] | None = None) -> S3Dags:
        """
        Raises:
            UsageError: the address names no bucket.
        """
        name, _, prefix = address.removeprefix(SCHEME).partition("/")
        if not name:
            raise UsageError(f"`{address}` has no bucket name", "--dags s3://bucket/prefix")
        inner = prefix.strip("/")
        return cls(project, name, f"{inner}/" if inner else "", python or (lambda: python_with_boto3(project)))

    @property
    def name(self) -> str:
        """The address, and the store that is meant where it is not Amazon's."""
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        return f"{SCHEME}{self.bucket}/{self.prefix}" + (f" at {endpoint}" if endpoint else "")

    def plan(self) -> Plan:
        """What would change; the store is only read."""
        return self._plan()[0]

    def sync(self, _message: str = "", shown: Plan | None = None) -> Plan:
        """Make it so; nothing where nothing differs.

        Args:
            shown: what a person agreed to; by default whatever there is to do.

        Raises:
            GaiaflowError: the store refused, or something changed since the plan was shown.
        """
        found, remote, local = self._plan()
        refuse_changed(found, shown)
        if found.empty:
            return found
        files = dagfile.dag_files(self.project)
        known = {name: Kept(sha, remote.own[name].version) for name, sha in local.items() if name in remote.own}
        own = {name: known.get(name, Kept(sha, "")) for name, sha in local.items()}
        self._ask(
            own=as_record(own)["files"],
            before=as_record(remote.own)["files"],
            put={name: str(files[name]) for name in found.written},
            remove=found.removed,
        )
        return found

    def _plan(self) -> tuple[Plan, Remote, dict[str, str]]:
        local = dagfile.hashes(dagfile.dag_files(self.project))
        answer = self._ask()
        own = from_record(self._record(answer["record"]), f"{self.name}{record_name(self.project)}")
        remote = Remote(own, answer["versions"])
        return plan(self.name, local, remote), remote, local

    def _record(self, text: str | None) -> dict[str, Any]:
        try:
            value = json.loads(text or "{}")
        except ValueError:
            return {"files": None}
        return value if isinstance(value, dict) else {"files": None}

    def _ask(self, **more: Any) -> dict[str, Any]:
        request = {"bucket": self.bucket, "prefix": self.prefix, "record": record_name(self.project), **more}
        argv = [self.python(), "-I", str(Path(bucket.__file__))]
        done = process.run(argv, text=json.dumps(request), timeout=TIMEOUT, check=False, hint=_HINT)
        answer: dict[str, Any] = json.loads(done.stdout) if done.code == 0 else {"error": done.tail}
        if "error" in answer:
            raise GaiaflowError(f"{self.name}: {answer['error']}", _HINT)
        return answer


def python_with_boto3(project: Project) -> str:
    """This interpreter when it has boto3, else that of the environment of the services."""
    if importlib.util.find_spec("boto3"):
        return sys.executable
    from gaiaflow.infra.environments.environment import ensure_environment

    return str(ensure_environment(project, "services"))
