"""A soak: a stack under work for a while, which may not grow: `run.py --minutes N --backend embedded|docker`.

The exit code is 1 if a series grows by more than a quarter, or a step fails. `--json FILE` keeps the samples.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from growth import judged, said
from usage import of
from work import PORTS, SmallProject, Work

from gaiaflow.errors import GaiaflowError

LONGEST = 240


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=60, help=f"how long, at most {LONGEST}")
    parser.add_argument("--backend", choices=("embedded", "docker"), default="embedded")
    parser.add_argument("--json", type=Path, help="write the samples to this file; the other backend's stay")
    wanted = parser.parse_args()
    if not 1 <= wanted.minutes <= LONGEST:
        parser.error(f"--minutes is from 1 to {LONGEST}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the stack goes with it
    with running(wanted.backend) as small:
        found = soak(Work(small, of(small.project, wanted.backend)), wanted.minutes)
    if wanted.json:
        keep(wanted.json, wanted.backend, wanted.minutes, found)
    return report(found)


@contextmanager
def running(backend: str) -> Iterator[SmallProject]:
    """A small project on a stack of its own, away from the default ports, which goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        base = Path(name)
        base.chmod(0o755)
        small = SmallProject.make(base / "soaked", **PORTS)
        small.root.chmod(0o755)
        try:
            small.start(backend=backend)
            yield small
        finally:
            small.inv("dev.cleanup", "--yes")


def soak(work: Work, minutes: int) -> dict[str, Any]:
    """Work and sample each minute; a step that fails is kept, and the soak goes on."""
    samples: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    began = time.monotonic()
    while (passed := (time.monotonic() - began) / 60) < minutes:
        steps += [tried(name, step, passed) for name, step in work.do(int(passed))]
        minute = round((time.monotonic() - began) / 60, 2)
        samples.append({"minute": minute, "programs": work.usage.programs(), "stack": work.usage.stack()})
        print(json.dumps(samples[-1]), flush=True)
        time.sleep(60 - (time.monotonic() - began) % 60)
    return {"samples": samples, "steps": steps}


def tried(name: str, step: Callable[[], object], minute: float) -> dict[str, Any]:
    """Do one step; its name, how long it took, and its error."""
    began = time.monotonic()
    error = ""
    try:
        step()
    except (AssertionError, KeyError, OSError, ValueError, GaiaflowError, subprocess.SubprocessError) as raised:
        error = said(f"{type(raised).__name__}: {raised}")
    seconds = round(time.monotonic() - began, 1)
    print(f"minute {minute:.1f}: {name} {error or 'ok'} ({seconds} s)", flush=True)
    return {"minute": round(minute, 2), "step": name, "seconds": seconds, "error": error}


def report(found: dict[str, Any]) -> int:
    """Print each series and each step that failed; the exit code."""
    growths = judged(found["samples"])
    for one in growths:
        ratio = "too short" if one.ratio is None else f"{one.ratio:+.2f}{'  GROWS' if one.grows else ''}"
        print(f"{one.program or 'the stack':24} {one.what:10} {one.first:8.1f} {one.last:8.1f}  {ratio}")
    failed = [step for step in found["steps"] if step["error"]]
    for step in failed:
        print(f"minute {step['minute']}: {step['step']} failed: {step['error']}")
    return int(bool(failed) or any(one.grows for one in growths))


def keep(file: Path, backend: str, minutes: int, found: dict[str, Any]) -> None:
    """Replace the run of this backend."""
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    facts = {"taken": date.today().isoformat(), "machine": machine, "minutes": minutes}
    kept[backend] = {**facts, **found}
    file.write_text(json.dumps(kept) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
