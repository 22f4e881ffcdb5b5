"""`inv project.new` at the terminal: asks, or says why it does not; --dry makes nothing."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests import forked_inv

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def command(*argv: str | Path) -> list[str]:
    return [sys.executable, "-m", "invoke", "--search-root", str(ROOT), *map(str, argv)]


def inv(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return forked_inv.inv(Path.cwd(), "--search-root", str(ROOT), *argv)


def test_defaults_asks_nothing_and_says_what_comes_next(tmp_path: Path) -> None:
    made = tmp_path / "Sea Ice"
    done = inv("project.new", made, "--defaults", "--examples=no", "--author=Me")
    assert done.returncode == 0, done.stderr
    assert "make dev" in done.stderr
    answers = yaml.safe_load((made / ".copier-answers.yml").read_text())
    assert (answers["name"], answers["package"], answers["author"]) == ("sea-ice", "sea_ice", "Me")


def test_update_finds_the_project_from_a_folder_in_it_and_has_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "sea"
    assert inv("project.new", made, "--defaults", "--examples=no").returncode == 0
    assert (made / ".env").stat().st_mode & 0o777 == 0o600
    who = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    for argv in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "made")):
        subprocess.run(["git", *who, *argv], cwd=made, check=True, timeout=60)
    monkeypatch.chdir(made / "dags")
    done = inv("project.update")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "nothing to do" in done.stderr


def test_update_of_what_was_not_made_from_the_template_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = inv("project.update")
    assert done.returncode == 3
    assert "hint: inv project.adopt" in done.stderr


def test_dry_says_what_it_would_do_and_makes_nothing(tmp_path: Path) -> None:
    done = inv("--dry", "project.new", tmp_path / "sea", "--defaults", "--examples=no")
    assert done.returncode == 0, done.stderr
    assert f"would make a project from the template of gaiaflow in {tmp_path / 'sea'}" in done.stderr
    assert not (tmp_path / "sea").exists()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ((), "there is no terminal to ask on"),
        (("--defaults", "--package=Sea-Ice"), "hint: --package sea_ice"),
        (("--defaults", "--examples=maybe"), "not yes or no"),
        (("--defaults", "--environment=pixie"), "did you mean `pixi`"),
    ],
)
def test_a_usage_error_makes_nothing(tmp_path: Path, argv: tuple[str, ...], said: str) -> None:
    done = inv("project.new", tmp_path / "sea", *argv)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "sea").exists()


def test_a_folder_with_a_space_can_be_pasted_back(tmp_path: Path) -> None:
    made = tmp_path / "my sea"
    done = inv("project.new", made)
    assert done.stderr.endswith(f"hint: inv project.new '{made}' --defaults\n")
    done = inv("project.new", made, "--defaults", "--examples=no")
    assert done.stderr.endswith(
        f"next:  cd '{made}' && make dev\n       git init && git add . && git commit -m 'From the template'\n"
    )


def test_a_terminal_is_asked_for_what_is_not_given(tmp_path: Path) -> None:
    made = tmp_path / "sea"
    told = at_terminal(command("project.new", made, "--author=Me", "--environment=uv"), [b"", b"", b"n"])
    assert "The project's name" in told
    assert "The author's name" not in told
    answers = yaml.safe_load((made / ".copier-answers.yml").read_text())
    assert (answers["name"], answers["package"], answers["examples"]) == ("sea", "sea", False)


def at_terminal(argv: list[str], replies: list[bytes]) -> str:
    """Run a command on a terminal of its own; each reply goes out when the command waits. What it wrote."""
    left, told, ends = list(replies), b"", time.monotonic() + 60
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["PYTHONPATH"] = str(ROOT)
        os.execv(argv[0], argv)
    try:
        while time.monotonic() < ends:
            ready = select.select([terminal], [], [], 1.0)[0]
            if ready:
                told += os.read(terminal, 65536)
            elif left and b"\x1b" in told:  # it draws a question
                os.write(terminal, left.pop(0) + b"\r")
    except OSError:  # the terminal is closed: the command has ended
        pass
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 0, told.decode(errors="replace")
    return told.decode(errors="replace")
