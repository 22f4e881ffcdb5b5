"""SIGKILL to each service, and a reboot: stop leaves nothing, strangers live, and the next start finds all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from evidence import Evidence
from small_project import SmallProject

from gaiaflow.infra.host import living

pytestmark = pytest.mark.stack


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process of somebody else, whose number a stale file may hold."""
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"], cwd="/") as child:
        yield child
        child.kill()


def _programs(small: SmallProject) -> dict[str, int]:
    """The pids of those that run; the others have the pid 0, which to kill means this test's own group."""
    from gaiaflow.stack.embedded.supervisor import Supervisor

    return {name: found.pid for name, found in Supervisor(small.home).states().items() if found.alive}


@pytest.mark.full
def test_each_service_may_be_killed(small: SmallProject, evidence: Evidence) -> None:
    small.start()
    made = small.clients("make", "killed")
    programs = _programs(small)
    for name in programs:
        os.kill(_programs(small)[name], signal.SIGKILL)
    supervisor = json.loads((small.home / "run" / "supervisor.json").read_text())["pid"]
    os.kill(supervisor, signal.SIGKILL)
    seconds = small.stop()
    small.assert_nothing_left()
    small.start()
    assert small.clients("list") == made
    small.inv("dag.run", "kept")
    evidence.add(
        "kill",
        f"SIGKILL to each of {', '.join(programs)} and to supervisord, embedded",
        f"`dev.stop` left nothing ({seconds:.1f} s); the next start finds every object, run and model",
    )


@pytest.mark.full
def test_a_service_that_was_killed_is_seen_and_comes_back(small: SmallProject) -> None:
    small.start()
    before = _programs(small)
    os.kill(before["mlflow"], signal.SIGKILL)
    small.start()
    after = _programs(small)
    assert living.started(after["mlflow"])
    small.clients("list")
    assert after["s3"] == before["s3"]


@pytest.mark.full
def test_after_a_reboot_no_stranger_is_killed(
    small: SmallProject, stranger: subprocess.Popen[bytes], evidence: Evidence
) -> None:
    small.start()
    made = small.clients("make", "reboot")
    for pid in small.processes():
        os.kill(pid, signal.SIGKILL)
    record = small.home / "run" / "supervisor.json"
    stale = {**json.loads(record.read_text()), "pid": stranger.pid}
    record.write_text(json.dumps(stale))
    (small.home / "run" / "supervisord.pid").write_text(f"{stranger.pid}\n")
    for file in (small.home / "airflow").glob("*.pid"):
        file.write_text(f"{stranger.pid}\n")
    small.stop()
    small.assert_nothing_left()
    record.write_text(json.dumps(stale))
    small.start()
    assert small.clients("list") == made
    small.stop()
    small.assert_nothing_left()
    assert stranger.poll() is None
    evidence.add(
        "kill",
        "reboot: all killed, pid files stale, their numbers taken by a stranger, embedded",
        "the stranger lives; stop leaves nothing; start finds all",
    )
