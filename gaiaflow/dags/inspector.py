"""Asks about a project's DAGs in a child process of Airflow's environment; no service is needed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gaiaflow.dags.home import environment, test_home
from gaiaflow.dags.test import read_outcome
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project

TIMEOUT = 300


@dataclass
class Inspector:
    """Airflow's environment of a project, ready to be asked.

    Args:
        python: the interpreter of the airflow environment.
        with_stack: what is asked may use the running stack's MLflow and S3.
    """

    project: Project
    python: Path
    with_stack: bool = False
    _environment: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of the child; made once."""
        if not self._environment:
            self._environment = environment(
                self.project, airflow_python=str(self.python), with_stack=self.with_stack
            )
        return self._environment

    def ask(self, question: str, more: Mapping[str, str] | None = None, **request: Any) -> dict[str, Any]:
        """The answer to one of `gaiaflow.inspection`'s questions.

        Args:
            more: variables for this child alone.

        Raises:
            GaiaflowError: what the child says a person can fix, or its end without an answer.
        """
        argv = [str(self.python), "-m", "gaiaflow.inspection", question]
        found: dict[str, Any] = self.run(argv, {"project": str(self.project.root), **request}, more)
        return found

    def run(self, argv: list[str], request: Any, more: Mapping[str, str] | None = None) -> Any:
        """The outcome of a program that takes a request on stdin and the outcome's file as last argument."""
        folder = privatefile.folder(test_home(self.project) / "output")
        with TemporaryDirectory(dir=folder) as temporary:
            outcome = Path(temporary, "outcome.json")
            said = self._end_of([*argv, str(outcome)], {**self.environment, **(more or {})}, request)
            if not outcome.is_file():
                log = privatefile.write(folder / f"{argv[-1].rpartition('/')[2]}.log", said)
                raise GaiaflowError(f"the DAGs of {self.project.dags} could not be read", f"less {log}")
            return read_outcome(outcome)

    def _end_of(self, argv: list[str], env: dict[str, str], request: Any) -> str:
        text = json.dumps(request)
        try:
            done = subprocess.run(
                argv,
                env=env,
                input=text,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise GaiaflowError(
                f"the DAGs of {self.project.dags} were not read within {TIMEOUT} s",
                "check what the DAG files do at import",
            ) from None
        return done.stdout
