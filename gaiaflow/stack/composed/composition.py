"""What Docker Compose gets for one project's stack: files, variables, environments, command line."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from gaiaflow import envvar
from gaiaflow.commit import tree_commit
from gaiaflow.endpoints import GATEWAY, LOOPBACK, MODEL, PORTS, Endpoints, Vantage
from gaiaflow.errors import UsageError
from gaiaflow.infra.cluster import target
from gaiaflow.infra.host import envfile as taskenv, privatefile, process
from gaiaflow.infra.host.shipped import shipped
from gaiaflow.infra.images import kind
from gaiaflow.infra.images.engine import engine_address
from gaiaflow.modes import Mode
from gaiaflow.project import Project
from gaiaflow.stack.composed import datamount, image as stackimage
from gaiaflow.stack.composed.direct import direct_names
from gaiaflow.stack.composed.handover import hand_over, is_other, owner, write_env_file
from gaiaflow.stack.services import additions, airflow, executor, keys, mlflow, model, s3, store
from gaiaflow.stack.services.keys import USER
from gaiaflow.stack.services.program import unsteered

DEV_DOCKER = "dev_docker"
_AIRFLOW_HOME = Path("/opt/airflow")
_KEYS = Path("/opt/gaiaflow/keys")
_POSTGRES = {"POSTGRES_USER": "gaiaflow", "POSTGRES_DB": "airflow"}
_MODEL = Path("/opt/gaiaflow/model")
_PYTHON = "/opt/env/current/bin/python"
# What the project's tree is at, for Airflow in containers without git; a variable would recreate them.
_COMMIT = "commit"
# The site's own choices, handed on as they are.
_CHOICES = (envvar.POSTGRES_IMAGE, envvar.S3_IMAGE)
_MEMORY = tuple(name for name in envvar.SETTINGS if name.endswith("_MEMORY"))


def host_operator_variables(project: Project) -> dict[str, str]:
    """What the operator of dev_docker reads, for a process on the host beside the stack; empty without
    ``--with dev_docker``."""
    file = project.home / "compose" / "task" / f"{DEV_DOCKER}.env"
    if not file.is_file():
        return {}
    return {envvar.TASK_ENV_DEV_DOCKER: str(file), envvar.NETWORK: f"{project.id}_default"}


@dataclass(frozen=True)
class Composition:
    """One project's stack as Compose sees it.

    Attributes:
        ports: the host's port of each entry of endpoints.PORTS.
        extras: overlays that were asked for, of which there is ``dev_docker``.
        mode: where Airflow's tasks run that name no mode themselves.
        executor: Airflow's; see the module executor.
    """

    project: Project
    ports: dict[str, int]
    extras: tuple[str, ...] = ()
    mode: str = Mode.DEV.value
    executor: str = ""

    @property
    def home(self) -> Path:
        return privatefile.folder(privatefile.folder(self.project.home) / "compose")

    @property
    def provider(self) -> str:
        """Which S3 store: seaweedfs, minio, or external."""
        return store.provider(self.project)

    @property
    def files(self) -> list[Path]:
        """compose.yml and its overlays."""
        overlays = [] if self.provider == store.EXTERNAL else [f"s3-{self.provider}.yml"]
        names = ("compose.yml", *overlays, *(f"{e}.yml" for e in self.extras))
        held = self.project.home / "compose" / datamount.OVERLAY
        return [*(shipped("compose") / name for name in names), *([held] if held.is_file() else [])]

    def command(self, *arguments: str) -> list[str]:
        """``docker compose`` for this project."""
        files = [part for file in self.files for part in ("--file", str(file))]
        start = ["docker", "compose", "--project-name", self.project.id, "--project-directory", str(self.home)]
        return [*start, *files, *arguments]

    def variables(self) -> dict[str, str]:
        """The environment of ``docker compose``; it holds no secret."""
        images = {envvar.stack_image(k): v for k, v in stackimage.names(self.project).items()}
        chosen = {name: self.project.setting(name, "") for name in (*_CHOICES, *_MEMORY)}
        uid, gid = owner()
        return {
            **unsteered(),
            **images,
            **{name: value for name, value in chosen.items() if value},
            **{{**PORTS, MODEL.name: MODEL}[name].variable: str(port) for name, port in self.ports.items()},
            **_socket(),
            **({envvar.DATA: datamount.allowed(self.project)} if DEV_DOCKER in self.extras else {}),
            envvar.PROJECT_ID: self.project.id,
            envvar.S3_BUCKET: store.bucket(self.project),
            envvar.PROJECT: str(self.project.root),
            envvar.SOURCE: str(self.project.source),
            envvar.COMPOSE_HOME: str(self.home),
            envvar.UID: str(uid),
            envvar.GID: str(gid),
        }

    def fingerprint(self) -> str:
        """Changes with anything that Compose gets: what runs on another one has to be recreated."""
        texts = [file.read_bytes() for file in (*self.files, *sorted(self.home.glob("*.env")))]
        told = sorted(item for item in self.variables().items() if item[0].startswith(envvar.PREFIX))
        return hashlib.sha256(b"\0".join([*texts, repr(told).encode()])).hexdigest()

    # The files that hold the keys

    def write(self) -> None:
        """Write each service's environment, 0600, and what else the containers read.

        Raises:
            UsageError: the project is closed to the containers' user.
        """
        self._check_readable()
        made, direct = keys.load(self.project), direct_names()
        for name, values in (
            ("postgres", {**_POSTGRES, "POSTGRES_PASSWORD": made.postgres_password}),
            ("airflow", self._airflow()),
            ("mlflow", self._mlflow()),
            ("s3", self._s3()),
            ("jupyter", self._jupyter()),
            ("model", {**self.task_environment(), **model.location(self.project, _MODEL)}),
        ):
            write_env_file(self.home / f"{name}.env", {**direct, **values})
        folder = self.folder("airflow")
        privatefile.write_json(folder / "passwords.json", {USER: made.airflow_password})
        privatefile.write(self.folder("s3") / "security.toml", s3.security(Path("/opt/gaiaflow/s3"), made))
        taskenv.write_variables(
            self.folder("task") / f"{DEV_DOCKER}.env", {**direct, **self.task_environment()}
        )
        datamount.write(self.project, self.home, DEV_DOCKER in self.extras)
        privatefile.write(self.home / "task" / _COMMIT, f"{tree_commit(self.project.source)}\n")
        self._show()
        for folder in (self.folder("airflow"), self.folder("s3"), self.folder("task"), *self._handed_over()):
            hand_over(folder)

    def _check_readable(self) -> None:
        """Where the host's user is root, the containers' is another, who has to get into the folder."""
        for folder in {self.project.root, self.project.source} if is_other() else ():
            if folder.stat().st_mode & 0o005 != 0o005:
                raise UsageError(
                    f"`{folder}` is not readable for other users, and the containers do not run as root",
                    f"chmod o+rx {folder}, or start as a user who is not root",
                )

    def _show(self) -> None:
        """What containers see as the project's ``.gaiaflow``: empty folders, for others to be mounted on."""
        shown = self.folder("shown")
        for folder in (
            shown,
            shown / "secrets",
            shown / "prodlocal",
            shown / "compose",
            shown / "compose" / "task",
        ):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)

    def folder(self, name: str) -> Path:
        """A folder that some container mounts."""
        return privatefile.folder(self.home / name)

    def _handed_over(self) -> list[Path]:
        """Folders of others that containers read: local secrets, what the local cluster left, the model."""
        return [
            privatefile.folder(self.project.home / name) for name in ("secrets", target.FOLDER, model.FOLDER)
        ]

    def make_certificates(self) -> None:
        """What closes SeaweedFS's inner connections; made once, in its own image, without a network."""
        folder = self.folder("s3")
        if self.provider != "seaweedfs" or (folder / "s3.key").exists():
            return
        hand_over(folder)
        uid, gid = owner()
        command = ["docker", "run", "--rm", "--network", "none", "--user", f"{uid}:{gid}"]
        command += ["--volume", f"{folder}:/work", stackimage.names(self.project)["services"]]
        process.run([*command, "python", "/opt/gaiaflow/scripts/certificates.py", "/work"], timeout=120)

    @property
    def endpoints(self) -> Endpoints:
        gateway = self.project.setting(envvar.GATEWAY, GATEWAY)
        return Endpoints(self.ports, gateway, store.address(self.project))

    def s3_keys(self) -> dict[str, str]:
        """The S3 keys as boto3 and MLflow read them."""
        return store.variables(self.project, self.provider == store.EXTERNAL)

    def task_environment(self) -> dict[str, str]:
        """Addresses and keys for code in a container of the stack's network."""
        return {**self.endpoints.task_environment(Vantage.CONTAINER, Vantage.CONTAINER), **self.s3_keys()}

    def _airflow(self) -> dict[str, str]:
        made = keys.load(self.project)
        database = f"postgresql+psycopg2://gaiaflow:{made.postgres_password}@postgres/airflow"
        options = {
            "core__simple_auth_manager_passwords_file": str(_KEYS / "passwords.json"),
            "core__execution_api_server_url": self.endpoints.url("airflow", Vantage.CONTAINER) + "/execution/",
            "database__sql_alchemy_conn": database,
            "logging__base_log_folder": str(_AIRFLOW_HOME / "logs"),
            "logging__dag_processor_child_process_log_directory": str(_AIRFLOW_HOME / "logs" / "dag_processor"),
            "scheduler__enable_health_check": "True",
            "api__host": "0.0.0.0",  # noqa: S104 - in a container, published on loopback only
            "api__port": str(PORTS["airflow"].inner_port),
            "api__base_url": self.endpoints.url("airflow"),
            "api__workers": "1",
        }
        pods = executor.options(
            self.project, self.executor, self.project.home / target.FOLDER / "config-container"
        )
        return {
            **airflow.settings(self.project, _AIRFLOW_HOME, made),
            **{f"AIRFLOW__{name.upper()}": value for name, value in options.items()},
            **{additions.variable(name): value for name, value in pods.items()},
            **self._operator_variables(),
            **self.task_environment(),
        }

    def _operator_variables(self) -> dict[str, str]:
        """What the operators read."""
        cluster = self.project.home / target.FOLDER
        places = {
            envvar.KUBECONFIG: cluster / "config-container",
            envvar.TASK_ENV_PROD_LOCAL: cluster / "task.env",
        }
        return {
            **airflow.operator_variables(self.project, self.mode),
            **{name: str(file) for name, file in places.items()},  # prodlocal.start writes them, also later
            envvar.TASK_ENV_DEV_DOCKER: str(self.home / "task" / f"{DEV_DOCKER}.env"),
            envvar.PYTHON: _PYTHON,
            envvar.MLFLOW_URL: self.endpoints.url("mlflow"),
            envvar.COMMIT_FILE: str(self.home / "task" / _COMMIT),
        }

    def _mlflow(self) -> dict[str, str]:
        password = keys.load(self.project).postgres_password
        port = self.ports["mlflow"]
        return {
            **self.s3_keys(),
            "MLFLOW_BACKEND_STORE_URI": f"postgresql+psycopg2://gaiaflow:{password}@postgres/mlflow",
            "MLFLOW_SERVER_ALLOWED_HOSTS": mlflow.allowed_hosts(self.endpoints),
            "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": f"http://{LOOPBACK}:{port},http://localhost:{port}",
            "MLFLOW_S3_ENDPOINT_URL": self.endpoints.url("s3", Vantage.CONTAINER),
            "AWS_ENDPOINT_URL_S3": self.endpoints.url("s3", Vantage.CONTAINER),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            envvar.BUCKET: store.bucket(self.project),
        }

    def _s3(self) -> dict[str, str]:
        made = keys.load(self.project)
        minio = {"MINIO_ROOT_USER": made.s3_access_key, "MINIO_ROOT_PASSWORD": made.s3_secret_key}
        return minio if self.provider == store.MINIO else self.s3_keys()

    def _jupyter(self) -> dict[str, str]:
        folders = {
            f"JUPYTER_{name}_DIR": f"/opt/jupyter/{name.lower()}" for name in ("CONFIG", "DATA", "RUNTIME")
        }
        token = keys.load(self.project).jupyter_token
        return {**self.task_environment(), **folders, "JUPYTER_TOKEN": token, envvar.MODE: "dev"}


def _socket() -> dict[str, str]:
    """Where the engine's socket is, and the group that may use it; for the proxy of dev_docker."""
    engine, address = kind.find(), engine_address() or ""
    path = Path(address.removeprefix("unix://") if address.startswith("unix://") else "/var/run/docker.sock")
    if engine.socket or engine.is_root:  # there it belongs to root, with the group of root
        return {envvar.DOCKER_SOCKET: engine.socket or str(path), envvar.SOCKET_GID: "0"}
    found = {envvar.DOCKER_SOCKET: str(path)}
    return {**found, envvar.SOCKET_GID: str(path.stat().st_gid)} if path.exists() else found
