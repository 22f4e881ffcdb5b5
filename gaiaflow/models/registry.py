"""The model registry of the stack's MLflow, over its REST API: what there is, which one is meant, its files."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from gaiaflow.errors import GaiaflowError, MissingError, UsageError, near_miss
from gaiaflow.infra.host import loopback
from gaiaflow.project import slug

_SECONDS = 30
_PROXIED = "mlflow-artifacts"
_DEFAULT_EXPERIMENT = "0"
_MISSING = "RESOURCE_DOES_NOT_EXIST"
# Never send loopback requests through a proxy.
_opener = loopback.opener()


@dataclass(frozen=True)
class Model:
    """A registered model.

    Attributes:
        newest: its newest version.
        aliases: the version that each alias stands for.
    """

    name: str
    newest: int
    aliases: dict[str, int]


@dataclass(frozen=True)
class Version:
    """One version of a registered model.

    Attributes:
        run_id: the MLflow run that made it; empty where none did.
        place: where its files lie, as MLflow says it.
    """

    name: str
    number: int
    run_id: str
    place: str

    @property
    def spec(self) -> str:
        """``name/3``: how a person names it."""
        return f"{self.name}/{self.number}"

    @property
    def key(self) -> str:
        """A name for files that no other model has, nor the same version in a registry recreated."""
        return f"{slug(self.name)}-{self.number}-{hashlib.sha256(self.place.encode()).hexdigest()[:8]}"


def split(wanted: str) -> tuple[str, str, str]:
    """``model@alias`` or ``model/version`` as model, version, alias; both empty where the newest is meant.

    Raises:
        UsageError: it is neither.
    """
    found = re.fullmatch(r"(?P<name>[^/@]+)(?:/(?P<version>\d+)|@(?P<alias>[^/@]+))?", wanted)
    if found is None:
        raise UsageError(
            f"`{wanted}` is not the name of a model",
            "MODEL, MODEL@ALIAS or MODEL/VERSION, as in inv model.list",
        )
    return found["name"], found["version"] or "", found["alias"] or ""


class ModelRegistry:
    """A client of one MLflow server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def models(self) -> list[Model]:
        """All of them, by name."""
        found: list[Model] = []
        token = ""
        while True:
            page = self._ask("registered-models/search", max_results=100, page_token=token)
            found += [_model(row) for row in page.get("registered_models", [])]
            if not (token := page.get("next_page_token", "")):
                return sorted(found, key=lambda model: model.name)

    def find(self, wanted: str) -> Version:
        """The version that is meant; without an alias or a number the newest.

        Raises:
            UsageError: there is no such model, version or alias; with the near miss and what there is.
        """
        name, version, alias = split(wanted)
        known = {model.name: model for model in self.models()}
        if name not in known:
            there = (
                f"there is {', '.join(known)}" if known else "a run of a DAG registers one: inv dag.run NAME"
            )
            raise UsageError(f"no registered model `{name}`{near_miss(name, list(known))}", there)
        model = known[name]
        if alias and alias not in model.aliases:
            near = near_miss(alias, list(model.aliases))
            there = ", ".join(f"{name}@{a}" for a in model.aliases) or f"no alias; the newest is {name}"
            raise UsageError(f"model `{name}` has no alias `{alias}`{near}", f"there is {there}")
        return self._version(model, int(version or 0) or model.aliases.get(alias) or model.newest)

    def last_experiment(self) -> str:
        """The id of the experiment that was changed last; the default one where there is no other."""
        found = self._ask("experiments/search", max_results=2, order_by="last_update_time DESC")
        ids = [str(row["experiment_id"]) for row in found.get("experiments", [])]
        return next((each for each in ids if each != _DEFAULT_EXPERIMENT), _DEFAULT_EXPERIMENT)

    def run_page(self, run_id: str) -> str:
        """Where a person sees a run.

        Raises:
            GaiaflowError: MLflow does not know it, or does not answer.
        """
        experiment = self._ask("runs/get", run_id=run_id)["run"]["info"]["experiment_id"]
        return f"{self.url}/#/experiments/{experiment}/runs/{run_id}"

    def _version(self, model: Model, number: int) -> Version:
        asked = {"name": model.name, "version": number}
        try:
            found = self._ask("model-versions/get", **asked)["model_version"]
        except _NotThereError:
            raise UsageError(
                f"model `{model.name}` has no version {number}", f"the newest is {model.name}/{model.newest}"
            ) from None
        place = self._ask("model-versions/get-download-uri", **asked)["artifact_uri"]
        return Version(model.name, number, found.get("run_id", ""), place)

    def download(self, version: Version, folder: Path) -> Path:
        """The files of a version in a folder of theirs, whole or not at all; quick when they are there already.

        Raises:
            GaiaflowError: MLflow does not hand them out.
        """
        target, beside = folder / version.key, folder / f"{version.key}.part"
        if target.is_dir():
            return target
        where = urlsplit(version.place)
        if where.scheme != _PROXIED:
            raise GaiaflowError(
                f"model `{version.spec}` is stored at `{version.place}`, which MLflow does not serve",
                "log and register it through the stack's MLflow: inv dev.export --format env",
            )
        shutil.rmtree(beside, ignore_errors=True)
        root = where.path.strip("/")
        for name in self._files(root):
            self._fetch(f"{root}/{name}", _inside(beside, name))
        if not beside.is_dir():
            raise GaiaflowError(f"model `{version.spec}` has no files at `{version.place}`", "inv model.list")
        return beside.rename(target)

    def _files(self, root: str, inner: str = "") -> Iterator[str]:
        asked = urlencode({"path": f"{root}/{inner}".rstrip("/")})
        for entry in self._object(f"mlflow-artifacts/artifacts?{asked}").get("files", []):
            name = f"{inner}/{entry['path']}".lstrip("/")
            if entry["is_dir"]:
                yield from self._files(root, name)
            else:
                yield name

    def _fetch(self, path: str, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        url = f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{quote(path)}"
        try:
            with _opener.open(url, timeout=_SECONDS) as answer, file.open("wb") as stream:
                shutil.copyfileobj(answer, stream)
                came, whole = stream.tell(), answer.headers.get("Content-Length")
        except (OSError, HTTPException) as error:
            raise GaiaflowError(f"cannot download `{path}` of the model: {error}", "inv dev.status") from None
        if whole is not None and came != int(whole):
            raise GaiaflowError(f"received {came} of {whole} bytes of `{path}`", "inv dev.status, then repeat")

    def _ask(self, what: str, **query: object) -> dict[str, Any]:
        given = {name: value for name, value in query.items() if value != ""}
        return self._object(f"mlflow/{what}?{urlencode(given)}")

    def _object(self, path: str) -> dict[str, Any]:
        try:
            answer = json.loads(self._get(path))
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise GaiaflowError(
                f"the service at {self.url} is not MLflow: its answer is not a JSON object", "inv dev.status"
            )
        return answer

    def _get(self, path: str) -> bytes:
        try:
            with _opener.open(f"{self.url}/api/2.0/{path}", timeout=_SECONDS) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None
        except (OSError, HTTPException) as error:
            raise MissingError(f"MLflow does not answer at {self.url}: {error}", "inv dev.status") from None


class _NotThereError(GaiaflowError):
    """MLflow knows no such thing."""


def _refusal(error: urllib.error.HTTPError) -> GaiaflowError:
    try:
        said = json.loads(error.read())
    except ValueError:
        said = {}
    kind = _NotThereError if said.get("error_code") == _MISSING else GaiaflowError
    return kind(f"MLflow refused: {said.get('message', error.reason)}", "inv dev.logs --service mlflow")


def _model(row: Mapping[str, Any]) -> Model:
    versions = [int(entry["version"]) for entry in row.get("latest_versions", [])]
    aliases = {entry["alias"]: int(entry["version"]) for entry in row.get("aliases", [])}
    return Model(row["name"], max(versions, default=0), aliases)


def _inside(folder: Path, name: str) -> Path:
    """The file of that name; a name that leads out of the folder is refused."""
    file = folder / name
    if ".." in file.parts:
        raise GaiaflowError(f"the model has a file `{name}` outside its folder")
    return file
