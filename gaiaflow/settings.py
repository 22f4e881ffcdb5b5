"""The table ``[tool.gaiaflow]`` of pyproject.toml, checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from gaiaflow.errors import UsageError, near_miss


def _one_line(text: str) -> str:
    """These texts get into files of many formats, where a control character would be more than text."""
    if not text.isprintable() or len(text) > _LONGEST:
        raise ValueError("it is not one line of printable text")
    return text


_LONGEST = 1000
_Line = Annotated[str, AfterValidator(_one_line)]
_Option = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.]+\.[a-z0-9_]+$")]


class Prod(BaseModel):
    """The table ``[tool.gaiaflow.prod]``: where production is; each key is also an option of `inv prod.*`.

    Attributes:
        registry: where images go, as ``registry.example.org/team``.
        namespace: where the pods run; by default ``gaiaflow-<project>``.
        context: the kube context in which the named secrets are looked up.
        account: ``namespace/name`` of the service account that production's Airflow runs its tasks as.
        airflow_version: of the Airflow there.
        providers: what is installed beside it, as ``{cncf-kubernetes = "10.8.0"}``.
        dags: ``s3://bucket/prefix``, or the address of a git repository of DAGs.
        dags_path: the project's folder in that repository; by default its name.
        dags_branch: the branch of that repository.
        allowed_addresses: hosts that are in production what they are called here, as ``mlflow``.
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
        requirements: packages beside Airflow, as ``["apache-airflow-providers-amazon"]``.
        config: options of Airflow's configuration, as ``{"core.parallelism" = "32"}``.
        pools: pools of Airflow with their slots, as ``{downloads = 2}``.
    """

    model_config = ConfigDict(extra="forbid")

    requirements: list[_Line] = []
    config: dict[_Option, _Line | bool | int | float] = {}
    pools: dict[_Line, int] = {}


class Cluster(BaseModel):
    """The table ``[tool.gaiaflow.cluster]``: what the local cluster of prod_local is.

    Attributes:
        kubernetes: the version of a new node, as ``1.34``: production's; by default minikube's choice.
    """

    model_config = ConfigDict(extra="forbid")

    kubernetes: _Line | None = None


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
        name: the project's name; by default ``[project] name``, else the folder's.
        source: the folder with dags/ and the package, relative to pyproject.toml.
        dags: the folder of DAG files, relative to source.
        environment: the file that says what the project's environment is made of, relative to source.
        lock: a requirements file with pins for the project's environment, relative to source.
        python: the interpreter of an environment that exists, relative to pyproject.toml; nothing is installed
            into it.
        image: the image for dev_docker, prod_local and prod.
        backend: what the stack runs on before it has run: embedded or docker.
        allowed_contexts: kube contexts that prodlocal may use although they look like production.
        airflow: what the project adds to its Airflow.
        cluster: what the local cluster is.
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


_TABLES: dict[str, type[BaseModel]] = {"airflow": Airflow, "cluster": Cluster, "data": Data, "prod": Prod}


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
        known = list(_TABLES.get("".join(tables[:1]), Settings).model_fields)
        guess = near_miss(key, known) if first["type"] == "extra_forbidden" else ""
        raise UsageError(
            f"`{key}` in [{'.'.join(['tool.gaiaflow', *tables])}] of {file}: {first['msg'].lower()}{guess}",
            f"the keys are {', '.join(known)}",
        ) from None
