"""Every GAIAFLOW_* variable: what people set, and what processes and containers of gaiaflow hand to each other.

docs/reference/variables.md is made of these rows. The runner and the debugger run without gaiaflow, and Compose
files and Dockerfiles are no Python: they write the names out, and tests/unit/test_envvar.py compares.
"""

from __future__ import annotations

from typing import NamedTuple

from gaiaflow import runner

PREFIX = "GAIAFLOW_"
# What the names of the files with addresses and keys begin with; see `task_environment`.
TASK_ENVIRONMENT = f"{PREFIX}TASK_ENV_"
# What the names of the variables with the folders of a task begin with; see `datafolder`.
DATA_FOLDER = f"{PREFIX}DATA_"


class Setting(NamedTuple):
    """A variable that a person sets, in the shell or, where `dotenv` says so, in the project's ``.env``."""

    text: str
    dotenv: bool


class Internal(NamedTuple):
    """A variable between processes of gaiaflow.

    Attributes:
        writers, readers: wings or files of the package, or ``compose`` for the folder of that name.
    """

    writers: tuple[str, ...]
    readers: tuple[str, ...]
    text: str


SETTINGS: dict[str, Setting] = {}
TESTING: dict[str, str] = {}
INTERNAL: dict[str, Internal] = {}


def task_environment(mode: str) -> str:
    """The variable that names the file with the addresses and keys for tasks of a mode."""
    return TASK_ENVIRONMENT + mode.upper()


def port(service: str) -> str:
    """The variable that moves a port, e.g. ``GAIAFLOW_S3_CONSOLE_PORT`` for ``s3-console``."""
    return f"{PREFIX}{service.upper().replace('-', '_')}_PORT"


def stack_image(target: str) -> str:
    """The variable that tells Compose the image which was built for it, e.g. ``GAIAFLOW_AIRFLOW_IMAGE``."""
    return f"{PREFIX}{target.upper()}_IMAGE"


def _setting(name: str, text: str, dotenv: bool = True) -> str:
    SETTINGS[name] = Setting(text, dotenv)
    return name


def _testing(name: str, text: str) -> str:
    TESTING[name] = text
    return name


def _internal(name: str, writers: str, readers: str, text: str) -> str:
    INTERNAL[name] = Internal(tuple(writers.split()), tuple(readers.split()), text)
    return name


