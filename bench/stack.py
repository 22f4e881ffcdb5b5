"""The embedded stack against `airflow standalone` and `mlflow server` by hand, and its second start."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import ROOT, TOOLS, Figure

from gaiaflow.infra.host import living

SETTLE_SECONDS = 20
AIRFLOW_PORT, MLFLOW_PORT = 18080, 15000
UV = TOOLS.with_name("uv")


def tree(pid: int) -> list[int]:
    """A process and all that it started."""
    import psutil

    return [pid, *(p.pid for p in psutil.Process(pid).children(recursive=True))]


def memory(pids: list[int]) -> tuple[int, int]:
    """KiB in all: resident, and proportional, where a page shared by three processes counts a third in each."""
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
    resident, proportional = (
        sum(int(line.split()[1]) for line in lines if line.startswith(label)) for label in ("Rss:", "Pss:")
    )
    return resident, proportional


def inv(project: Path, *argv: str) -> float:
    begun = time.perf_counter()
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([TOOLS, "-m", "invoke", *argv], cwd=project, env=env, check=True, capture_output=True)
    return time.perf_counter() - begun


def embedded(project: Path) -> tuple[int, tuple[int, int], list[float]]:
    """Processes, KiB, seconds of three starts: from nothing, when it runs, after a stop."""
    from gaiaflow.project import Project
    from gaiaflow.stack.embedded.launch import MARK

    first = inv(project, "dev.start", "--backend", "embedded", "--auto-ports", "--wait", "600")
    try:
        second = inv(project, "dev.start", "--backend", "embedded")
        time.sleep(SETTLE_SECONDS)
        pids = list(living.marked(MARK, f"{Project.find(project).id}/airflow"))
        seen = len(pids), memory(pids)
        inv(project, "dev.stop")
        again = inv(project, "dev.start", "--backend", "embedded", "--service", "airflow", "--auto-ports")
        return *seen, [first, second, again]
    finally:
        inv(project, "dev.stop")


def install(envs: Path) -> float:
    """Seconds to make the two environments of somebody without gaiaflow by uv, from its cache."""
    begun = time.perf_counter()
    for name in ("airflow", "services"):
        lock = ROOT / "gaiaflow" / "infra" / "locks" / f"{name}.txt"
        python = envs / name / "bin" / "python"
        subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, envs / name], check=True)
        subprocess.run([UV, "pip", "install", "--quiet", "--python", python, "-r", lock], check=True)
    return time.perf_counter() - begun


def standalone(envs: Path, home: Path) -> tuple[int, tuple[int, int], list[float]]:
    """Processes and KiB of `airflow standalone` with its defaults.

    The seconds are those until it and an `mlflow server` beside it answer: once without databases, once with.
    """
    commands, took = by_hand(envs, home), []
    with (home / "log").open("wb") as log:
        for _ in range(2):
            begun = time.perf_counter()
            started = [subprocess.Popen(argv, env=env, stdout=log, stderr=log) for argv, env in commands]
            try:
                wait_for_answers()
                took.append(time.perf_counter() - begun)
                wait_for_workers(started[0].pid)
                pids = tree(started[0].pid)
                seen = len(pids), memory(pids), took
            finally:
                for process in started:
                    end(process)
    return seen


def by_hand(envs: Path, home: Path) -> list[tuple[list[str], dict[str, str]]]:
    """The two commands of somebody without gaiaflow, each with its environment."""
    programs = envs / "airflow" / "bin"
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__API__PORT": str(AIRFLOW_PORT),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{AIRFLOW_PORT}/execution/",
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    store = f"sqlite:///{home / 'mlflow.db'}"
    mlflow = [str(envs / "services" / "bin" / "mlflow"), "server", "--port", str(MLFLOW_PORT)]
    return [
        ([str(programs / "airflow"), "standalone"], env),
        ([*mlflow, "--backend-store-uri", store], dict(os.environ)),
    ]


def wait_for_answers() -> None:
    """Until Airflow says that all its parts are healthy, and MLflow answers."""
    from gaiaflow.stack.services import health

    places = {"airflow": AIRFLOW_PORT, "mlflow": MLFLOW_PORT}
    ends = time.monotonic() + 300
    while not all(health.answers(name, f"http://127.0.0.1:{port}") for name, port in places.items()):
        if time.monotonic() > ends:
            raise SystemExit("airflow standalone and mlflow server do not answer")
        time.sleep(0.2)


def end(started: subprocess.Popen[bytes]) -> None:
    """SIGINT, since SIGTERM would leave its children behind; and by force what does not listen."""
    import psutil

    family = [psutil.Process(pid) for pid in tree(started.pid)]
    started.send_signal(signal.SIGINT)
    for process in psutil.wait_procs(family, timeout=30)[1]:
        process.kill()
    started.wait()


def wait_for_workers(pid: int) -> None:
    """Until no process has come for a while."""
    seen, since, ends = 0, time.monotonic(), time.monotonic() + 300
    while time.monotonic() < ends and time.monotonic() - since < SETTLE_SECONDS:
        time.sleep(1)
        now = len(tree(pid))
        if now != seen:
            seen, since = now, time.monotonic()


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        project, home = Path(folder) / "project", Path(folder) / "standalone"
        shutil.copytree(ROOT / "gaiaflow" / "example", project)
        home.mkdir()
        count, used, (first, second, again) = embedded(project)
        installed = install(home / "envs")
        default_count, default_used, (cold, by_hand_seconds) = standalone(home / "envs", home)
    return [
        Figure("processes of the embedded Airflow", count, 15, f"standalone has {default_count}"),
        *(
            Figure(
                f"its {kind} memory against standalone", mine / theirs, 0.4, f"{mine} KiB against {theirs} KiB"
            )
            for kind, mine, theirs in zip(("resident", "proportional"), used, default_used, strict=True)
        ),
        Figure("second start against the first", second / first, 0.05, f"{second:.1f} s against {first:.1f} s"),
        Figure(
            "start of the stopped stack, S3 store too, against standalone and mlflow server by hand",
            again / by_hand_seconds,
            1.0,
            f"{again:.1f} s against {by_hand_seconds:.1f} s",
        ),
        Figure(
            "first start on a full package cache, S3 store and JupyterLab too, against doing it by hand",
            first / (installed + cold),
            1.0,
            f"{first:.1f} s against {installed:.1f} s and {cold:.1f} s",
        ),
    ]


if __name__ == "__main__":
    sys.stdout.write(json.dumps([figure.as_dict() for figure in figures()], indent=2) + "\n")
