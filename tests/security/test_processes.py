"""Every process is started from an argument list, at one of a few places, and no text is run as code."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from evidence import Evidence

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gaiaflow"
# Not the product's own code: what a project is made of.
_PROJECTS = {PACKAGE / "example", PACKAGE / "template"}
FORBIDDEN = re.compile(
    r"(os|subprocess|asyncio)\.(.*\.)?(system|popen|getoutput|getstatusoutput|create_subprocess_shell)$"
    r"|(eval|exec|compile|builtins\.\w+)$|(pickle|marshal)\.|yaml\.(load|unsafe)"
)
STARTERS = re.compile(
    r"subprocess\.(run|Popen|call|check_call|check_output)|os\.(exec|spawn|posix_spawn|fork)\w*|pty\.(spawn|fork)"
    r"|(asyncio|.*loop)\.(create_)?subprocess_exec|multiprocessing\.(Process|Pool)"
)
LISTS = re.compile(r"(list|Sequence)\[")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
# Where processes are started, and why there.
STARTS = {
    "infra/host/process.py": "what every command uses",
    "infra/host/bootstrap.py": "runs before anything of gaiaflow is installed",
    "dags/test.py": "a test run whose stderr is the terminal's",
    "dags/replay.py": "replays a task in Airflow's environment; its streams are the terminal's",
    "dags/inspector.py": "asks Airflow's environment about DAGs",
    "commit.py": "asks git; operators use it, and they may not import infra",
    "operators/local.py": "runs in Airflow, which may not import infra",
    "testing/matrix.py": "runs itself again in Airflow's environment",
    "infra/environments/solver.py": "sources the activation scripts of conda packages",
    "inspection/stopwatch.py": "times the import of a DAG file in a copy of itself",
    "stack/embedded/launch.py": "becomes the service",
}
# Those that take no list as their first argument, and why that is none.
BARE = {
    "inspection/stopwatch.py": "a fork runs no program",
    "stack/embedded/launch.py": "execve: the program first, then its list",
}
# What bandit says of the package, and the answer; B404, B603 and B607 are answered by the tests of this file.
ANSWERS = {
    ("B101", "dags/brokenfile.py"): "for the type checker; the caller chose the line by that pattern",
    ("B101", "infra/environments/conda.py"): "for the type checker; such a source always has that file",
    ("B108", "infra/environments/recipe.py"): "a file of the image that is being built",
    ("B108", "infra/environments/solver.py"): "HOME of a script where there is none",
    ("B104", "stack/composed/composition.py"): "in a container, published on loopback only",
    ("B104", "infra/host/ports.py"): "asks whether it could listen there, and never does",
    ("B104", "infra/cluster/account.py"): "compares with that address, binds nothing",
    ("B105", "dags/api.py"): "an empty token, before the first is fetched",
    ("B105", "infra/cluster/api.py"): "a path of the API",
    ("B105", "stack/services/executor.py"): "the name of an object in the cluster",
    ("B105", "lifecycle/terminal/refusal.py"): "a hint that names a command",
    ("B105", "models/registry.py"): "an empty token",
    ("B105", "infra/images/registry.py"): "the name of a field",
    ("B105", "operators/kubernetes.py"): "the name of a setting",
    ("B105", "operators/pod/start.py"): "a hint that names a command",
    ("B105", "runner.py"): "the start of a variable's name",
    ("B108", "infra/cluster/claim.py"): "a folder of the local cluster's node",
    (
        "B202",
        "infra/cluster/unpack.py",
    ): "in a pod for it alone; gaiaflow made the tar, its digest is checked",
    ("B108", "stack/worker.py"): "a folder of the worker's own pod",
    ("B108", "stack/services/s3.py"): "where SeaweedFS puts its sockets; they are only removed",
    ("B310", "dags/api.py"): "an http address of the stack's own",
    ("B405", "testing/report.py"): "writes XML, reads none",
    ("B405", "dags/graph/svg.py"): "writes XML, reads none",
    ("B411", "stack/embedded/supervisor.py"): "XML from the user's own supervisord, over a 0600 socket",
    ("B411", "stack/embedded/unixrpc.py"): "XML from the user's own supervisord, over a 0600 socket",
    (
        "B606",
        "stack/embedded/launch.py",
    ): "becomes a program from an argument list; without a shell is the point",
}


def _sources() -> list[Path]:
    return [p for p in sorted(PACKAGE.rglob("*.py")) if not _PROJECTS & set(p.parents)]


@dataclass(frozen=True)
class Call:
    """A call, by the whole name of what is called whatever it was imported as, and what is around it."""

    name: str
    node: ast.Call
    around: ast.AST
    file: ast.Module


def _calls(tree: ast.Module) -> list[Call]:
    names = _imported(tree)
    return [
        Call(_whole_name(node.func, names), node, around, tree)
        for around in [tree, *(n for n in ast.walk(tree) if isinstance(n, _FUNCTIONS))]
        for node in _directly_in(around)
        if isinstance(node, ast.Call)
    ]


def _directly_in(around: ast.AST) -> Iterator[ast.AST]:
    """What is in a function, without what is in a function inside of it."""
    for node in ast.iter_child_nodes(around):
        yield node
        if not isinstance(node, _FUNCTIONS):
            yield from _directly_in(node)


def _imported(tree: ast.AST) -> dict[str, str]:
    """The whole name of each imported thing, by the name that it has here."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _whole_name(node: ast.expr, names: dict[str, str]) -> str:
    first, dot, rest = ast.unparse(node).partition(".")
    return names.get(first, first) + dot + rest


