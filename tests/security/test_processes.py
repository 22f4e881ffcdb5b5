"""Every process is started from an argument list, at one of a few places, and no text is run as code."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from evidence import Evidence

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gaiaflow"
# Not the product's own code: what a project is made of.
_PROJECTS = {PACKAGE / "example", PACKAGE / "template"}
SHELLS = {"system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell", "spawnl", "spawnlp"}
CODE = {"eval", "exec", "compile"}
STARTERS = {"run", "Popen", "call", "check_call", "check_output"}
# Where processes are started, and why there.
DOORS = {
    "infra/host/process.py": "the door of the lifecycle",
    "infra/host/bootstrap.py": "runs before anything of gaiaflow is installed",
    "dags/test.py": "a test run whose stderr is the terminal's",
    "dags/replay.py": "replays a task in Airflow's environment; its streams are the terminal's",
    "dags/inspector.py": "asks Airflow's environment about DAGs",
    "commit.py": "asks git; operators use it, and they may not import infra",
    "operators/local.py": "runs in Airflow, which may not import infra",
    "testing/matrix.py": "runs itself again in Airflow's environment",
}
# What bandit says of the package, and the answer; B404, B603 and B607 are answered by the tests of this file.
ANSWERS = {
    ("B104", "stack/composed/composition.py"): "in a container, published on loopback only",
    ("B104", "infra/cluster/account.py"): "compares with that address, binds nothing",
    ("B105", "dags/api.py"): "an empty token, before the first is fetched",
    ("B105", "infra/cluster/api.py"): "a path of the API",
    ("B105", "stack/services/executor.py"): "the name of an object in the cluster",
    ("B105", "lifecycle/terminal/refusal.py"): "a hint that names a command",
    ("B105", "models/registry.py"): "an empty token",
    ("B105", "infra/images/registry.py"): "the name of a field",
    ("B105", "operators/kubernetes.py"): "the name of a setting",
    ("B105", "operators/pod_start.py"): "a hint that names a command",
    ("B105", "runner.py"): "the start of a variable's name",
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


def _calls(file: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func)


def _starts(call: ast.Call) -> bool:
    owner, _, name = _name(call).rpartition(".")
    return (owner == "subprocess" and name in STARTERS) or (not owner and name == "Popen")


def test_no_shell_and_no_text_run_as_code(evidence: Evidence) -> None:
    files = _sources()
    for file in files:
        for call in _calls(file):
            name = _name(call)
            where = f"{file.relative_to(ROOT)}:{call.lineno}"
            shell = next((k.value for k in call.keywords if k.arg == "shell"), None)
            assert shell is None, where
            assert not (
                name.startswith(("os.", "subprocess.", "asyncio.")) and name.split(".")[-1] in SHELLS
            ), where
            assert name not in CODE, where
            assert not name.startswith(("pickle.", "marshal.", "yaml.load", "yaml.unsafe")), where
    evidence.add(
        "processes",
        f"every call in the {len(files)} files of the package",
        "no shell, no eval or exec, no pickle, no unsafe YAML",
    )


def test_every_process_is_an_argument_list_at_a_known_door(evidence: Evidence) -> None:
    found: dict[str, int] = {}
    for file in _sources():
        for call in filter(_starts, _calls(file)):
            place = str(file.relative_to(PACKAGE))
            found[place] = found.get(place, 0) + 1
            assert call.args, place
            assert isinstance(call.args[0], (ast.Name, ast.List)), f"{place}:{call.lineno}"
    assert found.keys() <= DOORS.keys(), f"a new door: {found.keys() - DOORS.keys()}"
    evidence.add(
        "processes",
        "the places where a process is started",
        f"{len(found)} files, each with its reason; always an argument list",
    )


def test_invoke_is_given_no_shell_commands() -> None:
    """`c.run` of Invoke would be a shell."""
    for file in _sources():
        for call in _calls(file):
            assert _name(call) not in {"c.run", "context.run", "c.sudo"}, f"{file}:{call.lineno}"


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
