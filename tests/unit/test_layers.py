"""The architecture as one table, and the imports held to it: read from the source, late imports too."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import architecture

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gaiaflow"
HEAVY = {"airflow", "docker", "kubernetes", "mlflow", "boto3"}
# In the environments of Airflow, of the services and of tests, which have locks of their own.
BESIDE = {
    "airflow",
    "boto3",
    "botocore",
    "cadwyn",
    "cryptography",
    "dagfactory",
    "mlflow",
    "pytest",
    "psutil",
    "rattler",
    "tomllib",
}
NOT_OURS = {"example", "template", "_data"}
# A folder with more modules than this has a second job.
MOST_MODULES = 25

# The architecture, from the roof down: a wing imports only what stands in a row below its own, or its own wing.
# docs/architecture.md shows the same rows and a picture of them; a test compares.
WINGS = (
    ("lifecycle", "the commands; the only part that prints and that knows Invoke"),
    ("inspection", "looks into DAGs inside Airflow's environment"),
    ("testing", "the matrix and the pytest plugin"),
    ("production", "checks, receipts, manifests, DAG files to S3 or git"),
    ("doctor", "findings and repairs, by mode"),
    ("dags", "a DAG seen from outside: REST API, run, check, replay, graph, versions"),
    ("stack", "the services of one project, on either backend"),
    ("models", "MLflow's registered models: registry, images, deployments, addresses"),
    ("projects", "the template, adoption, updates"),
    ("infra", "the world outside: host, environments, images, cluster; knows no stack and no Airflow"),
    ("floor", "facts that many need: errors, modes, settings, project, endpoints, results"),
)
# Inside two wings, the same rule for their folders.
ROOMS = {
    "infra": ("cluster", "images", "environments", "host"),
    "stack": ("backends", "composed", "embedded", "services"),
}
# The staircase beside it: what a DAG file touches. It imports the floor and, late, one operator.
STAIRCASE = {"dagfactory", "core", "tasks", "operators", "check", "fromtask", "fromrun", "spec"}
# What a part must not import, at any depth of its functions.
FORBIDDEN = {
    **dict.fromkeys(STAIRCASE, {"infra", "lifecycle", "project", "settings"} | {name for name, _ in WINGS[:9]}),
    "returns": {"operators"},
    "modes": {"operators"},
    "errors": {"gaiaflow"},
    "runner": {"gaiaflow"},
}


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_module_level(tree: ast.Module) -> Iterator[ast.AST]:
    """Statements that run on import, those under ``if TYPE_CHECKING`` left out."""
    for node in tree.body:
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)):
            yield node


def within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name, without `gaiaflow.`; the package itself is left out."""
    files = {file.relative_to(PACKAGE).with_suffix(""): file for file in sorted(PACKAGE.rglob("*.py"))}
    names = {".".join(path.parts).removesuffix(".__init__"): file for path, file in files.items()}
    return {name: file for name, file in names.items() if name.split(".")[0] not in NOT_OURS | {"__init__"}}


MODULES = modules()


def edges(name: str) -> set[str]:
    """The modules of the package that a module imports, early or late, for types too."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "gaiaflow":
            base = (node.module or "").removeprefix("gaiaflow").lstrip(".")
            for alias in node.names:
                full = f"{base}.{alias.name}".lstrip(".")
                found.add(full if full in MODULES else base)
        elif isinstance(node, ast.Import):
            found |= {a.name.removeprefix("gaiaflow.") for a in node.names if a.name.startswith("gaiaflow.")}
    return found - {name, ""}


GRAPH = {name: edges(name) for name in MODULES}
_RANK = {name: row for row, (name, _) in enumerate(WINGS)}


def wing(name: str) -> str:
    """The row of the table that a module belongs to."""
    top = name.split(".", maxsplit=1)[0].replace("__main__", "lifecycle")  # the console script
    return top if top in _RANK or top in STAIRCASE else "floor"


def against_the_rows(rows: list[str], importer: str, imported: str) -> bool:
    """Whether an import goes up, or across; what stands in no row goes where it likes."""
    if importer == imported or importer not in rows or imported not in rows:
        return False
    return rows.index(imported) < rows.index(importer)


def test_imports_go_down_the_table() -> None:
    rows = [name for name, _ in WINGS]
    upwards = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        for other in sorted(others)
        if against_the_rows(rows, wing(name), wing(other))
    ]
    assert upwards == []


@pytest.mark.parametrize("part", sorted(ROOMS))
def test_imports_go_down_inside_a_wing(part: str) -> None:
    rows = list(ROOMS[part])

    def room(name: str) -> str:
        return name.split(".")[1] if name.startswith(f"{part}.") else ""

    upwards = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        for other in sorted(others)
        if against_the_rows(rows, room(name), room(other))
    ]
    assert upwards == []


def test_no_imports_go_in_a_circle() -> None:
    assert [" -> ".join(circle) for circle in circles(GRAPH)] == []


def test_a_circle_is_seen() -> None:
    assert list(circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == [["a", "b", "c", "a"]]


def circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """Each circle once, by the first module of it that the walk meets."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> Iterator[list[str]]:
        if name in path:
            yield [*path[path.index(name) :], name]
            return
        if name in done:
            return
        for other in sorted(graph.get(name, ())):
            yield from walk(other, [*path, name])
        done.add(name)

    for name in sorted(graph):
        yield from walk(name, [])


