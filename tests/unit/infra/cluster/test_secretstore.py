"""Secrets: what is read, where it is kept, and that no value shows anywhere."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values

from gaiaflow.errors import MissingError, UsageError
from gaiaflow.infra.cluster import secretstore
from gaiaflow.infra.cluster.secretstore import FileStore, Secret
from gaiaflow.lifecycle.secret import create_secrets
from gaiaflow.project import Project
from tests import forked_inv

AWKWARD = {
    "QUOTES": 'it\'s "so" `here`',
    "BACKSLASH": "C:\\new\\",
    "LINES": "-----BEGIN-----\nabc\r\n-----END-----\n",
    "DOLLAR": "$HOME ${HOME} $(id) %s {{ ds }}",
    "SPACES": "  a b # no comment  ",
    "UNICODE": "grün 🌍",
    "EMPTY": "",
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "p"\n[tool.gaiaflow]\n')
    (tmp_path / "tasks.py").write_text(
        "from gaiaflow.lifecycle.namespace import namespace\n\nns = namespace()\n"
    )
    return Project.find(tmp_path)


def inv(folder: Path, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return forked_inv.inv(folder, *words, text=text)


def test_what_is_kept_is_read_back_the_same(project: Project) -> None:
    store = FileStore(project)
    assert store.create("keys", AWKWARD) == "created"
    file = project.home / "secrets" / "keys.env"
    assert dict(dotenv_values(file, interpolate=False)) == AWKWARD
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert store.create("keys", AWKWARD) == "unchanged"
    assert store.create("keys", {"A": "new"}) == "changed"
    assert dict(dotenv_values(file)) == {"A": "new"}


def test_list_and_delete(project: Project) -> None:
    store = FileStore(project)
    assert store.list() == []
    store.create("b", {"Z": "1", "A": "2"})
    store.create("a.b-c", {"X": "1"})
    assert store.list() == [Secret("a.b-c", ["X"]), Secret("b", ["A", "Z"])]
    store.delete("b")
    with pytest.raises(MissingError, match=r"no secret `a\.b` \(did you mean `a\.b-c`\?\)"):
        store.delete("a.b")
    assert [secret.name for secret in store.list()] == ["a.b-c"]


@pytest.mark.parametrize("name", ["Caps", "under_score", "../up", "", "-a", "a/b", "a" * 254, "a..b", "a.-b"])
def test_names_that_not_every_mode_can_hold(name: str) -> None:
    with pytest.raises(UsageError, match="is not a valid secret name"):
        secretstore.check(name, {"A": "1"})


def test_values_that_no_variable_can_hold() -> None:
    with pytest.raises(UsageError, match="`a-b` cannot be the name"):
        secretstore.check("s", {"a-b": "1"})
    with pytest.raises(UsageError, match="no values for the secret `s`"):
        secretstore.check("s", {})
    with pytest.raises(UsageError, match="more than 1048576"):
        secretstore.check("s", {"A": "x" * 2**20})


def test_lines_are_read_as_dotenv_does_and_nothing_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    text = "# comment\n\nexport A=1\nB='$HOME'\nC=${HOME}\nD=\n"
    assert secretstore.parse(text, "stdin") == {"A": "1", "B": "$HOME", "C": "${HOME}", "D": ""}


@pytest.mark.parametrize(("text", "line"), [("A=1\nhunter2\n", 2), ("A='hunter2\n", 1), ("hunter2", 1)])
def test_a_line_that_is_none_is_named_by_its_number_alone(text: str, line: int) -> None:
    with pytest.raises(UsageError, match=f"line {line} of stdin is not KEY=VALUE") as caught:
        secretstore.parse(text, "stdin")
    assert "hunter2" not in str(caught.value)


def test_create_from_stdin_and_from_a_file_shows_keys_only(project: Project, tmp_path: Path) -> None:
    first = inv(tmp_path, "secret.create", "keys", "--mode", "dev", text="TOKEN=hunter2\n")
    assert first.returncode == 0, first.stderr
    (tmp_path / "values").write_text("TOKEN=hunter3\nUSER_NAME=me\n")
    second = inv(
        tmp_path, "secret.create", "keys", "--from-env-file", "values", "--mode", "dev_docker", "--json"
    )
    assert json.loads(second.stdout)["became"] == "changed"
    assert json.loads(second.stdout)["keys"] == ["TOKEN", "USER_NAME"]
    listed = inv(tmp_path, "secret.list", "--mode", "dev", "--json")
    assert json.loads(listed.stdout) == {
        "schema": 1,
        "secrets": [{"secret": "keys", "keys": ["TOKEN", "USER_NAME"]}],
    }
    shown = first.stdout + first.stderr + second.stdout + second.stderr + listed.stdout
    assert "hunter" not in shown
    assert secretstore.read_file(project.home / "secrets" / "keys.env")["TOKEN"] == "hunter3"


def test_help_and_a_missing_name(project: Project, tmp_path: Path) -> None:
    for task in ("secret.create", "secret.delete"):
        shown = inv(tmp_path, task, "--help")
        assert shown.returncode == 0
        assert f"Usage: inv {task} NAME [options]" in shown.stdout
        missing = inv(tmp_path, task)
        assert missing.returncode == 2
        assert missing.stderr == f"error: `{task}` needs a name\nhint: inv {task} NAME; see inv secret.list\n"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("secret.create", "s", "--mode", "dev"), 2, "no values for the secret `s`"),
        (("secret.create", "s", "--mode", "prod"), 2, "kept in production"),
        (("secret.create", "s", "--mode", "dve"), 2, "did you mean `dev`?"),
        (("secret.create", "s", "--mode", "dev", "--from-env-file", "none"), 3, "cannot read `none`"),
        (("secret.delete", "s", "--mode", "dev", "--yes"), 3, "no secret `s`"),
    ],
)
def test_failures_end_in_one_message_and_their_code(
    project: Project, tmp_path: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    text = "A=1\n" if "prod" in words or "dve" in words else ""
    done = inv(tmp_path, *words, text=text)
    assert done.returncode == code
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_dry_keeps_nothing(project: Project, tmp_path: Path) -> None:
    done = inv(tmp_path, "--dry", "secret.create", "s", "--mode", "dev", text="A=1\n")
    assert "would keep the secret `s` for dev" in done.stderr
    assert not (project.home / "secrets").exists()


def test_from_python(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    create_secrets(secret_name="db", secret_data={"USER": "me", "PORT": 5432}, mode="dev")
    assert secretstore.read_file(project.home / "secrets" / "db.env") == {"USER": "me", "PORT": "5432"}
    with pytest.raises(UsageError, match="cannot be the name"):
        create_secrets("db", {"a b": 1}, mode="dev")