BACKEND = _setting("GAIAFLOW_BACKEND", "backend of the first start: `embedded` or `docker`")
MODE = _setting("GAIAFLOW_MODE", "default mode of tasks: `dev`, `dev_docker`, `prod_local` or `prod`")
IMAGE = _setting("GAIAFLOW_IMAGE", "default image of tasks")
_setting(port("airflow"), "port of Airflow, 8080")
_setting(port("mlflow"), "port of MLflow, 5000")
_setting(port("s3"), "port of the S3 store, 9000")
_setting(port("s3-console"), "port of its console, 9001")
_setting(port("jupyter"), "port of JupyterLab, 8895")
_setting(port("model"), "port of a served model, 5001")
S3_PROVIDER = _setting(
    "GAIAFLOW_S3_PROVIDER", "store of the docker backend: `seaweedfs`, `minio` or `external`"
)
S3_ENDPOINT = _setting("GAIAFLOW_S3_ENDPOINT", "address of the external store, on the docker backend")
S3_BUCKET = _setting("GAIAFLOW_S3_BUCKET", "bucket of MLflow's artifacts on the docker backend, `mlflow`")
PYTHON_IMAGE = _setting("GAIAFLOW_PYTHON_IMAGE", "base image of the stack's and the project's images")
POSTGRES_IMAGE = _setting("GAIAFLOW_POSTGRES_IMAGE", "image of Airflow's database on the docker backend")
S3_IMAGE = _setting("GAIAFLOW_S3_IMAGE", "image of the S3 store on the docker backend")
_setting("GAIAFLOW_AIRFLOW_MEMORY", "memory limit of Airflow's containers")
_setting("GAIAFLOW_TASKS_MEMORY", "memory limit of the scheduler's container, which runs tasks of mode `dev`")
_setting("GAIAFLOW_MLFLOW_MEMORY", "memory limit of MLflow's container")
_setting("GAIAFLOW_POSTGRES_MEMORY", "memory limit of Postgres' container")
_setting("GAIAFLOW_S3_MEMORY", "memory limit of the S3 store's container")
_setting("GAIAFLOW_JUPYTER_MEMORY", "memory limit of JupyterLab's container")
_setting("GAIAFLOW_MODEL_MEMORY", "memory limit of the served model's container")
PROFILE = _setting("GAIAFLOW_PROFILE", "the minikube profile; by default `gaiaflow-<project>`")
CONTEXT = _setting("GAIAFLOW_CONTEXT", "a kube context to use instead of a profile")
KUBERNETES = _setting(
    "GAIAFLOW_KUBERNETES", "the Kubernetes version of a new node of the local cluster, as `1.34`"
)
NAMESPACE = _setting("GAIAFLOW_NAMESPACE", "the namespace of the pods; by default `gaiaflow-<project>`")
WAIT_FOR_ROOM = _setting(
    "GAIAFLOW_WAIT_FOR_ROOM",
    "how long a pod waits for quota or for a node with room, `1h`; `0`: it does not wait",
)
RESULTS = _setting(
    "GAIAFLOW_RESULTS", "`small`: each result of a pod has at most 4 KiB, so that pods need no sidecar; `any`"
)
DEFERRABLE = _setting(
    "GAIAFLOW_DEFERRABLE", "`1`: Airflow's triggerer watches the pods, so that no task takes a slot meanwhile"
)
GATEWAY = _setting("GAIAFLOW_GATEWAY", "host name of this machine for pods of the local cluster")
PYTHON = _setting(
    "GAIAFLOW_PYTHON",
    "Python of an existing environment, for your functions; gaiaflow installs nothing into it",
)
CHANNEL_SECONDS = _setting("GAIAFLOW_CHANNEL_SECONDS", "seconds to wait for conda's channels, 300")
QUIET = _setting("GAIAFLOW_QUIET", "no progress, like `--quiet`", dotenv=False)
DEBUG = _setting("GAIAFLOW_DEBUG", "tracebacks, like `--debug`", dotenv=False)

REQUIRE_MODES = _testing(
    "GAIAFLOW_REQUIRE_MODES", "modes that `nox -s dag_tests` must not skip, e.g. `dev,prod_local`"
)
_testing(
    "GAIAFLOW_PREPARE_MODES", "`nox -s dag_tests` first starts the stack and the cluster and builds images"
)
_testing("GAIAFLOW_AIRFLOW_PYTHON", "Python of an environment with Airflow, for the integration tests")
_testing(
    "GAIAFLOW_TEST_MINIO_IMAGE",
    "an image of MinIO for the integration tests; without it they use a fake one",
)
_testing(
    "GAIAFLOW_TEST_REBOOT",
    "a program that ends the Docker engine and all containers and starts it again, for the fault tests; "
    "run in this clone",
)
_testing("GAIAFLOW_TEST_PROFILE", "a minikube profile that runs, for the integration tests")
_testing("GAIAFLOW_FULL_FAULTS", "the fault tests that take minutes")
_testing("GAIAFLOW_TEST_PODS", "how many mapped pods the integration tests start: 16, and 30 in a full run")
_testing("GAIAFLOW_LOAD_TASKS", "how many mapped tasks the fault tests start, 10; with all faults 1000")
_testing("GAIAFLOW_EXAMPLES", "how many examples each property of the security tests gets, 150")
_testing("GAIAFLOW_FUZZ_RUNS", "how many inputs each fuzzer tries, 3000")

