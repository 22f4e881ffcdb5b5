"""Makes a project from the template and brings later versions of the template into it, with copier."""

from __future__ import annotations

import contextlib
import keyword
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gaiaflow.errors import GaiaflowError, MissingError, UsageError, near_miss
from gaiaflow.infra.host import process
from gaiaflow.project import slug
from gaiaflow.projects import origin, versions as templatestore

ANSWERS = ".copier-answers.yml"
ENVIRONMENTS = ("uv", "pixi", "conda")
LONGEST = 40
_CACHE = "COPIER_CACHE_DIR"
_TAKEN = {
    *("dags", "tests", "test", "docs", "notebooks", "data", "build", "dist", "bench", "src"),
    *("gaiaflow", "airflow", "mlflow"),
}


def create(path: Path, answers: Mapping[str, Any], *, ask: bool = False, template: str = "") -> list[str]:
    """Make a project in a folder that is not there yet or empty; the files that it has then.

    Args:
        answers: to the template's questions; for those left out the template's default, or the terminal.
        ask: ask the others on the terminal.
        template: the address of a git repository with the template; by default gaiaflow's own.

    Raises:
        UsageError: the folder holds something, or an answer is no good.
    """
    check_folder(path)
    given = check_answers(answers)
    given["requirement"] = origin.find().requirement
    suggested = suggestions(path, given)
    if ask:
        del suggested["package"]  # it goes by the name that will be given
    if template:
        _copy(template, path, given, {}, ask=ask)
    else:
        ref = templatestore.publish()
        with _from_the_kept():
            _copy(templatestore.address(), path, given, suggested, ref=ref, ask=ask)
    (path / ".env").chmod(0o600)  # it is for secrets
    return files(path)


def render(path: Path, answers: Mapping[str, Any], *, name: str = "") -> list[str]:
    """What `create` would make, in a folder of the caller's, without a trace of where it came from.

    Args:
        name: the folder's name that suggests the answers left out.
    """
    given = check_answers(answers)
    suggested = suggestions(Path(name) if name else path, given)
    _copy(str(templatestore.shipped_template()), path, given, suggested, plain=True)
    return files(path)


def update(root: Path) -> list[str]:
    """Bring the newest version of the template into a project; the files that changed.

    Raises:
        MissingError: the project was not made from the template, or its version is not known here.
        GaiaflowError: it is no clean git repository.
    """
    import yaml

    file = root / ANSWERS
    if not file.is_file():
        raise MissingError(
            f"no `{ANSWERS}` in `{root}`: it was not made from the template", "inv project.adopt"
        )
    made_from = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    source, version = str(made_from.get("_src_path")), str(made_from.get("_commit"))
    options = {"defaults": True, "skip_answered": True, "overwrite": True, "quiet": True, "conflict": "inline"}
    with _keeping_its_time(root / "pyproject.toml"):
        if _is_kept(source, version):
            options["vcs_ref"] = templatestore.publish()
            with _from_the_kept(), _copier() as copier:
                copier.run_update(root, **options)
            _name_source(file, source)
        else:
            with _copier() as copier:
                copier.run_update(root, **options)
    changed = process.run(["git", "-C", str(root), "status", "--porcelain"], timeout=60).stdout
    return [line[3:] for line in changed.splitlines()]


@contextlib.contextmanager
def _keeping_its_time(file: Path) -> Iterator[None]:
    """A file that copier rewrites with the same content stays as old as it is; make goes by that."""
    before = (file.read_bytes(), file.stat()) if file.is_file() else None
    yield
    if before and file.is_file() and file.read_bytes() == before[0]:
        os.utime(file, ns=(before[1].st_atime_ns, before[1].st_mtime_ns))


def _is_kept(source: str, version: str) -> bool:
    """Whether a project's version of the template is on this machine; False for one that its source has.

    Raises:
        MissingError: neither has it.
    """
    if source not in (templatestore.address(), templatestore.kept_at()):
        return False
    if templatestore.recall(version):
        return True
    if source == templatestore.kept_at() or "+" in version:
        raise MissingError(
            f"this project was created from template version `{version}`, which this machine does not have",
            f"in {ANSWERS}, put gaiaflow's repository into `_src_path`, its tag into `_commit`; commit, repeat",
        )
    return False


def _name_source(file: Path, source: str) -> None:
    """Name the repository where an earlier gaiaflow named a folder of one user's home."""
    if source == templatestore.kept_at():
        text = file.read_text(encoding="utf-8")
        file.write_text(
            text.replace(f"_src_path: {source}", f"_src_path: {templatestore.address()}"), encoding="utf-8"
        )


def files(path: Path) -> list[str]:
    """Every file of a project that was just made, relative to it."""
    return sorted(str(f.relative_to(path)) for f in path.rglob("*") if f.is_file() and ".git" not in f.parts)


