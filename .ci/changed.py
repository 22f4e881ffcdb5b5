"""Which unit tests `nox -s check` runs: a path a line, for the files that differ from main."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
UNIT = "tests/unit"
# They look at all of the code, the messages and the pages.
ALWAYS = tuple(
    f"{UNIT}/test_{name}.py" for name in ("layers", "errors", "docs", "docs_commands", "docs_links", "words")
)
REPOSITORY = f"{UNIT}/test_repository.py"
# What has no mirror in tests/unit: how its path begins, and what tests it.
ELSEWHERE = {
    "gaiaflow/template/": (f"{UNIT}/projects", f"{UNIT}/test_example.py"),
    "gaiaflow/example/": (f"{UNIT}/test_example.py",),
    **dict.fromkeys(("gaiaflow/tasks.py", "gaiaflow/inspection/"), (f"{UNIT}/operators",)),
    "copier.yml": (f"{UNIT}/projects",),
    "compose/": (f"{UNIT}/stack",),
    "minikube/": (f"{UNIT}/infra/cluster",),
    "gaiaflow/infra/locks/": (REPOSITORY, f"{UNIT}/infra/environments"),
    "tests/failures/": (f"{UNIT}/test_ways.py",),
    ".ci/": (REPOSITORY, f"{UNIT}/test_changed.py"),
    **dict.fromkeys((".github/", ".pre-commit-config.yaml", "Makefile", "noxfile.py"), (REPOSITORY,)),
    **dict.fromkeys(("pyproject.toml", "CITATION.cff", "CHANGELOG.md", "CONTRIBUTING.md"), (REPOSITORY,)),
}


def main() -> None:
    sys.stdout.write("\n".join(chosen(changed())) + "\n")


def changed(root: Path = ROOT) -> list[str]:
    """What differs from the commit at which this branch left main, committed or not; new files too."""
    base = _git(root, "merge-base", "HEAD", _main(root))[0].strip()
    return sorted(
        {
            *_git(root, "diff", "--name-only", "--no-renames", "-z", base),
            *_git(root, "ls-files", "--others", "--exclude-standard", "-z"),
        }
    )


def chosen(paths: Iterable[str], root: Path = ROOT) -> list[str]:
    """The tests to run: those of every change, of the mirrors, and those that import a changed module."""
    paths = set(paths)
    mirrors = {test for path in paths for test in _tests_of(PurePosixPath(path), root)}
    found = {*ALWAYS, *mirrors, *_importing({_module(path) for path in paths if path.endswith(".py")}, root)}
    kept = {test for test in found if (root / test).exists()}
    return sorted(test for test in kept if not kept & {str(folder) for folder in PurePosixPath(test).parents})


def _tests_of(path: PurePosixPath, root: Path) -> Iterator[str]:
    elsewhere = [tests for start, tests in ELSEWHERE.items() if str(path).startswith(start)]
    for tests in elsewhere:
        yield from tests
    if path.is_relative_to(UNIT):
        yield str(path if path.name.startswith("test_") else path.parent)
    elif path.is_relative_to("gaiaflow") and not elsewhere:
        yield from _mirror(path.relative_to("gaiaflow"), root)


def _mirror(path: PurePosixPath, root: Path) -> Iterator[str]:
    """The folder of the wing, or for a file of the floor the tests with its name."""
    if path.parent == PurePosixPath():
        yield from (file.relative_to(root).as_posix() for file in (root / UNIT).glob(f"test_{path.stem}*.py"))
        return
    for folder in (path.parent, *path.parent.parents[:-1]):
        if (root / UNIT / folder).is_dir():
            yield f"{UNIT}/{folder}"
            return


def _importing(modules: set[str], root: Path) -> Iterator[str]:
    for file in sorted((root / UNIT).rglob("test_*.py")):
        if modules & _imports(file):
            yield file.relative_to(root).as_posix()


@cache
def _imports(file: Path) -> frozenset[str]:
    return frozenset(_imported(ast.parse(file.read_text(encoding="utf-8"))))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _module(path: str) -> str:
    """`a/b.py` as `a.b`. A package's own file counts as no module: all of the package would import it."""
    return path.removesuffix(".py").replace("/", ".")


def _main(root: Path) -> str:
    """The main branch as GitHub has it, else this clone's own, else the commit that is checked out."""
    known = _git(root, "for-each-ref", "--format=%(refname)%00", "refs/remotes/origin/main", "refs/heads/main")
    names = [name.strip() for name in known]
    return next((name for name in ("refs/remotes/origin/main", "refs/heads/main") if name in names), "HEAD")


def _git(root: Path, *words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True)
    return [part for part in done.stdout.split("\0") if part.strip()]


if __name__ == "__main__":
    main()
