"""Compile every lock: `nox -s lock` keeps the pins that still fit, `make lock` takes the newest versions.

Arguments: `--upgrade` or other options of `uv pip compile`, and the locks to compile; by default all of them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import uv

ROOT = Path(__file__).parents[1]
LOCKS = "gaiaflow/infra/locks"
TOOLS, AIRFLOW = f"{LOCKS}/tools.txt", f"{LOCKS}/airflow.txt"
TEMPLATE = "gaiaflow/template"
EXAMPLE = "gaiaflow/example/requirements.lock"
WITH_EXAMPLES = f"{TEMPLATE}/{{% if environment == 'uv' and examples %}}requirements.lock{{% endif %}}"
WITHOUT_EXAMPLES = f"{TEMPLATE}/{{% if environment == 'uv' and not examples %}}requirements.lock{{% endif %}}"
COMPILE = ("pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header")


class Lock(NamedTuple):
    """One lock and how it is made.

    Attributes:
        output: the lock, from the root of the repository.
        source: what it is compiled from; empty for a project that the template makes without examples.
        python: the oldest Python that it is for.
        within: other locks, whose versions hold here too.
        reasons: whether each pin says who asked for it.
    """

    output: str
    source: str
    python: str = "3.10"
    within: tuple[str, ...] = ()
    reasons: bool = False


# In this order: what others stay within comes first. Airflow's limits are in its metadata and in airflow*.in.
TABLE = (
    Lock(f"{LOCKS}/uv.txt", f"{LOCKS}/uv.in"),
    Lock(TOOLS, f"{LOCKS}/tools.in"),
    Lock(AIRFLOW, f"{LOCKS}/airflow.in"),
    Lock(f"{LOCKS}/services.txt", f"{LOCKS}/services.in"),
    Lock(f"{LOCKS}/jupyter.txt", f"{LOCKS}/jupyter.in"),
    Lock(f"{LOCKS}/conda.txt", f"{LOCKS}/conda.in"),
    Lock("compose/postgres.txt", "compose/postgres.in"),
    Lock("tests/requirements.txt", "tests/requirements.in", within=(AIRFLOW, TOOLS), reasons=True),
    Lock(
        "tests/e2e-requirements.txt",
        "tests/e2e-requirements.in",
        within=(TOOLS, "tests/requirements.txt"),
        reasons=True,
    ),
    Lock(
        "tests/pod-requirements.txt",
        "tests/pod-requirements.in",
        within=(AIRFLOW, "tests/requirements.txt"),
        reasons=True,
    ),
    Lock(
        "tests/mutation-requirements.txt",
        "tests/mutation-requirements.in",
        within=(AIRFLOW, TOOLS, "tests/requirements.txt"),
        reasons=True,
    ),
    Lock("tests/s3-requirements.txt", "tests/s3-requirements.in", reasons=True),
    Lock("tests/security-requirements.txt", "tests/security-requirements.in", within=(TOOLS,), reasons=True),
    Lock("tests/workflow-requirements.txt", "tests/workflow-requirements.in", within=(TOOLS,), reasons=True),
    Lock("docs/requirements.txt", "docs/requirements.in", "3.11", within=(TOOLS,), reasons=True),
    Lock("bench/requirements.txt", "bench/requirements.in", "3.11", within=(AIRFLOW,)),
    *(
        Lock(f"tests/locks/airflow-{minor}.txt", f"tests/locks/airflow-{minor}.in", "3.11")
        for minor in ("3.1", "3.2", "3.3")
    ),
    Lock(EXAMPLE, "gaiaflow/example/pyproject.toml"),
    Lock(WITHOUT_EXAMPLES, ""),
)
# A project with examples is the example: its lock is the same file.
COPIES = {WITH_EXAMPLES: EXAMPLE}


def command(lock: Lock, source: str, *options: str) -> list[str]:
    """The call of uv that makes a lock, to be run at the root: its reasons name paths from there."""
    within = [part for file in lock.within for part in ("--constraint", file)]
    reasons = [] if lock.reasons else ["--no-annotate"]
    argv = [uv.find_uv_bin(), *COMPILE, *reasons, "--python-version", lock.python, *within, *options]
    return [*argv, source, "--output-file", lock.output]


def main(arguments: list[str]) -> None:
    options = [argument for argument in arguments if argument.startswith("-")]
    wanted = set(arguments) - set(options)
    unknown = wanted - {lock.output for lock in TABLE}
    if unknown:
        sys.exit(f"error: no such lock: {', '.join(sorted(unknown))}\nhint: .ci/lock.py lists them in TABLE")
    with TemporaryDirectory() as folder:
        for lock in TABLE:
            if not wanted or lock.output in wanted:
                source = lock.source or _bare_project(Path(folder))
                subprocess.run(command(lock, source, *options), cwd=ROOT, check=True)
    for copy, original in COPIES.items():
        shutil.copyfile(ROOT / original, ROOT / copy)


def _bare_project(folder: Path) -> str:
    from gaiaflow.projects import scaffold

    scaffold.render(folder, {"name": "sea-ice", "package": "sea_ice", "examples": False})
    return str(folder / "pyproject.toml")


if __name__ == "__main__":
    main(sys.argv[1:])