_internal(runner.CALL, "operators", "runner", "the call as JSON")
_internal(runner.CALL_FILE, "operators", "runner", "a file with the call, if the call is long")
_internal(runner.RESULT_FILE, "operators", "runner", "where the result goes")
_internal(runner.MESSAGE_FILE, "operators", "runner", "where a small result goes, in a pod")
_internal(runner.LOG_LEVELS, "operators", "runner", "the runner writes the level before each line of stderr")
_internal(runner.TAGS, "operators", "runner", "tags for the MLflow runs of this task")
_internal(
    f"{runner.SECRET}NAME",
    "operators",
    "runner",
    "the key `NAME` of a secret; the function gets it as `NAME`",
)
COMMIT = _internal(runner.COMMIT, "infra", "runner operators", "the git commit that went into the image")
CONTENT = _internal(runner.CONTENT, "infra", "runner", "the hash of what went into the image")
COMMIT_FILE = _internal(
    "GAIAFLOW_COMMIT_FILE", "stack", "operators", "where Airflow's containers read the commit of the project"
)
PROJECT = _internal("GAIAFLOW_PROJECT", "stack", "operators compose", "the project's folder")
PROJECT_ID = _internal(
    "GAIAFLOW_PROJECT_ID",
    "stack",
    "operators compose",
    "name of the project and eight digits of its folder: what labels carry",
)
PROJECT_NAME = _internal("GAIAFLOW_PROJECT_NAME", "stack", "operators", "the project's name")
CODE = _internal(runner.CODE, "stack", "runner operators returns", "folders that the function is imported from")
NETWORK = _internal("GAIAFLOW_NETWORK", "stack compose", "operators compose", "the docker network of the stack")
KUBECONFIG = _internal(
    "GAIAFLOW_KUBECONFIG", "infra stack", "operators testing", "the kubeconfig that Airflow uses"
)
TASK_ENV_DEV_DOCKER = _internal(
    task_environment("dev_docker"), "stack", "operators testing", "file with the addresses for containers"
)
TASK_ENV_PROD_LOCAL = _internal(
    task_environment("prod_local"), "infra stack", "operators testing", "file with the addresses for pods"
)
MLFLOW_URL = _internal(
    "GAIAFLOW_MLFLOW_URL", "stack", "operators", "MLflow's address for a browser on this machine"
)
STACK = _internal("GAIAFLOW_STACK", "stack", "stack doctor", "marks the processes of a stack")
SUPERVISOR = _internal("GAIAFLOW_SUPERVISOR", "stack", "stack", "marks the supervisor of a stack")
WORKER = _internal("GAIAFLOW_WORKER", "stack", "operators", "marks the processes of Airflow that run tasks")
COMMAND = _internal(
    "GAIAFLOW_COMMAND", "infra", "infra", "marks what a command started, so that a killed one leaves nothing"
)
DATA = _internal(
    "GAIAFLOW_DATA",
    "datafolder stack",
    "datafolder compose",
    "the folders of `[tool.gaiaflow.data]` as JSON; on production's Airflow its admin sets it",
)
_internal(
    f"{DATA_FOLDER}NAME",
    "datafolder",
    "datafolder",
    "where a function finds the folder `name` of its task's `data`",
)
AIRFLOW_IMAGE = _internal(stack_image("airflow"), "stack", "compose", "image of Airflow, made by gaiaflow")
_internal(
    stack_image("services"),
    "stack",
    "compose",
    "image of MLflow and the S3 store, made by gaiaflow",
)
_internal(
    stack_image("environment"), "stack", "compose", "image with the project's environment, made by gaiaflow"
)
ENVIRONMENT = _internal(
    "GAIAFLOW_ENVIRONMENT",
    "infra",
    "compose",
    "what makes the environment of the project's image: `uv` or `conda`",
)
COMPOSE_HOME = _internal("GAIAFLOW_COMPOSE_HOME", "stack", "compose", "folder of the files for Compose")
SOURCE = _internal("GAIAFLOW_SOURCE", "stack", "compose", "the project's source folder, for containers")
UID = _internal("GAIAFLOW_UID", "stack", "compose", "user that containers run as")
GID = _internal("GAIAFLOW_GID", "stack", "compose", "group that containers run as")
BUCKET = _internal("GAIAFLOW_BUCKET", "stack", "compose", "bucket that is made at the first start")
DOCKER_SOCKET = _internal("GAIAFLOW_DOCKER_SOCKET", "stack", "compose", "the engine's socket, for the proxy")
SOCKET_GID = _internal("GAIAFLOW_SOCKET_GID", "stack", "compose", "group of that socket")
