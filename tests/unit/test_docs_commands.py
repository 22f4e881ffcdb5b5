"""Each command of each page is understood by the program, and is run by a test or named as one that is not."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from invoke.exceptions import Exit

from gaiaflow.endpoints import service_names
from gaiaflow.lifecycle.dev.export import FORMATS
from gaiaflow.lifecycle.namespace import namespace
from gaiaflow.lifecycle.terminal.program import GaiaflowProgram
from gaiaflow.modes import resolve_mode
from gaiaflow.stack.backends import BACKENDS
from gaiaflow.stack.services.executor import EXECUTORS
from tests import pages

KUBECONFIG = {
    "clusters": [{"name": "mine", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "me", "user": {}}],
    "contexts": [{"name": "my-cluster", "context": {"cluster": "mine", "user": "me"}}],
}
PLACEHOLDERS = {"COMMAND", "commands"}
NAMES = namespace()
GROUPS = {name.partition(".")[0] for name in NAMES.task_names}
TABLE = pages.read_table()


def one_of(*known: str) -> Callable[[str], None]:
    def check(value: str) -> None:
        assert value in known, f"`{value}` is none of {', '.join(known)}"

    return check


# The options whose values are of a fixed set; the program itself asks for some only when it runs.
CHOICES: dict[str, Callable[[str], Any]] = {
    "mode": resolve_mode,
    "diff": resolve_mode,
    "service": lambda name: service_names([name]),
    "backend": one_of(*BACKENDS),
    "with": one_of("dev_docker"),
    "executor": one_of(*EXECUTORS),
    "format": one_of(*FORMATS),
    "environment": one_of("uv", "pixi", "conda"),
    "examples": one_of("yes", "no"),
}


@cache
def parsed(*words: str) -> tuple[tuple[str, str, Any], ...]:
    """Command, option and value of each option that is given, by the program's own parser.

    Raises:
        Exit: the program refuses the words; its code is not 0.
    """
    program = GaiaflowProgram(namespace=NAMES, name="gaiaflow", binary="gaiaflow")
    program.create_config()
    try:
        program.parse_core(["gaiaflow", *words])
        program.parse_collection()
        program.parse_tasks()
    except Exit as end:
        if end.code:
            raise
        return ()
    given = [(task.name, arg) for task in program.tasks for arg in task.args.values() if arg.got_value]
    return tuple((name, arg.name.rstrip("_"), _frozen(arg.value)) for name, arg in given)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def wrong(words: list[str], mention: bool) -> str:
    """What the program has against a call; of a mention in prose it may lack the arguments."""
    plain = [word for word in words if word not in ("help", "--help")]
    if plain and (
        plain[-1] in PLACEHOLDERS or plain[-1].endswith("*") or (len(plain) == 1 and plain[0] in GROUPS)
    ):
        return ""
    try:
        for _, option, value in parsed(*words):
            for each in value if isinstance(value, tuple) else (value,):
                if not str(each).isupper():
                    CHOICES.get(option, str)(each)
    except Exception as error:  # noqa: BLE001 - Invoke's Exit is one of them
        return "" if mention and len(words) == 1 and " needs a " in str(error) else f"{words}: {error}"
    return ""


@pytest.mark.parametrize("page", pages.texts())
def test_the_program_understands_every_call_of_a_page(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(filter(None, (wrong(words, mention=True) for words in pages.calls(pages.texts()[page])))) == []


@pytest.mark.parametrize(
    "words", [["dag.run"], ["dev.strat"], ["dev.start", "--modus", "dev"], ["dev.start", "-x"]]
)
def test_a_call_that_the_program_refuses_is_found(words: list[str]) -> None:
    assert wrong(words, mention=False)


@pytest.mark.parametrize(
    "words", ["dev.start --mode prodlocal", "dev.start --service airfow", "dev.export --format zip"]
)
def test_a_value_that_the_program_refuses_is_found(words: str) -> None:
    assert wrong(words.split(), mention=True)


def of_whole_parts() -> set[str]:
    return {line for part in TABLE.pages for line in pages.of_part(**part)}


def test_every_line_of_every_page_has_a_test_or_a_reason() -> None:
    known = {line for line, _ in TABLE.covered()} | of_whole_parts()
    lacking = {line.text: line.page for line in pages.lines() if line.text not in known}
    assert lacking == {}, f"name them in {pages.TABLE.name}"


@pytest.mark.parametrize("line", [line for lines in TABLE.dry.values() for line in lines])
def test_a_line_that_only_tries_says_what_it_would_do(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "1"\n[tool.gaiaflow]\n')
    (tmp_path / "kubeconfig").write_text(json.dumps(KUBECONFIG))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.chdir(tmp_path)
    words, code = shlex.split(line), 0
    try:
        GaiaflowProgram(namespace=namespace()).run([words[0], "--dry", *words[1:]])
    except SystemExit as end:
        code = int(end.code or 0)
    told = capsys.readouterr().err
    assert (code, "would" in told) == (0, True), told


def test_the_table_has_each_line_once_and_none_that_no_page_has() -> None:
    listed = Counter(line for line, _ in TABLE.covered())
    assert [line for line, times in listed.items() if times > 1] == []
    assert [line for line in listed if line not in {each.text for each in pages.lines()}] == []
    assert [line for lines in TABLE.not_run.values() for line in lines if line in of_whole_parts()] == []


@pytest.mark.parametrize("name", TABLE.test_ids())
def test_every_test_of_the_table_exists(name: str) -> None:
    file, *_, function = [*name.split("::"), ""] if "::" not in name else name.split("::")
    text = (pages.ROOT / file).read_text(encoding="utf-8")
    assert not function or re.search(rf"^ *def {function}\(", text, re.MULTILINE)


@pytest.mark.parametrize("part", TABLE.pages, ids=lambda part: f"{part['page']} {part.get('until', '')}")
def test_the_test_of_a_part_of_a_page_reads_the_page(part: dict[str, str]) -> None:
    text = (pages.ROOT / part["test"].partition("::")[0]).read_text(encoding="utf-8")
    assert part["page"] in text or f'"docs" / "{Path(part["page"]).name}"' in text


def words_of(line: str) -> set[str]:
    """What a file that runs a line has in its text: the command and its options, a module, what make does."""
    if called := pages.calls(f"```bash\n{line}\n```"):
        return {words[0] for words in called} | {
            word for words in called for word in words if word.startswith("--")
        }
    other = re.match(r"python -m (\S+)|nox -s (\w+)", line)
    return {next(filter(None, other.groups()))} if other else {line}


@pytest.mark.parametrize("name", TABLE.tests)
def test_a_test_has_the_words_of_the_lines_that_it_runs(name: str) -> None:
    file = pages.ROOT / name.partition("::")[0]
    text = file.read_text(encoding="utf-8")
    imported = re.findall(r"^from (\w+) import", text, re.MULTILINE)
    text += "".join(
        each.read_text(encoding="utf-8") for each in file.parent.glob("*.py") if each.stem in imported
    )
    assert {word for line in TABLE.tests[name] for word in words_of(line) if word not in text} == set()
