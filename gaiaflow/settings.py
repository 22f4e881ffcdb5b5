"""The table ``[tool.gaiaflow]`` of pyproject.toml, checked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError

from gaiaflow.duration import seconds
from gaiaflow.errors import UsageError, near_miss


def _one_line(text: str) -> str:
    """These texts get into files of many formats, where a control character would be more than text."""
    if not text.isprintable() or len(text) > _LONGEST:
        raise ValueError("it is not one line of printable text")
    return text


def _amount(value: object) -> str:
    """A quantity of Kubernetes as text."""
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"\d+(\.\d+)?([a-zA-Z]{1,2})?", text):
        raise ValueError("it is not a quantity as 500m, 2, 512Mi or 1Gi")
    return text


def _time(value: object) -> str:
    """A length of time, checked."""
    seconds(value)
    return str(value)


_LONGEST = 1000
_Amount = Annotated[str, BeforeValidator(_amount)]
_Time = Annotated[str, BeforeValidator(_time)]
_Line = Annotated[str, AfterValidator(_one_line)]
_Option = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.]+\.[a-z0-9_]+$")]


class Prod(BaseModel):
    """The table ``[tool.gaiaflow.prod]``: where production is; each key is also an option of `inv prod.*`.

    Attributes:
        registry: the registry for images, e.g. ``registry.example.org/team``.
        namespace: the namespace of the pods; by default ``gaiaflow-<project>``.
        context: the kube context of production, to check that secrets exist there.
        account: ``namespace/name`` of the service account that production's Airflow runs its tasks as.
        airflow_version: the version of production's Airflow.
        providers: the providers installed there, e.g. ``{cncf-kubernetes = "10.12.0"}``.
        dags: the destination of the DAG files: ``s3://bucket/prefix``, or the address of a git repository.
        dags_path: the project's folder in that repository; by default its name.
        dags_branch: the branch of that repository.
        allowed_addresses: local host names that also exist in production, e.g. ``mlflow``.
    """

    model_config = ConfigDict(extra="forbid")

    registry: _Line | None = None
    namespace: _Line | None = None
    context: _Line | None = None
    account: _Line | None = None
    airflow_version: _Line | None = None
    providers: dict[_Line, _Line] = {}
    dags: _Line | None = None
    dags_path: _Line | None = None
    dags_branch: _Line = "main"
    allowed_addresses: list[_Line] = []


class Airflow(BaseModel):
    """The table ``[tool.gaiaflow.airflow]``: what the project adds to its Airflow.

    Attributes:
        requirements: packages to add to Airflow's environment, e.g. ``["apache-airflow-providers-amazon"]``.
        config: options of Airflow's configuration, e.g. ``{"core.parallelism" = "32"}``.
        pools: Airflow's pools with their numbers of slots, e.g. ``{downloads = 2}``.
    """

    model_config = ConfigDict(extra="forbid")

    requirements: list[_Line] = []
    config: dict[_Option, _Line | bool | int | float] = {}
    pools: dict[_Line, int] = {}


class Limits(BaseModel):
    """The table ``[tool.gaiaflow.cluster.limits]``: what each container of the namespace may ask for.

    Attributes:
        default: the limits of a container that names none, as ``{cpu = "1", memory = "2Gi"}``.
        default_request: the requests of a container that names none.
        max: the highest limits.
        min: the lowest requests.
    """

    model_config = ConfigDict(extra="forbid")

    default: dict[_Line, _Amount] = {}
    default_request: dict[_Line, _Amount] = {}
    max: dict[_Line, _Amount] = {}
    min: dict[_Line, _Amount] = {}


class Cluster(BaseModel):
    """The table ``[tool.gaiaflow.cluster]``: the local cluster, and the namespace of the pods.

    Attributes:
        kubernetes: the version of a new node, as ``1.34``: production's; by default minikube's choice.
        wait_for_room: how long a pod waits for a quota or a node with room, as ``30m``; ``0`` is not at all.
        results: ``small`` where each result of a pod has at most 4 KiB: no sidecar then; else ``any``.
        deferrable: whether Airflow's triggerer watches the pods, so that no task takes a slot meanwhile.
        quota: of the namespace, as ``{pods = 50, "requests.memory" = "64Gi"}``, over the defaults.
        limits: of each container, as ``{default = {memory = "2Gi"}, max = {memory = "16Gi"}}``.
    """

    model_config = ConfigDict(extra="forbid")

    kubernetes: _Line | None = None
    wait_for_room: _Time | None = None
    results: Literal["any", "small"] = "any"
    deferrable: bool = False
    quota: dict[_Line, _Amount] = {}
    limits: Limits = Limits()


class Data(BaseModel):
    """One entry of the table ``[tool.gaiaflow.data]``: a folder that tasks name in ``data``.

    Attributes:
        path: the folder, inside the project, relative to pyproject.toml.
        claim: the persistent volume claim with the same files, for prod_local and prod.
        writable: whether containers and pods may write to it; in dev the function has your rights.
    """

    model_config = ConfigDict(extra="forbid")

    path: _Line
    claim: _Line | None = None
    writable: bool = False


class Settings(BaseModel):
    """The table ``[tool.gaiaflow]``; every key has a default.

    Attributes:
        name: the project's name; by default ``[project] name``, or else the folder's name.
        source: the folder that contains dags/ and the package, relative to pyproject.toml.
        dags: the folder of DAG files, relative to source.
        environment: the file from which gaiaflow makes the project's environment, relative to source.
        lock: a requirements file with pinned versions for the project's environment, relative to source.
        python: the Python of an existing environment, relative to pyproject.toml; gaiaflow installs nothing
            into it.
        image: the image for dev_docker, prod_local and prod.
        backend: the backend of the first start: embedded or docker.
        allowed_contexts: kube contexts that prodlocal may use even if they look like production.
        airflow: what the project adds to its Airflow.
        cluster: the local cluster, and the namespace of the pods.
        data: folders of data by name.
        prod: where production is.
    """

    model_config = ConfigDict(extra="forbid")

    name: _Line | None = None
    source: _Line = "."
    dags: _Line = "dags"
    environment: _Line | None = None
    lock: _Line = "requirements.lock"
    python: _Line | None = None
    image: _Line | None = None
    backend: Literal["embedded", "docker"] | None = None
    allowed_contexts: list[_Line] = []
    airflow: Airflow = Airflow()
    cluster: Cluster = Cluster()
    data: dict[_Line, Data] = {}
    prod: Prod = Prod()


_TABLES: dict[str, type[BaseModel]] = {
    "airflow": Airflow,
    "cluster": Cluster,
    "cluster.limits": Limits,
    "data": Data,
    "prod": Prod,
}


def check_settings(file: Path, table: dict[str, Any]) -> Settings:
    """The table with its defaults.

    Raises:
        UsageError: a key or a value that gaiaflow does not know.
    """
    try:
        return Settings(**table)
    except ValidationError as error:
        first = error.errors()[0]
        *tables, key = map(str, first["loc"])
        table_of = _TABLES.get(".".join(tables)) or _TABLES.get("".join(tables[:1]), Settings)
        known = list(table_of.model_fields)
        guess = near_miss(key, known) if first["type"] == "extra_forbidden" else ""
        raise UsageError(
            f"`{key}` in [{'.'.join(['tool.gaiaflow', *tables])}] of {file}: {first['msg'].lower()}{guess}",
            f"the keys are {', '.join(known)}",
        ) from None
