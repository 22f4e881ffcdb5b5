"""Where secrets are kept: in the local cluster for its pods, in 0600 files for dev and dev_docker."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gaiaflow.errors import GaiaflowError, MissingError, UsageError, near_miss
from gaiaflow.infra.cluster.api import MANAGED_BY, Cluster, labels
from gaiaflow.infra.host.envfile import write_variables
from gaiaflow.project import Project

# What Kubernetes allows; files keep to the same, so that one DAG finds its secrets everywhere.
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LARGEST = 2**20


@dataclass(frozen=True)
class Secret:
    """What may be shown of a secret."""

    name: str
    keys: list[str]


class Store(Protocol):
    """One place that keeps secrets."""

    place: str

    def create(self, name: str, values: Mapping[str, str]) -> str:
        """Keep exactly these values under the name: ``created``, ``changed`` or ``unchanged``."""

    def list(self) -> list[Secret]:
        """All of them, by name."""

    def delete(self, name: str) -> None:
        """
        Raises:
            MissingError: there is none of that name.
        """


class FileStore:
    """For dev and dev_docker: ``.gaiaflow/secrets/NAME.env``."""

    def __init__(self, project: Project) -> None:
        self._folder = project.home / "secrets"
        self.place = str(self._folder)

    def create(self, name: str, values: Mapping[str, str]) -> str:
        file = self._file(name)
        before = parse(file.read_text(encoding="utf-8"), str(file)) if file.is_file() else None
        write_variables(file, values)
        return _became(before, values)

    def list(self) -> list[Secret]:
        files = sorted(self._folder.glob("*.env"))
        return [Secret(f.stem, sorted(parse(f.read_text(encoding="utf-8"), str(f)))) for f in files]

    def delete(self, name: str) -> None:
        known = [secret.name for secret in self.list()]
        if name not in known:
            raise _no_secret(name, known, self.place)
        self._file(name).unlink()

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.env"


class ClusterStore:
    """For prod_local: secrets of the project's namespace in the local cluster."""

    def __init__(self, cluster: Cluster, project: Project, namespace: str) -> None:
        self._cluster, self._project, self._namespace = cluster, project, namespace
        self.place = f"{namespace} of {cluster.name}"

    def create(self, name: str, values: Mapping[str, str]) -> str:
        there = self._cluster.find("Secret", self._namespace, name)
        if there and there["metadata"].get("labels", {}).get(MANAGED_BY) != "gaiaflow":
            raise GaiaflowError(
                f"the secret `{name}` in {self.place} was not created by gaiaflow",
                "choose another name",
            )
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        metadata = {"name": name, "namespace": self._namespace, "labels": labels(self._project)}
        thing = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "data": encoded}
        return self._cluster.apply(thing)

    def list(self) -> list[Secret]:
        found = self._cluster.find_all("Secret", self._namespace, f"{MANAGED_BY}=gaiaflow")
        return sorted(
            (Secret(entry["metadata"]["name"], sorted(entry.get("data") or {})) for entry in found),
            key=lambda secret: secret.name,
        )

    def delete(self, name: str) -> None:
        known = [secret.name for secret in self.list()]
        if name not in known:
            raise _no_secret(name, known, self.place)
        self._cluster.delete("Secret", self._namespace, name)


def check(name: str, values: Mapping[str, str]) -> None:
    """
    Raises:
        UsageError: a name or key that not every mode can hold, no value at all, or too much.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"`{name}` is not a valid secret name: lower case letters, digits, dashes, dots", "my-secret"
        )
    if not values:
        raise UsageError(f"no values for the secret `{name}`", f"inv secret.create {name} --from-env-file FILE")
    for key in values:
        if not _KEY.fullmatch(key):
            raise UsageError(f"`{key}` cannot be the name of an environment variable", "letters, digits and _")
    size = sum(len(key) + len(value.encode()) for key, value in values.items())
    if size > _LARGEST:
        raise UsageError(f"the secret `{name}` has {size} bytes: more than {_LARGEST}", "split it in two")


def parse(text: str, origin: str) -> dict[str, str]:
    """``KEY=VALUE`` lines as dotenv reads them, with nothing expanded.

    Raises:
        UsageError: a line is none; it is named by its number, since it may hold a value.
    """
    from dotenv.parser import parse_stream  # late: `inv --list` has no use for it

    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            raise UsageError(
                f"line {binding.original.line} of {origin} is not KEY=VALUE", "write one KEY='value' per line"
            )
        if binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
    return values


def read_file(file: Path) -> dict[str, str]:
    """
    Raises:
        MissingError: there is no such file.
        UsageError: it is no env file.
    """
    try:
        return parse(file.read_text(encoding="utf-8"), f"`{file}`")
    except OSError as error:
        raise MissingError(f"cannot read `{file}`: {error.strerror}", "--from-env-file FILE") from None
    except UnicodeDecodeError:
        raise UsageError(f"`{file}` is not UTF-8 text", "write one KEY='value' per line") from None


def _became(before: Mapping[str, str] | None, after: Mapping[str, str]) -> str:
    if before is None:
        return "created"
    return "unchanged" if before == after else "changed"


def _no_secret(name: str, known: list[str], place: str) -> MissingError:
    return MissingError(f"no secret `{name}`{near_miss(name, known)} in {place}", "inv secret.list")
