"""Change the code in small ways, and see which changes no test notices: `mutation.py PART [--sample N]`.

A part is `unit` or `airflow`, by what its tests need. Each change is made in a copy of the tree. A sample has
the same number for each target, drawn with a fixed seed; what changes annotations alone is not drawn.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import pytest
from cosmic_ray import plugins
from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_code, use_mutation
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import MutationSpec

ROOT = Path(__file__).parents[1]
SEED = 22
# Of an endless loop; the slowest tests of a target take a third of it.
TIMEOUT = 300.0
PYTEST = ("-x", "-q", "-p", "no:cacheprovider")
# What all tests of a part import, none of it ours: loaded once, for the forks in which the tests run.
LOADED = (
    "hypothesis",
    "requests",
    "docker",
    "kubernetes.client",
    "sqlalchemy.orm",
    "pydantic",
    "fastapi",
    "libcst",
)
OPERATORS, PODS = "gaiaflow/operators", "gaiaflow/operators/pod"


@dataclass(frozen=True)
class Target:
    """What is changed, and the tests that should notice; each is a list of patterns.

    Attributes:
        tests: the quick ones first, since the first failure ends a run.
    """

    name: str
    code: tuple[str, ...]
    tests: tuple[str, ...]


UNIT = (
    Target(
        "ports",
        ("gaiaflow/infra/host/ports.py",),
        ("tests/unit/infra/host/test_ports.py", "tests/unit/infra/host/test_error_texts.py"),
    ),
    Target(
        "Docker socket proxy",
        ("compose/scripts/docker_proxy/*.py",),
        ("tests/unit/stack/composed/test_docker_proxy*.py",),
    ),
    Target("runner", ("gaiaflow/runner.py",), ("tests/unit/test_runner_*.py", "tests/unit/test_runner.py")),
)
AIRFLOW = (
    Target(
        "operators: arguments and results",
        tuple(
            f"{OPERATORS}/{name}.py" for name in ("call", "mapping", "run_value", "pull", "resources", "doc")
        ),
        (
            "tests/airflow/test_create_task.py",
            "tests/airflow/test_doc.py",
            "tests/airflow/test_levels.py",
            "tests/airflow/test_operators_local.py",
        ),
    ),
    Target(
        "operators: dev",
        tuple(f"{OPERATORS}/{name}.py" for name in ("local", "environment", "final")),
        ("tests/airflow/test_operators_local.py", "tests/airflow/test_retries.py"),
    ),
    Target(
        "operators: dev_docker",
        tuple(f"{OPERATORS}/{name}.py" for name in ("docker", "container", "container_file", "container_name")),
        ("tests/airflow/test_operators_docker.py",),
    ),
    Target(
        "operators: pods",
        (f"{OPERATORS}/kubernetes.py", f"{PODS}/*.py"),
        ("tests/airflow/test_pod_*.py", "tests/airflow/test_operators_kubernetes.py"),
    ),
)
PARTS = {"unit": UNIT, "airflow": AIRFLOW}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--sample", type=int, default=40, help="changes of each target")
    parser.add_argument("--target", default="", help="only those whose name has this text")
    parser.add_argument("--json", type=Path, help="keep the results in this file; the other targets stay")
    wanted = parser.parse_args()
    file = wanted.json.resolve() if wanted.json else None
    with tempfile.TemporaryDirectory() as folder:
        enter_copy(Path(folder))
        for target in PARTS[wanted.part]:
            if wanted.target in target.name:
                found = result(target, wanted.sample)
                print(line(found), flush=True)
                if file:
                    keep(file, found)
    return 0


def enter_copy(folder: Path) -> None:
    """Go to a copy of the tree, in which tests import the copy."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    os.chdir(folder)
    os.environ |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True  # a change within the same second would not show
    for name in LOADED:
        with suppress(ImportError):
            import_module(name)


def result(target: Target, sample: int) -> dict[str, Any]:
    """How many changes there are, were tried and were noticed; each other with its place and its diff."""
    every = list(mutations(target))
    random.Random(SEED).shuffle(every)
    drawn = list(islice(filter(matters, every), sample))
    if not passes(target):
        raise SystemExit(f"the tests of {target.name} fail before any change")
    survivors = [found for each in progressing(target, drawn) if (found := survivor(each, target))]
    head = {"name": target.name, "mutants": len(every), "tried": len(drawn)}
    return {**head, "killed": len(drawn) - len(survivors), "survivors": survivors}


