"""`gaiaflow` and `inv`: one set of commands, in groups, in any folder, under the name that was called."""

from __future__ import annotations

import copy
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from invoke.program import Program

from gaiaflow import __version__
from gaiaflow.endpoints import PORTS
from gaiaflow.lifecycle.namespace import namespace
from gaiaflow.lifecycle.terminal import called, overview
from gaiaflow.lifecycle.terminal.command import SHORT, Command
from gaiaflow.lifecycle.terminal.example import EXAMPLES
from gaiaflow.lifecycle.terminal.program import GaiaflowProgram
from gaiaflow.project import Project
from gaiaflow.stack.services import state

ROOT = Path(__file__).parents[4]
NAMES = sorted(namespace().task_names)
DAG = "from airflow.sdk import DAG\n\nwith DAG('flow', schedule=None):\n    pass\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without tasks.py."""
    for variable in [name for name in os.environ if name.startswith("GAIAFLOW_")]:
        monkeypatch.delenv(variable)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "flow.py").write_text(DAG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    return tmp_path


def run(program: str, *words: str) -> int:
    kind = GaiaflowProgram if program == "gaiaflow" else Program
    try:
        kind(namespace=namespace()).run([program, *words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.mark.parametrize("program", ["gaiaflow", "inv"])
@pytest.mark.parametrize(
    "words", ["dev.start", "dev start", "dev start --service s3", "dev.start --service s3"]
)
@pytest.mark.usefixtures("folder")
def test_a_dot_and_a_space_are_one(capsys: pytest.CaptureFixture[str], program: str, words: str) -> None:
    assert run(program, "--dry", *words.split()) == 0
    started = "s3" if "s3" in words else "s3, mlflow, airflow, jupyter"
    assert f"would start {started} on the backend embedded" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_two_commands_with_spaces_follow_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("gaiaflow", "--dry", "dev", "stop", "dag", "run", "flow", "--wait", "3", "dev", "start") == 0
    said = capsys.readouterr().err
    assert re.findall(r"nothing|would \w+", said) == ["nothing", "would trigger", "would start"]


@pytest.mark.usefixtures("folder")
def test_a_dag_may_have_the_name_of_a_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("gaiaflow", "--dry", "dag", "run", "dev") == 0
    assert "would trigger DAG `dev`" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", ["dag.check flow", "dag.check --json flow", "dag.check --mode dev flow", "dag check flow -m dev"]
)
@pytest.mark.usefixtures("folder")
def test_the_name_of_one_dag_may_stand_anywhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    asked = []
    check = namespace()["dag.check"].body.__wrapped__  # type: ignore[attr-defined]
    monkeypatch.setattr("gaiaflow.dags.name.checked", lambda name: asked.append(name) or sys.exit(0))
    assert check.__name__ == "check"
    assert run("gaiaflow", *words.split()) == 0, capsys.readouterr().err
    assert asked == ["flow"]


def test_a_command_finds_its_group_and_no_group_is_longer_than_ten() -> None:
    groups = overview.grouped(NAMES)
    assert sorted(name for names in groups.values() for name in names) == NAMES
    assert {group: len(names) for group, names in groups.items() if len(names) > 10} == {}
    assert list(groups) == [group for group in overview.GROUPS if group != overview.OWN]
    assert overview.grouped(["mine.build", "clear"]) == {overview.OWN: ["clear", "mine.build"]}


@pytest.mark.parametrize("program", ["gaiaflow", "inv"])
@pytest.mark.usefixtures("folder")
def test_without_words_it_shows_each_command_in_one_line(
    capsys: pytest.CaptureFixture[str], program: str
) -> None:
    assert run(program) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Usage: {program} COMMAND [options]"
    assert sorted(line.split()[0] for line in lines if line.startswith("  ")) == NAMES
    assert max(map(len, lines)) <= 80
    assert "  dev.start               Start the stack, or some of its services" in lines
    assert "  model.list              Show the models of the registry with their newest …" in lines
    assert lines[-2:] == [f"Next: {program} dev.start", f"Help: {program} help dev.start"]


@pytest.mark.parametrize("words", [["help"], ["--help"], ["-h"]])
@pytest.mark.usefixtures("folder")
def test_help_alone_is_the_same(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    run("gaiaflow")
    overview_shown = capsys.readouterr().out
    assert run("gaiaflow", *words) == 0
    assert capsys.readouterr().out == overview_shown


def test_the_next_step_fits_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert overview.next_step() == "inv dev.start"
    (folder / ".gaiaflow").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ports = {name: entry.port for name, entry in PORTS.items()}
        ports["airflow"] = listening.getsockname()[1]
        state.write(Project.find(), state.Remembered(backend="docker", ports=ports))
        assert overview.next_step() == "inv dag.run flow"
        state.write(Project.find(), state.Remembered(backend="embedded", ports=ports))
        assert overview.next_step() == "inv dev.start"  # what listens is not of this project
        monkeypatch.setattr("gaiaflow.stack.embedded.supervisor.Supervisor.running", lambda _: True)
        assert overview.next_step() == "inv dag.run flow"
    assert overview.next_step() == "inv dev.start"
    elsewhere = folder.parent / f"{folder.name}-elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert overview.next_step() == "inv project.new my-project"
    (elsewhere / "environment.yml").touch()
    assert overview.next_step() == "inv project.adopt"


@pytest.mark.parametrize(
    "words", [["dev", "--help"], ["dev", "-h"], ["dev"], ["help", "dev"], ["--help", "dev"], ["--list", "dev"]]
)
def test_a_group_shows_its_commands(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert run("gaiaflow", *words) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Usage: gaiaflow dev.COMMAND [options]\n")
    assert set(re.findall(r"^  (\S+)", shown, re.MULTILINE)) == {n for n in NAMES if n.startswith("dev.")}


@pytest.mark.parametrize(
    "words",
    [
        ["help", "dag.run"],
        ["help", "dag", "run"],
        ["dag.run", "--help"],
        ["dag", "run", "-h"],
        ["-h", "dag.run"],
    ],
)
def test_help_of_a_command(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert run("gaiaflow", *words) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Usage: gaiaflow dag.run NAME [options]\n\nRun a DAG on the running stack")
    assert "\nArguments:\n  NAME  the id of the DAG\n" in shown
    assert "--name" not in shown
    assert "Docstring" not in shown
    assert "\nExample:\n  gaiaflow dag.run co2_forecast --conf" in shown


def test_options_of_one_backend_stand_together(capsys: pytest.CaptureFixture[str]) -> None:
    run("gaiaflow", "help", "dev.start")
    shown = capsys.readouterr().out
    docker = shown.split("With --backend docker:\n")[1].split("\n\n")[0]
    assert re.findall(r"^  (--[a-z-]+)", docker, re.MULTILINE) == [
        "--with", "--docker-build", "--cache", "--force-new",
    ]  # fmt: skip
    assert "docker only" not in shown
    assert "  --s3-console-port N " in shown.split("\nPorts:\n")[1]


@pytest.mark.parametrize("name", ["dev.start", "model.serve", "dag.test"])
def test_a_long_way_to_the_program_is_folded_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setattr("gaiaflow.lifecycle.terminal.called.name_of", lambda _: "../tools/bin/gaiaflow")
    run("gaiaflow", "help", name)
    options = capsys.readouterr().out.partition("\nOptions:\n")[2].partition("\nExample:\n")[0]
    assert max(map(len, options.splitlines())) <= 80


def test_an_argument_that_may_be_left_out_is_in_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    run("inv", "help", "dag.check")
    assert capsys.readouterr().out.startswith("Usage: inv dag.check [NAME] [options]\n")


def test_an_option_that_may_be_repeated_takes_whole_words(folder: Path) -> None:
    program = GaiaflowProgram(namespace=namespace())
    program.create_config()
    program.parse_core(["gaiaflow", "prod.check", "--provider", "docker=4.6.1", "--provider=http=5"])
    program.parse_collection()
    program.parse_tasks()
    assert program.tasks[0].args["provider"].value == ["docker=4.6.1", "http=5"]
    assert all(each.kind is list for name in NAMES for each in repeated(name))


def repeated(name: str) -> list[Any]:
    """The arguments of a command that may be given more than once."""
    task = namespace()[name]
    return [each for each in task.get_arguments() if {each.name, each.attr_name} & set(task.iterable)]


def test_short_options_mean_the_same_everywhere() -> None:
    found = {
        (short, argument.names[0])
        for name in NAMES
        for argument in namespace()[name].get_arguments()
        for short in argument.names[1:]
    }
    assert found == {(short, long) for long, short in SHORT.items()}
    assert set(SHORT.values()) == {"m", "s", "j", "q", "y"}


@pytest.mark.parametrize("name", NAMES)
def test_each_command_has_an_example_that_it_understands(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    program = GaiaflowProgram(namespace=namespace())
    program.create_config()
    program.parse_core(["gaiaflow", name, *shlex.split(EXAMPLES[name])])
    program.parse_collection()
    program.parse_tasks()
    assert [context.name for context in program.tasks] == [name]


def test_no_example_is_of_a_command_that_is_gone() -> None:
    assert set(EXAMPLES) <= set(NAMES)


def test_version_is_that_of_all_three(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("gaiaflow", "--version") == 0
    shown = capsys.readouterr().out
    assert re.fullmatch(rf"gaiaflow {re.escape(__version__)}\nPython 3\.\d+\.\d+\nAirflow 3\.\d+\.\d+\n", shown)


def process(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_it_runs_as_a_module_without_tasks_and_outside_of_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # which has other Pythons, if any
    done = process(tmp_path, sys.executable, "-m", "gaiaflow")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(
        f"Next: {sys.executable} -m gaiaflow project.new my-project\n"
        f"Help: {sys.executable} -m gaiaflow help dev.start\n"
    )


@pytest.mark.parametrize("name", ["gaiaflow", "inv"])
def test_a_hint_names_the_program_as_it_was_called(folder: Path, name: str) -> None:
    """By its bare name where PATH leads there, else by the way to it."""
    (folder / "tasks.py").write_text("from gaiaflow.lifecycle.namespace import namespace\n\nns = namespace()\n")
    main = {"gaiaflow": "from gaiaflow.__main__ import main", "inv": "from invoke.main import program"}[name]
    file = folder / "bin" / name
    file.parent.mkdir()
    file.write_text(f"#!{sys.executable}\n{main}\n{'main' if name == 'gaiaflow' else 'program.run'}()\n")
    file.chmod(0o755)
    told = [process(folder, call, "dev.timings", "--last", "0").stderr for call in (f"bin/{name}", str(file))]
    assert [text.splitlines()[1] for text in told] == [f"hint: bin/{name} dev.timings --last 5"] * 2
    on_path = process(
        folder, "env", f"PATH={file.parent}:{os.environ['PATH']}", name, "dev.timings", "--last=0"
    )
    assert on_path.stderr.splitlines()[1] == f"hint: {name} dev.timings --last 5"


def test_a_way_with_a_space_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert called.name_of(str(tmp_path / "my tools" / "gaiaflow")) == "'my tools/gaiaflow'"


@pytest.mark.usefixtures("folder")
def test_what_uvx_runs_is_called_by_uvx_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "uv" / "archive-v0" / "abc"))
    assert run("gaiaflow", "dev.restart") == 3
    again = f"uvx --from 'gaiaflow @ {ROOT.as_uri()}' gaiaflow"
    hint = f"hint: {again} dev.start, or {again} dev.restart --start\n"
    assert capsys.readouterr().err == f"error: nothing is running\n{hint}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("inv dev.start, or inv dev.start --auto-ports", "g dev.start, or g dev.start --auto-ports"),
        ("gaiaflow doctor", "g doctor"),
        ("g -m gaiaflow dev.start", "g -m gaiaflow dev.start"),
        ("this is a bug of gaiaflow, invoice dev.start", "this is a bug of gaiaflow, invoice dev.start"),
        ("/opt/inv dev.start", "/opt/inv dev.start"),
        ("inv dev.*", "g dev.*"),
    ],
)
def test_only_calls_of_commands_get_the_name(monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    monkeypatch.setattr(called.called, "name", "g")
    assert called.as_called(text) == said


def test_text_stays_where_no_program_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(called.called, "name", "")
    assert called.as_called("inv dev.start") == "inv dev.start"


def test_a_reader_that_has_seen_enough_ends_a_list(folder: Path) -> None:
    done = process(folder, "bash", "-c", f"{sys.executable} -m gaiaflow --list | head -1; echo $PIPESTATUS")
    assert "Traceback" not in done.stderr
    assert done.stdout.splitlines()[-1] in ("0", "1")


@pytest.mark.parametrize("words", [["--list"], ["--list", "dev"]])
def test_a_list_makes_no_parser_of_each_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setattr(Command, "get_arguments", lambda *_: pytest.fail("a parser was made"))
    with pytest.raises(SystemExit) as ended:
        GaiaflowProgram(namespace=namespace()).run(["inv", *words])
    assert ended.value.code == 0
    assert "start" in capsys.readouterr().out


def test_a_copy_of_the_namespace_has_the_same_commands() -> None:
    made = namespace()
    assert copy.deepcopy(made)["dag.run"] is made["dag.run"]


@pytest.mark.parametrize(
    ("before", "variable", "kept"),
    [
        ("", "", True),
        ("", "1", False),
        ("import shutil; shutil.disk_usage = lambda _: shutil._ntuple_diskusage(1, 1, 2**20)", "", False),
    ],
    ids=["as Python does", "the person wants none", "a full disk"],
)
def test_byte_code_is_kept_although_invoke_turns_it_off(before: str, variable: str, kept: bool) -> None:
    """By the first import of a tasks.py, and in `gaiaflow` before a command runs."""
    first = "sys.dont_write_bytecode = True"
    again = (
        "from gaiaflow.lifecycle.namespace import namespace; "
        "from gaiaflow.lifecycle.terminal.program import GaiaflowProgram; "
        "GaiaflowProgram(namespace=namespace()).run(['gaiaflow', '--list'], exit=False)"
    )
    for code in (f"{first}; import gaiaflow.lifecycle", again):
        done = subprocess.run(
            [sys.executable, "-c", f"import sys\n{before}\n{code}\nprint(sys.dont_write_bytecode)"],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": variable},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split()[-1] == str(not kept)
