"""The table ``[tool.gaiaflow]`` of pyproject.toml, checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from gaiaflow.errors import UsageError, near_miss


class Settings(BaseModel):
    """The table ``[tool.gaiaflow]``; every key has a default.

    Attributes:
        name: the project's name; by default ``[project] name``, else the folder's.
        source: the folder with dags/ and the package, relative to pyproject.toml.
        dags: the folder of DAG files, relative to source.
        lock: a requirements file with pins for the project's environment, relative to source.
        image: the image for dev_docker, prod_local and prod.
        allowed_contexts: kube contexts that prodlocal may use although they look like production.
    """

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    source: str = "."
    dags: str = "dags"
    lock: str = "requirements.lock"
    image: str | None = None
    allowed_contexts: list[str] = []


def check_settings(file: Path, table: dict[str, Any]) -> Settings:
    """The table with its defaults.

    Raises:
        UsageError: a key or a value that gaiaflow does not know.
    """
    try:
        return Settings(**table)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        guess = near_miss(key, list(Settings.model_fields)) if first["type"] == "extra_forbidden" else ""
        raise UsageError(
            f"`{key}` in [tool.gaiaflow] of {file}: {first['msg'].lower()}{guess}",
            f"the keys are {', '.join(Settings.model_fields)}",
        ) from None
