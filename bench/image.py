"""Docker: the project's image again after one line has changed, and the Compose stack's second start."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from measure import ROOT, Figure
from stack import inv

IMAGE = "gaiaflow-bench/co2_forecast:1"
START = ("dev.start", "--backend", "docker", "--auto-ports", "--wait", "900")


def rebuilt(project: Path) -> Figure:
    """Every layer rebuilt, then one line of the package changed; downloads come from caches."""
    first = inv(project, "dev.dockerize", "--no-cache")
    with (project / "co2_forecast" / "__init__.py").open("a") as file:
        file.write("\nCHANGED = True\n")
    again = inv(project, "dev.dockerize")
    inv(project, "dev.remove-image", "--yes")
    name = "a project's image after a one-line change, against its first build"
    return Figure(name, again / first, 0.1, f"{again:.1f} s against {first:.1f} s")


def started_again(project: Path) -> list[Figure]:
    """The first start builds the images and makes the project's environment."""
    try:
        first = inv(project, *START, "--docker-build")
        running = inv(project, *START)
        inv(project, "dev.stop")
        again = inv(project, *START)
    finally:
        inv(project, "dev.cleanup", "--yes")
    return [
        Figure(f"the Compose stack's start {when} against its first", took / first, 0.05,
               f"{took:.1f} s against {first:.1f} s")
        for when, took in (("when it runs", running), ("after a stop", again))
    ]  # fmt: skip


def figures() -> list[Figure]:
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        print("   left out: images and the Compose stack: no Docker engine answers")
        return []
    os.environ["GAIAFLOW_IMAGE"] = IMAGE
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        shutil.copytree(ROOT / "gaiaflow" / "example", project, ignore=shutil.ignore_patterns(".gaiaflow"))
        for path in (project.parent, project):
            path.chmod(0o755)
        try:
            return [rebuilt(project), *started_again(project)]
        finally:
            del os.environ["GAIAFLOW_IMAGE"]
