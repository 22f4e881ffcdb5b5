"""What the embedded Airflow needs against `airflow standalone`, and a second start against the first."""

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

SETTLE_SECONDS = 20


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


def embedded(project: Path) -> tuple[int, tuple[int, int], float, float]:
    """Processes, KiB, seconds of the first start (environments made), seconds of a second one."""
    from gaiaflow.infra import process
    from gaiaflow.infra.stack import MARK
    from gaiaflow.project import Project

    first = inv(project, "dev.start", "--backend", "embedded", "--auto-ports", "--wait", "600")
    try:
        second = inv(project, "dev.start", "--backend", "embedded")
        time.sleep(SETTLE_SECONDS)
        pids = list(process.marked(MARK, f"{Project.find(project).id}/airflow"))
        return len(pids), memory(pids), first, second
    finally:
        inv(project, "dev.stop")


def standalone(project: Path, home: Path) -> tuple[int, tuple[int, int]]:
    """Processes and KiB of `airflow standalone` with its defaults, in the same environment."""
    programs = project / ".gaiaflow" / "envs" / "airflow" / "bin"
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    log = (home / "standalone.log").open("wb")
    started = subprocess.Popen([programs / "airflow", "standalone"], env=env, stdout=log, stderr=log)
    try:
        wait_for_workers(started.pid)
        pids = tree(started.pid)
        return len(pids), memory(pids)
    finally:
        end(started)


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
        count, used, first, second = embedded(project)
        default_count, default_used = standalone(project, home)
    return [
        Figure("processes of the embedded Airflow", count, 15, f"standalone has {default_count}"),
        *(
            Figure(
                f"its {kind} memory against standalone", mine / theirs, 0.4, f"{mine} KiB against {theirs} KiB"
            )
            for kind, mine, theirs in zip(("resident", "proportional"), used, default_used, strict=True)
        ),
        Figure("second start against the first", second / first, 0.05, f"{second:.1f} s against {first:.1f} s"),
    ]


if __name__ == "__main__":
    sys.stdout.write(json.dumps([figure.as_dict() for figure in figures()], indent=2) + "\n")