def check_folder(path: Path) -> None:
    """Refuse a folder that holds something; a fresh git repository is empty enough."""
    if path.exists() and not path.is_dir():
        raise UsageError(f"`{path}` is a file", "give the folder of the new project")
    held = sorted(item.name for item in path.iterdir() if item.name != ".git") if path.exists() else []
    if held:
        raise UsageError(
            f"`{path}` is not empty: it contains `{held[0]}`"
            + (f" and {len(held) - 1} more" if held[1:] else ""),
            f"choose a new folder, or for an existing project: cd {path} && inv project.adopt",
        )


def check_answers(answers: Mapping[str, Any]) -> dict[str, Any]:
    """The answers that are given, each good.

    Raises:
        UsageError: with a near answer that is good.
    """
    given = {key: value for key, value in answers.items() if value not in (None, "")}
    name, package = given.get("name"), given.get("package")
    if name is not None and not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,38}[A-Za-z0-9])?", name):
        raise UsageError(
            f"`{name}` is not a valid project name: letters, digits, dots and dashes", f"--name {slug(name)}"
        )
    if package is not None and not is_package(package):
        why = (
            "it means something else"
            if package in _TAKEN | sys.stdlib_module_names
            else "lower case, digits and _"
        )
        raise UsageError(
            f"`{package}` is not a valid package name: {why}", f"--package {near_package(package)}"
        )
    if not given.get("author", "").isprintable():
        raise UsageError("the author's name has characters that cannot be printed", '--author "Ann Lee"')
    environment = given.get("environment", ENVIRONMENTS[0])
    if environment not in ENVIRONMENTS:
        near = near_miss(environment, ENVIRONMENTS)
        raise UsageError(f"unknown environment `{environment}`{near}", f"one of {', '.join(ENVIRONMENTS)}")
    return given


def is_package(name: str) -> bool:
    """Whether a package may have this name."""
    fits = re.fullmatch(rf"[a-z][a-z0-9_]{{0,{LONGEST - 1}}}", name) is not None
    return fits and not keyword.iskeyword(name) and name not in _TAKEN | sys.stdlib_module_names


def near_package(name: str) -> str:
    """A good name of a package, near another name: ``2nd Try!`` becomes ``project_2nd_try``."""
    near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if not re.match(r"[a-z]", near):
        near = f"project_{near}".rstrip("_")
    near = near[:LONGEST].strip("_")
    return near if is_package(near) else f"{near[: LONGEST - 8]}_project"


def suggestions(path: Path, given: Mapping[str, Any]) -> dict[str, str]:
    """The default name is the folder's, the default package the name's."""
    name = given.get("name") or slug(path.resolve().name)
    return {"name": name, "package": near_package(name)}


def _copy(
    source: str,
    path: Path,
    given: dict[str, Any],
    suggested: dict[str, str],
    *,
    ref: str | None = None,
    ask: bool = False,
    plain: bool = False,
) -> None:
    with _copier() as copier, _without_git(source, plain) as folder:
        copier.run_copy(
            folder,
            path,
            data=given,
            user_defaults=suggested,
            vcs_ref=ref,
            defaults=not ask,
            exclude=[ANSWERS] if plain else [],
            quiet=True,
        )


@contextlib.contextmanager
def _from_the_kept() -> Iterator[None]:
    """Let copier take gaiaflow's repository from the versions on this machine, and remember nothing of it."""
    from plumbum import local

    outer = os.environ.get(_CACHE)
    with tempfile.TemporaryDirectory() as cache, local.env(**templatestore.redirection()):
        os.environ[_CACHE] = cache
        try:
            yield
        finally:
            os.environ.pop(_CACHE)
            if outer is not None:
                os.environ[_CACHE] = outer


@contextlib.contextmanager
def _without_git(source: str, plain: bool) -> Iterator[str]:
    """The template in a folder apart: copier would clone a whole repository, and only what is committed."""
    if not plain:
        yield source
        return
    with tempfile.TemporaryDirectory() as folder:
        templatestore.copy(Path(source), Path(folder))
        yield folder


@contextlib.contextmanager
def _copier() -> Iterator[Any]:
    """The copier package, late because nothing else needs it; its errors as ours."""
    import copier
    from copier.errors import CopierAnswersInterrupt, CopierError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield copier
    except (CopierAnswersInterrupt, KeyboardInterrupt):
        raise GaiaflowError(
            "stopped: nothing was created", "inv project.new PATH --defaults asks nothing"
        ) from None
    except (CopierError, ValueError) as error:
        raise GaiaflowError(f"copier refused: {error}", "see the questions and answers in copier.yml") from None
