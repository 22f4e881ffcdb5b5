"""Completion in real shells: the very lines of the documentation, and a TAB."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "how-to" / "terminal.md").read_text(encoding="utf-8")
_LINE = re.compile(r"^In (\w+):\n\n```\w+\n(.*--print-completion-script .*)$", re.MULTILINE)
SCRIPT = dict(_LINE.findall(PAGE))
INVOKE = ("from invoke.main import program", "program.run()")
STARTS = {"gaiaflow": ("from gaiaflow.__main__ import main", "main()"), "inv": INVOKE, "invoke": INVOKE}
QUIET = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project, and `gaiaflow`, `inv` and `invoke` of this environment on PATH."""
    (tmp_path / "bin").mkdir()
    for name, start in STARTS.items():
        program = tmp_path / "bin" / name
        program.write_text(f"#!{sys.executable}\nimport sys\n{start[0]}\nsys.argv[0] = {name!r}\n{start[1]}\n")
        program.chmod(0o755)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "d"\n[tool.gaiaflow]\n')
    (tmp_path / "tasks.py").write_text(
        "from gaiaflow.lifecycle.namespace import namespace\n\nns = namespace()\n"
    )
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    return {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "TERM": "dumb",
        "PS1": "$ ",
    }


class Terminal:
    """A shell that somebody types into."""

    def __init__(self, argv: list[str], folder: Path) -> None:
        self.ours, theirs = pty.openpty()
        self.child = subprocess.Popen(
            argv, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environment(folder),
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def await_text(self, text: str, seconds: float = 30) -> bool:
        until = time.monotonic() + seconds
        while text not in self.shown and time.monotonic() < until:
            if select.select([self.ours], [], [], 0.2)[0]:
                self.shown += os.read(self.ours, 4096).decode(errors="replace")
        return text in self.shown

    def close(self) -> None:
        self.child.kill()
        self.child.wait(timeout=10)
        os.close(self.ours)


def needs(shell: str) -> str:
    found = shutil.which(shell)
    if not found:
        pytest.skip(f"no {shell} on this machine")
    return found


def test_every_shell_has_one_line() -> None:
    assert sorted(SCRIPT) == ["bash", "fish", "zsh"]
    page = (ROOT / "docs" / "how-to" / "terminal.md").read_text(encoding="utf-8")
    assert [line for line in SCRIPT.values() if f"\n{line}\n" not in page] == []


@pytest.mark.parametrize("program", ["gaiaflow", "inv"])
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_tab_completes_a_command(folder: Path, shell: str, program: str) -> None:
    terminal = Terminal([needs(shell), *QUIET[shell]], folder)
    try:
        terminal.type(f"{SCRIPT[shell].replace('gaiaflow', program)}; echo ready $((40 + 2))\n")
        assert terminal.await_text("ready 42"), terminal.shown
        terminal.type(f"{program} prodlocal.conf\t")
        assert terminal.await_text(f"{program} prodlocal.config"), terminal.shown
        terminal.type("--cont\t")
        assert terminal.await_text("--context"), terminal.shown
    finally:
        terminal.close()


@pytest.mark.parametrize("program", ["gaiaflow", "inv"])
def test_fish_completes_a_command_and_an_option(folder: Path, program: str) -> None:
    line = SCRIPT["fish"]
    if program == "inv":
        line = line.replace("gaiaflow", "inv").replace("| source", "| string replace --all invoke inv | source")
    script = f'{line}; complete -C "{program} dev.st"; echo; complete -C "{program} dev.start --ba"'
    done = subprocess.run(
        [needs("fish"), "--no-config", "-c", script],
        cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert {"dev.start", "dev.status", "dev.stop", "--backend"} <= set(done.stdout.split())


def test_what_completes_is_loaded_lightly(folder: Path) -> None:
    """A TAB waits for it: nothing of Docker, Kubernetes or rich is imported."""
    command = [
        sys.executable,
        "-X",
        "importtime",
        str(folder / "bin" / "inv"),
        "--complete",
        "--",
        "inv dev.st",
    ]
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=60, check=True
    )
    assert "dev.start" in done.stdout.split()
    loaded = set(re.findall(r"\| +([\w.]+)$", done.stderr, re.MULTILINE))
    assert "gaiaflow.lifecycle.dev.stack" in loaded
    assert not loaded & {"docker", "kubernetes", "rich", "pydantic", "airflow", "copier", "mlflow"}
