"""Which S3 store a stack uses: SeaweedFS, MinIO or an external one, and the keys to it."""

from __future__ import annotations

import re
from pathlib import Path

from gaiaflow import envvar
from gaiaflow.errors import UsageError, near_miss
from gaiaflow.project import Project
from gaiaflow.stack.services import keys, state
from gaiaflow.stack.services.backend import Credential
from gaiaflow.stack.services.program import BUCKET, REGION

MINIO, EXTERNAL = "minio", "external"
PROVIDERS = ("seaweedfs", MINIO, EXTERNAL)
_KEY, _SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
_REGION = "AWS_DEFAULT_REGION"
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def provider(project: Project) -> str:
    """
    Raises:
        UsageError: the variable names none that there is.
    """
    name = project.setting(envvar.S3_PROVIDER, PROVIDERS[0])
    if name not in PROVIDERS:
        raise UsageError(
            f"`GAIAFLOW_S3_PROVIDER` is `{name}`{near_miss(name, PROVIDERS)}", f"one of {', '.join(PROVIDERS)}"
        )
    return name


def address(project: Project) -> str:
    """Where the external store is; empty where the stack runs its own.

    Raises:
        UsageError: there is one, and nothing says where.
    """
    if provider(project) != EXTERNAL:
        return ""
    if url := project.setting(envvar.S3_ENDPOINT, ""):
        return url
    raise UsageError(
        "`GAIAFLOW_S3_PROVIDER` is `external`, but `GAIAFLOW_S3_ENDPOINT` is not set",
        "GAIAFLOW_S3_ENDPOINT=https://… in .env",
    )


def outside(project: Project) -> str:
    """The same for the stack as it last ran; the embedded backend always runs its own."""
    return project.setting(envvar.S3_ENDPOINT, "") if _chosen(project) == EXTERNAL else ""


def bucket(project: Project) -> str:
    """The bucket of MLflow's artifacts; the embedded backend always takes the default.

    Raises:
        UsageError: the variable is not a valid name of a bucket.
    """
    name = project.setting(envvar.S3_BUCKET, BUCKET)
    if not _BUCKET_NAME.fullmatch(name):
        raise UsageError(
            f"`GAIAFLOW_S3_BUCKET` is `{name}`: not a valid bucket name",
            "3 to 63 lower-case letters, digits, dots and dashes",
        )
    return name


def variables(project: Project, external: bool) -> dict[str, str]:
    """The keys as boto3 and MLflow read them; an external store's come from the project's ``.env``."""
    if external:
        given = {name: project.setting(name, "") for name in (_KEY, _SECRET, _REGION)}
        return {_REGION: REGION, **{name: value for name, value in given.items() if value}}
    made = keys.load(project)
    return {_KEY: made.s3_access_key, _SECRET: made.s3_secret_key, _REGION: REGION}


def credentials(project: Project, url: str, console: str, place: Path) -> list[Credential]:
    """Who gets into the store, and into its pages where it has some."""
    made, chosen = keys.load(project), _chosen(project)
    found = variables(project, chosen == EXTERNAL)
    user, secret = found.get(_KEY, ""), found.get(_SECRET, "")
    if chosen == EXTERNAL:
        return [Credential("s3", url, user, secret, project.root / ".env")]
    pages = (user, secret) if chosen == MINIO else (keys.USER, made.s3_console_password)
    return [Credential("s3", url, user, secret, place), Credential("s3-console", console, *pages, place)]


def _chosen(project: Project) -> str:
    return provider(project) if state.read(project).backend == "docker" else PROVIDERS[0]