def test_the_page_shows_this_table() -> None:
    command = "PYTHONPATH=. python -m tests.architecture"
    page = architecture.PAGE.read_text(encoding="utf-8")
    assert page == architecture.page(page, WINGS), command
    assert architecture.PICTURE.read_text(encoding="utf-8") == architecture.picture(WINGS), command


def test_no_folder_holds_too_many_modules() -> None:
    folders = {file.parent for file in MODULES.values()}
    crowded = {
        str(folder.relative_to(ROOT)): count
        for folder in folders
        if (count := len([f for f in folder.glob("*.py") if f.name != "__init__.py"])) > MOST_MODULES
    }
    assert crowded == {}


def test_every_folder_says_what_it_is_for() -> None:
    silent = [
        str(file.relative_to(ROOT))
        for file in MODULES.values()
        if not ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert silent == []


@pytest.mark.parametrize("part", sorted(FORBIDDEN))
def test_a_part_leaves_alone_what_it_must(part: str) -> None:
    found = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        if name.split(".")[0] == part
        for other in sorted(others)
        if within(other, FORBIDDEN[part]) or within(f"gaiaflow.{other}", FORBIDDEN[part])
    ]
    assert found == []


def test_only_the_commands_know_invoke_and_print() -> None:
    # These run as programs of their own and answer on stdout.
    programs = {"inspection", "testing", "infra.host.bootstrap", "doctor.request", "runner"}
    found = [
        f"{name}: {what}"
        for name, file in MODULES.items()
        if not within(name, {"lifecycle", *programs})
        for what in _invoke_or_print(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert found == []


def _invoke_or_print(tree: ast.Module) -> Iterator[str]:
    for name in imported(ast.walk(tree)):
        if within(name, {"invoke"}):
            yield f"imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"prints in line {node.lineno}"


def test_heavy_packages_are_imported_late() -> None:
    found = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in sorted(PACKAGE.rglob("*.py"))
        if not {"operators", "example", "template"} & set(file.relative_to(PACKAGE).parts[:1])
        for name in imported(at_module_level(ast.parse(file.read_text(encoding="utf-8"))))
        if within(name, HEAVY)
    ]
    assert found == []


def test_the_factory_imports_the_standard_library_only() -> None:
    code = (
        "import sys; before = set(sys.modules); import gaiaflow.tasks; "
        "print(*{m.partition('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["gaiaflow"]


def test_listing_the_commands_loads_nothing_heavy() -> None:
    """Beside what Invoke loads, which brings a PyYAML of its own."""
    code = (
        "import sys, invoke.program; before = set(sys.modules); import tasks; "
        "print(*{m.partition('.')[0] for m in set(sys.modules) - before})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    late = {"pydantic", "requests", "rich", "supervisor", "urllib3", "yaml"}
    assert not (HEAVY | late) & set(done.stdout.split())


def test_listing_the_commands_loads_no_wing_that_does_the_work() -> None:
    code = "import sys, tasks; print(*sorted(m for m in sys.modules if m.startswith('gaiaflow.')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    stack = ("stack.composed", "stack.embedded", "stack.services.airflow", "stack.services.noise")
    late = ("dags", "doctor", "inspection", "models", "production", "projects", "testing", "infra.environments")
    wings = tuple(f"gaiaflow.{wing}" for wing in (*late, *stack, "infra.cluster.gateway", "infra.host.ports"))
    assert [name for name in done.stdout.split() if name.startswith(wings)] == []


def test_every_package_that_is_imported_is_declared() -> None:
    """What another package brings may go with its next version."""
    listed = re.search(
        r"^dependencies = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL
    )
    assert listed
    declared = {name.lower().replace("-", "_") for name in re.findall(r'^  "([\w-]+)', listed[1], re.MULTILINE)}
    names = {"yaml": "pyyaml", "dotenv": "python_dotenv"}
    found = {
        name.partition(".")[0]
        for file in sorted(PACKAGE.rglob("*.py"))
        if not {"operators", "inspection", *NOT_OURS} & set(file.relative_to(PACKAGE).parts[:1])
        for name in imported(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    }
    outside = found - set(sys.stdlib_module_names) - {"gaiaflow"} - BESIDE
    assert sorted(names.get(name, name) for name in outside if names.get(name, name) not in declared) == []


def test_listing_the_commands_loads_no_backend_and_no_check_of_the_doctor() -> None:
    code = "import sys, tasks; print(*(m for m in sys.modules if m.startswith('gaiaflow.infra.')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    unwanted = {"compose", "embedded", "doctor", "image", "modelregistry", "secretstore", "worker"}
    assert not unwanted & {name.split(".")[2] for name in done.stdout.split()}


def test_no_process_is_started_by_a_shell_string() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "shell"
    ]
    assert found == []


def test_the_package_names_no_machine_and_no_registry() -> None:
    words = ("testbed", "pypi.org", "pythonhosted", "/work/")
    tracked = subprocess.run(
        ["git", "ls-files", "gaiaflow", "compose", "minikube", "README.md", "docs"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    found = [
        f"{name} names {word}"
        for name in tracked
        if (ROOT / name).is_file()
        for word in words
        if word in (ROOT / name).read_text(encoding="utf-8", errors="ignore")
    ]
    assert found == []