def progressing(target: Target, drawn: list[MutationSpec]) -> Iterator[MutationSpec]:
    begun = time.monotonic()
    for number, each in enumerate(drawn, 1):
        minutes = (time.monotonic() - begun) / 60
        sys.stderr.write(f"{target.name}: {number}/{len(drawn)}, {minutes:.1f} min, {each.module_path}\n")
        yield each


def survivor(mutation: MutationSpec, target: Target) -> dict[str, str] | None:
    """The place of a change that no test notices, with the lines before and after; else None."""
    with use_mutation(mutation.module_path, operator_of(mutation), mutation.occurrence) as (before, after):
        if not passes(target):
            return None
    gone, come = differing(before, after)
    place = {"file": str(mutation.module_path), "function": mutation.definition_name or ""}
    return {**place, "before": gone, "after": come, "answer": ""}


def differing(before: str, after: str) -> tuple[str, str]:
    """The lines that differ, each side on one line."""
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    gone, come = (" ".join(text[2:].strip() for text in lines if text.startswith(sign)) for sign in "-+")
    return gone, come


def passes(target: Target) -> bool:
    """Whether the tests of a target pass now; an endless test does not."""
    child = os.fork()
    if child == 0:
        test([*PYTEST, *files(target.tests)])
    ends = time.monotonic() + TIMEOUT
    while not (done := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > ends:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
        time.sleep(0.05)
    return done[1] == 0


def test(arguments: list[str]) -> NoReturn:
    """Run tests in this fork, silently, and end it."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    code = 1
    try:
        code = int(pytest.main(arguments))
    finally:  # nothing of this program may go on here, least of all remove the copy
        os._exit(code)


def files(patterns: tuple[str, ...]) -> list[str]:
    found = [str(file) for pattern in patterns for file in sorted(Path().glob(pattern))]
    return list(dict.fromkeys(found))


def mutations(target: Target) -> Iterator[MutationSpec]:
    """All changes that cosmic-ray knows for the code of a target, in a fixed order."""
    with tempfile.TemporaryDirectory() as folder, use_db(str(Path(folder, "work.sqlite"))) as work:
        init([Path(file) for file in files(target.code)], work, {})
        found = [mutation for item in work.work_items for mutation in item.mutations]
    yield from sorted(found, key=lambda one: (str(one.module_path), one.operator_name, one.occurrence))


def matters(mutation: MutationSpec) -> bool:
    """Whether a change is Python, and more than one of annotations, which nothing reads at run time."""
    source = mutation.module_path.read_text(encoding="utf-8")
    changed = mutate_code(source, operator_of(mutation), mutation.occurrence)
    try:
        return changed is not None and bare(changed) != bare(source)
    except SyntaxError:
        return False


def operator_of(mutation: MutationSpec) -> Any:
    return plugins.get_operator(mutation.operator_name)(**mutation.operator_args)


def bare(source: str) -> str:
    """Code without its annotations, to compare."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for field in ("annotation", "returns"):
            if getattr(node, field, None) is not None:
                setattr(node, field, ast.Constant(None))
    return ast.dump(tree)


def line(found: dict[str, Any]) -> str:
    left = "".join(
        f"\n  {one['file']} {one['function']}: {one['before']}  ->  {one['after']}"
        for one in found["survivors"]
    )
    return f"{found['name']}: {found['killed']} of {found['tried']} noticed, {found['mutants']} in all{left}"


def keep(file: Path, found: dict[str, Any]) -> None:
    """Put a target's result in the place of its earlier one; the answers to survivors stay."""
    before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"targets": []}
    earlier = [one for target in before["targets"] for one in target["survivors"]]
    answers = {key(one): one["answer"] for one in earlier}
    for one in found["survivors"]:
        one["answer"] = answers.get(key(one), "")
    stamp = {"taken": date.today().isoformat(), "python": platform.python_version(), "seed": SEED}
    rows = {target["name"]: target for target in before["targets"]} | {found["name"]: {**found, **stamp}}
    file.write_text(json.dumps({"targets": list(rows.values())}, indent=2) + "\n", encoding="utf-8")


def key(one: dict[str, str]) -> tuple[str, ...]:
    return (one["file"], one["function"], one["before"], one["after"])


if __name__ == "__main__":
    sys.exit(main())
