"""Mode dev: the function in the project's own environment, as a child of the Airflow worker."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow.providers.standard.operators.python import ExternalPythonOperator

from gaiaflow import datafolder, envvar, runner
from gaiaflow.errors import MissingError
from gaiaflow.modes import Mode
from gaiaflow.operators import level
from gaiaflow.operators.call import CallMixin, is_large
from gaiaflow.operators.container_file import lines_of
from gaiaflow.operators.environment import local_environment, working_folder
from gaiaflow.operators.final import task_errors
from gaiaflow.operators.level import log_line
from gaiaflow.operators.lineage import commit_now, log_address, tag_variable
from gaiaflow.operators.mapping import make
from gaiaflow.operators.output import output_of
from gaiaflow.spec import TaskSpec

GRACE_SECONDS = 5


def function_of_the_project() -> None:
    """Stands where ExternalPythonOperator wants a callable; the runner calls the real one."""


class DevOperator(CallMixin, ExternalPythonOperator):  # type: ignore[misc]
    """Runs ``func_path`` in the interpreter that ``GAIAFLOW_PYTHON`` names, or in this one.

    Args:
        func_path: ``package.module:function``.
        func_args: positional arguments, JSON, FromTask anywhere in them.
        func_kwargs: keyword arguments, likewise.
        secrets: names of local secrets whose keys the function finds in its environment.
        data: names of folders that the function finds in its environment.
        axes: the keyword arguments that the axes of a mapped task fill, in order.
    """

    template_fields: Sequence[str] = CallMixin.call_fields
    _process: subprocess.Popen[bytes] | None = None

    def __init__(
        self,
        *,
        func_path: str,
        func_args: Any = None,
        func_kwargs: Any = None,
        secrets: Sequence[str] = (),
        data: Sequence[str] = (),
        axes: Sequence[str] = (),
        axis_0: Any = None,
        axis_1: Any = None,
        axis_2: Any = None,
        axis_3: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            python=os.environ.get(envvar.PYTHON) or sys.executable,
            python_callable=function_of_the_project,
            expect_airflow=False,
            **kwargs,
        )
        self.secrets = list(secrets)
        self.data = list(data)
        self.set_call(func_path, func_args, func_kwargs, axes, (axis_0, axis_1, axis_2, axis_3))

    def execute(self, context: Mapping[str, Any]) -> Any:
        """Run the function; its output goes to the task's log."""
        with task_errors(self):
            return self._execute(context)

    def _execute(self, context: Mapping[str, Any]) -> Any:
        python = Path(self.python)
        if not python.is_file():
            raise MissingError(
                f"no Python at `{python}`: the project's environment does not exist yet", "inv dev.start"
            )
        with TemporaryDirectory(prefix="gaiaflow-") as folder:
            result = Path(folder, "result.json")
            variables = local_environment(self.secrets) | self._call_variables(context, Path(folder))
            variables |= datafolder.of_task(self.data, Mode.DEV) | level.ASKED
            variables |= tag_variable(context, Mode.DEV.value, commit=commit_now())
            log_address(self.log, *self.mlflow())
            if self.do_xcom_push:
                variables[runner.RESULT_FILE] = str(result)
            self._run(self.command_line(), variables)
            return self.hand_over(context, self._read(result)) if self.do_xcom_push else None

    def mlflow(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """The variables in which the function finds its MLflow, and those with the stack's."""
        return local_environment(self.secrets), os.environ

    def command_line(self) -> list[str]:
        """What is started for the function; its environment may get another folder while the function runs."""
        python = Path(self.python)
        settled = python.parent.parent.resolve() / python.parent.name / python.name
        return [str(settled), "-u", runner.__file__]

    def _call_variables(self, context: Mapping[str, Any], folder: Path) -> dict[str, str]:
        call = self.encode_call(context)
        if not is_large(call):
            return {runner.CALL: call}
        file = folder / "call.json"
        file.write_text(call, encoding="utf-8")
        return {runner.CALL_FILE: str(file)}

    def _run(self, command: list[str], variables: dict[str, str]) -> None:
        last: deque[str] = deque(maxlen=50)
        self._process = subprocess.Popen(
            command,
            env=variables,
            cwd=working_folder(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            for line in lines_of(output_of(self._process)):
                last.append(log_line(self.log, line))
            code = self._process.wait()
        finally:
            self.on_kill()
        if code:
            raise self.failed(
                last, f"was terminated by signal {-code}" if code < 0 else f"exited with code {code}"
            )

    def _read(self, result: Path) -> Any:
        return self.decode_result(result.read_text(encoding="utf-8") if result.is_file() else None)

    def on_kill(self) -> None:
        """End the function and everything that it started."""
        import psutil

        if self._process is None or self._process.poll() is not None:
            return
        process = psutil.Process(self._process.pid)
        family = [process, *process.children(recursive=True)]
        for member in family:
            _send(member.terminate)
        _, alive = psutil.wait_procs(family, timeout=GRACE_SECONDS)
        for member in alive:
            _send(member.kill)
        self._process.wait()


def _send(signal: Callable[[], None]) -> None:
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        signal()


def arguments(spec: TaskSpec) -> dict[str, Any]:
    """What the operator of a spec takes; image, env_vars, resources, docker and kubernetes stay out."""
    return {"secrets": spec.secrets, "data": spec.data, "show_return_value_in_logs": False}


def build(spec: TaskSpec) -> Any:
    """The task of a spec."""
    return make(DevOperator, spec, arguments(spec))
