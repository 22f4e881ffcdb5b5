"""A project of one package and one DAG, whose stack starts in seconds: what the faults are done to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gaiaflow.infra.environments.environment import ensure_environment
from gaiaflow.infra.host import living
from gaiaflow.infra.host.ports import is_free
from gaiaflow.project import Project
from gaiaflow.stack import backends
from gaiaflow.stack.services import s3, state
from gaiaflow.stack.services.access import shell_environment

ROOT = Path(__file__).parents[2]
FILES = {
    "pyproject.toml": '[project]\nname = "faulty"\nversion = "1"\n\n[tool.gaiaflow]\n',
    "tasks.py": "from gaiaflow.lifecycle.namespace import namespace\n\nns = namespace()\n",
    "faulty/__init__.py": "",
    "faulty/work.py": """\
import os
import time


def add(one, two=1):
    return {"sum": one + two}


def slow(seconds):
    time.sleep(seconds)
    return "awake"


def environment():
    return sorted(os.environ)
""",
    "dags/kept.py": """\
from airflow.sdk import DAG

from gaiaflow.tasks import FromTask, create_task

with DAG("kept", schedule=None, params={"seconds": 0}):
    create_task("one", "faulty.work:add", func_args=[1])
    create_task("two", "faulty.work:add", func_args=[FromTask("one", "sum")], func_kwargs={"two": 40})
""",
}
# Makes one of each in S3 and MLflow, or says which are there.
_CLIENTS = """
import json, os, sys, boto3, mlflow
from mlflow import MlflowClient
c = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"], region_name="us-east-1")
m = MlflowClient()
if sys.argv[1] == "make":
    c.put_object(Bucket="mlflow", Key="kept/" + sys.argv[2], Body=sys.argv[2].encode() * 1000)
    e = m.get_experiment_by_name("kept")
    run = m.create_run(e.experiment_id if e else m.create_experiment("kept"))
    m.log_metric(run.info.run_id, "number", 42)
    m.log_text(run.info.run_id, sys.argv[2], "kept.txt")
    try: m.create_registered_model("kept")
    except mlflow.exceptions.MlflowException: pass
    m.create_model_version("kept", f"runs:/{run.info.run_id}/kept.txt", run.info.run_id)
objects = {o["Key"]: o["ETag"] for o in c.list_objects_v2(Bucket="mlflow", Prefix="kept/").get("Contents", [])}
e = m.get_experiment_by_name("kept")
runs = m.search_runs([e.experiment_id])
texts = {r.info.run_id: m.download_artifacts(r.info.run_id, "kept.txt") for r in runs}
print(json.dumps({
    "objects": objects,
    "runs": {r.info.run_id: [r.data.metrics["number"], open(texts[r.info.run_id]).read()] for r in runs},
    "models": sorted(v.version + v.run_id for v in m.search_model_versions("name='kept'")),
}))
"""


def _heed_signals() -> None:
    """Under nohup, and in the background of a script, signals are ignored, and children inherit that."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@dataclass(frozen=True)
class SmallProject:
    """A project folder, and what is done to it from the command line.

    Attributes:
        extra: variables of every command.
    """

    root: Path
    extra: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, root: Path, **extra: str) -> SmallProject:
        for name, text in FILES.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return cls(root, extra)

    @property
    def project(self) -> Project:
        return Project.find(self.root)

    @property
    def home(self) -> Path:
        return self.root / ".gaiaflow"

    @property
    def state(self) -> dict[str, Any]:
        return asdict(state.read(self.project))

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), **self.extra, **more}

    def begin(self, *argv: str, **environ: str) -> subprocess.Popen[str]:
        """A command that runs by itself; what it says on both streams is read as lines."""
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "invoke", *argv],
            cwd=self.root,
            env=self.environment(**environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=_heed_signals,  # noqa: PLW1509 - no threads here
        )

    def call(self, *argv: str, timeout: float = 500, **environ: str) -> subprocess.CompletedProcess[str]:
        """A command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "invoke", *argv],
            cwd=self.root,
            env=self.environment(**environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def inv(self, *argv: str, code: int = 0, timeout: float = 500, **environ: str) -> str:
        """A command that ends with this code; its stdout, or its stderr where it fails."""
        done = self.call(*argv, timeout=timeout, **environ)
        assert done.returncode == code, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout if code == 0 else done.stderr

    def start(self, *argv: str, backend: str = "embedded") -> None:
        self.inv("dev.start", "--backend", backend, "--auto-ports", "--wait", "300", *argv)

    def stop(self) -> float:
        """Stop the stack; the seconds that it took."""
        begun = time.monotonic()
        self.inv("dev.stop")
        return time.monotonic() - begun

    def processes(self) -> dict[int, str]:
        """Every process on the machine that has to do with this project, this one left out."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            pid = int(folder.name)
            if pid != os.getpid() and living.started(pid) and self._is_ours(folder):
                found[pid] = (folder / "cmdline").read_text(errors="replace").replace("\0", " ")[:200]
        return found

    def _is_ours(self, folder: Path) -> bool:
        needle = os.fsencode(self.root)
        try:
            told = (folder / "cmdline").read_bytes() + b"\0" + (folder / "environ").read_bytes()
            return needle in told or os.fsencode((folder / "cwd").readlink()).startswith(needle)
        except OSError:
            return False

    def taken_ports(self) -> list[int]:
        """Which of the stack's ports somebody listens on."""
        kept = self.state
        return [port for port in [*kept.get("ports", {}).values(), *kept.get("inner", [])] if not is_free(port)]

    def assert_nothing_left(self) -> None:
        """No process, no port, no socket in /tmp."""
        assert self.processes() == {}
        assert self.taken_ports() == []
        kept = self.state
        left = s3.sockets(kept["inner"], kept["ports"]["s3-console"]) if kept.get("inner") else []
        assert [path for path in left if path.exists()] == []

    def containers(self) -> list[str]:
        """The names of the project's running containers."""
        argv = ["docker", "ps", "--quiet", "--filter", f"label=com.docker.compose.project={self.project.id}"]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()

    def clients(self, action: str, word: str = "-") -> dict[str, Any]:
        """Make an object, a run and a model, or list them, as a user's own program does."""
        values = shell_environment(self.project, backends.current(self.project))
        python = str(ensure_environment(self.project, "services"))
        done = subprocess.run(
            [python, "-c", _CLIENTS, action, word],
            env={**os.environ, **values, "MLFLOW_DISABLE_TELEMETRY": "true"},
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout.splitlines()[-1]))