def _starts(call: Call) -> bool:
    return bool(STARTERS.fullmatch(call.name))


def _is_argument_list(call: Call) -> bool:
    """A list, or a name that this function takes or makes as one, or the file has as one."""
    given = next((k.value for k in call.node.keywords if k.arg == "args"), None)
    argument = call.node.args[0] if call.node.args else given
    if not isinstance(argument, ast.Name):
        return _is_list(argument)
    kinds = _parameters(argument.id, call.around) | _assigned(argument.id, call.around)
    return (kinds or _assigned(argument.id, call.file)) == {True}


def _parameters(name: str, around: ast.AST) -> set[bool]:
    """Whether the function's parameter of that name is annotated as a list."""
    if not isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef):
        return set()
    parameters = [*around.args.posonlyargs, *around.args.args, *around.args.kwonlyargs]
    return {
        bool(parameter.annotation and LISTS.match(ast.unparse(parameter.annotation)))
        for parameter in parameters
        if parameter.arg == name
    }


def _assigned(name: str, around: ast.AST) -> set[bool]:
    """Whether each thing that the name is set to is a list."""
    assigned = [node for node in _directly_in(around) if isinstance(node, ast.Assign)]
    return {_is_list(node.value) for node in assigned if name in map(ast.unparse, node.targets)}


def _is_list(node: ast.expr | None) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_list(node.left)
    return isinstance(node, ast.List | ast.Tuple)


def _wrong(tree: ast.Module) -> list[str]:
    """Where a shell is started, or text is run as code."""
    return [
        f"{call.node.lineno}: {call.name}"
        for call in _calls(tree)
        if any(k.arg == "shell" for k in call.node.keywords) or FORBIDDEN.match(call.name)
    ]


@pytest.mark.parametrize(
    "code",
    [
        "subprocess.run(a, shell=True)",
        "from subprocess import getoutput as g; g('id')",
        "import os as o; o.system('id')",
        "import asyncio; asyncio.create_subprocess_shell('id')",
        "eval('1')",
        "from pickle import loads; loads(b'')",
        "import yaml as y; y.unsafe_load('')",
    ],
)
def test_a_shell_or_text_as_code_is_seen(code: str) -> None:
    assert _wrong(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "def f(a: str): subprocess.run(a)",
        "def f(a): subprocess.run(a)",
        "def f():\n a = 'ls'\n subprocess.run(a)",
        "def f(a: list[str]):\n a = 'ls'\n subprocess.run(a)",
        "from subprocess import run as r; r('ls')",
        "import subprocess as s; s.Popen('ls')",
        "import os; os.execvp(x, 'ls')",
        "import os; os.posix_spawn(x, [], {})",
        "from os import execv; execv(x, y)",
        "import asyncio; asyncio.create_subprocess_exec('ls')",
        "import os; os.fork()",
    ],
)
def test_a_process_that_is_no_argument_list_is_seen(code: str) -> None:
    starts = [call for call in _calls(ast.parse(code)) if _starts(call)]
    assert starts
    assert not any(map(_is_argument_list, starts))


def test_no_shell_and_no_text_run_as_code(evidence: Evidence) -> None:
    files = _sources()
    wrong = {str(file.relative_to(ROOT)): _wrong(ast.parse(file.read_text())) for file in files}
    assert {name: found for name, found in wrong.items() if found} == {}
    evidence.add(
        "processes",
        f"every call in the {len(files)} files of the package",
        "no shell, no eval or exec, no pickle, no unsafe YAML; the activation scripts of conda packages run in "
        "`/bin/sh`",
    )


def test_every_process_is_an_argument_list_at_a_known_door(evidence: Evidence) -> None:
    starts = [
        (str(file.relative_to(PACKAGE)), call)
        for file in _sources()
        for call in _calls(ast.parse(file.read_text()))
        if _starts(call)
    ]
    assert {place for place, _ in starts} == STARTS.keys()
    without = [f"{place}:{call.node.lineno}" for place, call in starts if not _is_argument_list(call)]
    assert {where.partition(":")[0] for where in without} == BARE.keys(), without
    evidence.add(
        "processes",
        "the places where a process is started",
        f"{len(STARTS)} files, each with its reason; always an argument list, or none at all",
    )


def test_invoke_is_given_no_shell_commands() -> None:
    """`c.run` of Invoke would be a shell."""
    for file in _sources():
        for call in _calls(ast.parse(file.read_text())):
            assert call.name not in {"c.run", "context.run", "c.sudo"}, f"{file}:{call.node.lineno}"


def test_bandit_finds_nothing_without_an_answer(evidence: Evidence) -> None:
    pytest.importorskip("bandit")
    argv = [sys.executable, "-m", "bandit", "-q", "-r", str(PACKAGE), "-f", "json"]
    argv += ["-x", ",".join(map(str, _PROJECTS)), "--skip", "B404,B603,B607"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    results = json.loads(done.stdout)["results"]
    found = {(r["test_id"], str(Path(r["filename"]).relative_to(PACKAGE))): r["issue_text"] for r in results}
    open_still = {key: text for key, text in found.items() if key not in ANSWERS}
    assert open_still == {}
    assert [name for _, name in ANSWERS if not (PACKAGE / name).is_file()] == []
    evidence.add("scans", "bandit over the package", f"{len(found)} findings, each with an answer in the test")
