"""Mode dev_docker: the function in a container of the project's image, on the network of the stack."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException
from airflow.providers.docker.operators.docker import DockerOperator
from docker.errors import APIError, ImageNotFound, NotFound
from docker.types import DeviceRequest, Mount
from requests.exceptions import RequestException

from gaiaflow import datafolder, envvar, runner
from gaiaflow.errors import GaiaflowError, MissingError, TaskFailedError, final
from gaiaflow.modes import Mode
from gaiaflow.operators import level
from gaiaflow.operators.call import CallMixin, is_large
from gaiaflow.operators.container import (
    GRACE_SECONDS,
    NO_EXECUTABLE,
    PYTHON,
    RUNNER,
    checked_overrides,
    failure,
    no_python,
    project_id,
    required_image,
    run_variables,
)
from gaiaflow.operators.container_file import FOLDER, folder_archive, lines_of, only_file
from gaiaflow.operators.container_name import container_name, labels
from gaiaflow.operators.environment import local_secrets, stack_variables
from gaiaflow.operators.final import task_errors
from gaiaflow.operators.level import log_line
from gaiaflow.operators.lineage import log_address, tag_variable
from gaiaflow.operators.mapping import make
from gaiaflow.operators.resources import AGAIN, MOST_GROWN, chosen, parse, told
from gaiaflow.spec import TaskSpec

CALL_FILE = "call.json"
# A malformed request, and one that the Docker socket proxy does not allow.
_FINAL = (400, 403)
RESULT_FILE = f"/{FOLDER}/result.json"
_ALWAYS = "leave it out: a container gets a name of its own and is removed when it has ended"
_RESULT = "leave it out: the function's value is the result"
RESERVED = {
    "image": 'image="my-project/my_package:0.1.0"',
    "environment": 'env_vars={"NAME": "value"}',
    "private_environment": 'secrets=["my-secret"]',
    "env_file": 'env_vars={"NAME": "value"}',
    "cpus": 'resources={"limits": {"cpu": "2"}}',
    "mem_limit": 'resources={"limits": {"memory": "1Gi"}}',
    "container_name": _ALWAYS,
    "auto_remove": _ALWAYS,
    "command": 'func_path="package.module:function"',
    "entrypoint": 'func_path="package.module:function"',
    "force_pull": "docker pull NAME",
    **dict.fromkeys(("xcom_all", "retrieve_output", "retrieve_output_path", "skip_on_exit_code"), _RESULT),
    **dict.fromkeys(("mount_tmp_dir", "tmp_dir", "host_tmp_dir"), 'docker={"mounts": [...]}'),
}


class DevDockerOperator(CallMixin, DockerOperator):  # type: ignore[misc]
    """Runs ``func_path`` in a container that is gone afterwards.

    Args:
        func_path: ``package.module:function``.
        func_args: positional arguments, JSON, FromTask anywhere in them.
        func_kwargs: keyword arguments, likewise.
        variables: the environment that the task asks for; as it is, not a template.
        secret_names: local secrets; their keys come into the environment, over everything else.
        task_resources: cpu, memory and gpu.
        data: names of folders that are mounted, and that the function finds in its environment.
        axes: the keyword arguments that the axes of a mapped task fill, in order.
    """

    container: Any
    _grown = 0
    _out_of_memory = False
    template_fields: Sequence[str] = (*CallMixin.call_fields, *DockerOperator.template_fields)
    template_ext: Sequence[str] = ()

    def __init__(
        self,
        *,
        func_path: str,
        func_args: Any = None,
        func_kwargs: Any = None,
        variables: Mapping[str, str] | None = None,
        secret_names: Sequence[str] = (),
        task_resources: Mapping[str, Any] | None = None,
        data: Sequence[str] = (),
        axes: Sequence[str] = (),
        axis_0: Any = None,
        axis_1: Any = None,
        axis_2: Any = None,
        axis_3: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(entrypoint=PYTHON[:1], command=[*PYTHON[1:], RUNNER], mount_tmp_dir=False, **kwargs)
        self.variables = dict(variables or {})
        self.secret_names = list(secret_names)
        self.task_resources = dict(task_resources or {})
        self.data = list(data)
        self.set_call(func_path, func_args, func_kwargs, axes, (axis_0, axis_1, axis_2, axis_3))

    def execute(self, context: Mapping[str, Any]) -> Any:
        """Run the function; its output goes to the task's log."""
        with task_errors(self):
            return self._execute(context)

    def _execute(self, context: Mapping[str, Any]) -> Any:
        call = self.encode_call(context)
        digest = self._require_image()
        log_address(self.log, *self.mlflow())
        large = is_large(call)
        handed = {runner.CALL_FILE: f"/{FOLDER}/{CALL_FILE}"} if large else {runner.CALL: call}
        handed |= tag_variable(context, Mode.DEV_DOCKER.value, self.image, image_digest=digest)
        text = self._until_done(context, handed, {CALL_FILE: call} if large else {})
        return self.hand_over(context, self.decode_result(text)) if self.do_xcom_push else None

    def _until_done(
        self, context: Mapping[str, Any], handed: Mapping[str, str], files: Mapping[str, str]
    ) -> str | None:
        """The result of the first container that did not run out of memory, where the task asks for more."""
        try:
            self.container = self.create_container(context, handed)
            self._put(files)
            self._run()
            return self._result() if self.do_xcom_push else None
        except TaskFailedError:
            if not (self._out_of_memory and self._grow()):
                raise
        finally:
            self.on_kill()
        return self._until_done(context, handed, files)

    def _grow(self) -> bool:
        """Give the next container more memory; False where the task does not ask for it, or had enough."""
        resources = parse(self.task_resources)
        if not resources.memory_on_oom or self._grown >= MOST_GROWN:
            return False
        self._grown += 1
        more = resources.grown(self._grown).limits["memory"]
        self.log.warning(AGAIN, self.task_id, told(more, self._grown))
        return True

    def mlflow(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """The variables in which the function finds its MLflow, and those with the stack's."""
        return self._asked(), stack_variables(Mode.DEV_DOCKER.value)

    def _require_image(self) -> str:
        """The image's digest; refuse before anything is made when the engine does not answer or lacks it."""
        try:
            return str(self.cli.inspect_image(self.image)["Id"])
        except AirflowException as error:
            raise MissingError(f"no Docker engine at `{self.docker_url}`: {error}", "docker info") from None
        except ImageNotFound:
            raise final(
                MissingError(f"image `{self.image}` is not on this engine", "inv dev.dockerize")
            ) from None

    def _variables(self, handed: Mapping[str, str]) -> dict[str, str]:
        result = {runner.RESULT_FILE: RESULT_FILE} if self.do_xcom_push else {}
        data = datafolder.of_task(self.data, Mode.DEV_DOCKER)
        return run_variables() | self._asked() | data | level.ASKED | result | dict(handed)

    def _asked(self) -> dict[str, str]:
        """The stack's addresses, what the task asks for over them, its secrets over both."""
        stack = stack_variables(Mode.DEV_DOCKER.value)
        return stack | self.variables | local_secrets(self.secret_names)

    def create_container(self, context: Mapping[str, Any], handed: Mapping[str, str]) -> dict[str, Any]:
        """The container, not started. One of that name, left by a worker that was killed hard, goes first."""
        ti = context["ti"]
        name = container_name(project_id(), ti.dag_id, ti.task_id, ti.run_id, ti.map_index)
        options = {
            "image": self.image,
            "name": name,
            "entrypoint": self.entrypoint,
            "command": self.command,
            "environment": self._variables(handed),
            "labels": labels(self.labels, project_id(), ti),
            "host_config": self._host_config(context.get("params") or {}),
            "ports": list(self.port_bindings),
            "user": self.user,
            "working_dir": self.working_dir,
            "hostname": self.hostname,
            "tty": self.tty,
        }
        try:
            return dict(self.cli.create_container(**options))
        except APIError as error:
            if error.status_code != 409:
                raise self._refused(error) from None
            self._remove_leftover(name)
            return dict(self.cli.create_container(**options))

    def _host_config(self, params: Mapping[str, Any]) -> Any:
        resources = chosen(self.task_resources, params).grown(self._grown)
        cores, memory = resources.amount("cpu"), resources.amount("memory")
        gpus = [DeviceRequest(count=resources.gpu, capabilities=[["gpu"]])] if resources.gpu else []
        logs = {"max-size": self.log_opts_max_size, "max-file": self.log_opts_max_file}
        mounts = [m if isinstance(m, Mount) or "Target" in m else Mount(**m) for m in self.mounts]
        return self.cli.create_host_config(
            network_mode=self.network_mode or os.environ.get(envvar.NETWORK),
            nano_cpus=int(cores * 10**9) if cores else None,
            mem_limit=int(memory) if memory else None,
            device_requests=[*(self.device_requests or []), *gpus],
            log_config={"config": {k: v for k, v in logs.items() if v is not None}},
            mounts=[*mounts, *self._folders()],
            shm_size=self.shm_size,
            dns=self.dns,
            dns_search=self.dns_search,
            port_bindings=self.port_bindings,
            cap_add=self.cap_add,
            extra_hosts=self.extra_hosts,
            privileged=self.privileged,
            ipc_mode=self.ipc_mode,
            ulimits=self.ulimits,
        )

    def _folders(self) -> list[Mount]:
        """The folders of data, as the Docker socket proxy lets them through: nothing else in a mount."""
        return [
            Mount(folder.target, folder.path, type="bind", read_only=not folder.writable)
            for folder in datafolder.chosen(self.data, Mode.DEV_DOCKER)
        ]

    def _remove_leftover(self, name: str) -> None:
        found = self.cli.inspect_container(name)
        if "gaiaflow.task" not in (found["Config"].get("Labels") or {}):
            raise GaiaflowError(f"the container name `{name}` is already in use", f"docker rename {name} NEW")
        self.cli.remove_container(found["Id"], v=True, force=True)

    def _put(self, files: Mapping[str, str]) -> None:
        """A folder that any user may write to, with the call in it when that is large; no mount, so that the
        engine may be on another machine."""
        self.cli.put_archive(self.container["Id"], "/", folder_archive(files))

    def _run(self) -> None:
        """Start, follow the log and wait.

        Raises:
            TaskFailedError: the function failed.
        """
        container, last = self.container["Id"], deque[str](maxlen=50)
        stream = self.cli.attach(container, stdout=True, stderr=True, stream=True)
        try:
            self.cli.start(container)
            for line in lines_of(stream):
                last.append(log_line(self.log, line))
            code = self.cli.wait(container)["StatusCode"]
            state = self.cli.inspect_container(container)["State"]
        except APIError as error:
            raise self._refused(error) from None
        self._out_of_memory = bool(state.get("OOMKilled"))
        if code:
            raise failure(self, last, code, self.image, self._out_of_memory)

    def _result(self) -> str | None:
        try:
            stream, _ = self.cli.get_archive(self.container["Id"], RESULT_FILE)
        except NotFound:
            return None
        return only_file(stream)

    def _refused(self, error: APIError) -> Exception:
        """What the engine says, and what to do about it."""
        said = str(error.explanation or error)
        if self.container and "No such container" in said:
            return TaskFailedError(f"`{self.func_path}` was stopped: its container was removed")
        if "network" in said and "not found" in said:
            return MissingError(f"the stack's network does not exist: {said}", "inv dev.start")
        if NO_EXECUTABLE in said:
            return no_python(self.image, said)
        refused = GaiaflowError(f"the Docker engine refused the container of task `{self.task_id}`: {said}")
        return final(refused) if error.status_code in _FINAL else refused

    def on_kill(self) -> None:
        """End the function and remove its container."""
        container, self.container = self.container, None
        if container is None:
            return
        try:
            with contextlib.suppress(APIError):
                self.cli.stop(container["Id"], timeout=GRACE_SECONDS)
            self.cli.remove_container(container["Id"], v=True, force=True)
        except NotFound:
            return
        except (APIError, RequestException) as error:  # it must not hide why the task ends
            self.log.warning("the container `%s` could not be removed: %s", container["Id"][:12], error)


def arguments(spec: TaskSpec) -> dict[str, Any]:
    """What the operator of a spec takes; kubernetes is of no use here and stays out."""
    parse(spec.resources)
    return {
        "image": required_image(spec),
        "variables": spec.env_vars,
        "secret_names": spec.secrets,
        "task_resources": spec.resources,
        "data": spec.data,
        **checked_overrides("docker", spec.docker, DockerOperator, RESERVED),
    }


def build(spec: TaskSpec) -> Any:
    """The task of a spec."""
    return make(DevDockerOperator, spec, arguments(spec))
