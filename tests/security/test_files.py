"""Files under umask 022, and a canary secret: who can read what, and where a value turns up."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from evidence import Evidence
from small_project import ROOT, SmallProject

from gaiaflow.stack.composed.handover import OTHER_UID

pytestmark = pytest.mark.stack

CANARY = "c4n4ry-5ecret-VALUE-0123456789"
# Places where a value of a secret belongs: what keeps it.
KEEPERS = re.compile(r"\.gaiaflow/secrets/canary\.env$")
_KNOWN_DEFAULTS = re.compile(
    rb"(?i)(?:password|passwd|secret|secret_key|token|fernet_key|jwt_secret)[\"']?\s*[=:]\s*[\"']?"
    rb"(admin|password|airflow|minio|minioadmin|minio123|postgres|changeme|secret|test|example)[\"'\s,}]"
)
DAG = """
from airflow.sdk import DAG
from gaiaflow.tasks import create_task

with DAG("secretive", schedule=None):
    create_task("names", "faulty.work:environment", secrets=["canary"], env_vars={"PLAIN": "{{ 7 * 7 }}"})
"""


def _files(home: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(home):
        names[:] = [name for name in names if name != "envs"]
        yield from (path for name in files if (path := Path(folder, name)).is_file() and not path.is_symlink())


def test_the_home_is_closed_and_so_is_each_file_with_a_key(stack: SmallProject, evidence: Evidence) -> None:
    assert stack.home.stat().st_mode & 0o777 == 0o700
    secrets = [value.encode() for value in json.loads((stack.home / "keys.json").read_text()).values()]
    holding = [path for path in _files(stack.home) if any(value in path.read_bytes() for value in secrets)]
    assert stack.home / "keys.json" in holding
    # JupyterLab's own, which no option of it leaves out; its folder is closed.
    pages = list((stack.home / "jupyter" / "runtime").glob("jpserver-*-open.html"))
    assert [page for page in pages if page.parent.stat().st_mode & 0o077] == []
    wide = [path for path in holding if path.stat().st_mode & 0o077 and path not in pages]
    assert wide == []
    strange = {path.stat().st_uid for path in holding} - {os.getuid(), OTHER_UID}
    assert strange == set()
    evidence.add(
        "files",
        f"every file that holds one of the project's keys, under umask 022, {stack.state['backend']}",
        f"{len(holding)} files, each 0600 (JupyterLab's own page 0644, in a folder of 0700), in a home of 0700",
    )


def test_no_key_leaves_the_home(stack: SmallProject) -> None:
    secrets = [value.encode() for value in json.loads((stack.home / "keys.json").read_text()).values()]
    for folder, names, files in os.walk(stack.root):
        names[:] = [name for name in names if name != ".gaiaflow"]
        for name in files:
            content = Path(folder, name).read_bytes()
            assert not [value for value in secrets if value in content], Path(folder, name)


def test_no_known_default_is_written_anywhere(stack: SmallProject, evidence: Evidence) -> None:
    seen = 0
    for path in _files(stack.home):
        if path.suffix in {".json", ".env", ".toml", ".cfg", ".conf", ".ini", ".yml", ".yaml"}:
            seen += 1
            assert not _KNOWN_DEFAULTS.search(path.read_bytes()), path
    assert seen
    evidence.add(
        "files",
        f"a known default password in a rendered file, {stack.state['backend']}",
        f"none in {seen} files",
    )


@contextmanager
def watching(needle: str) -> Iterator[set[str]]:
    """The command lines of the machine that hold the needle, as long as this lasts."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    text = file.read_text(errors="replace")
                except OSError:
                    continue
                if needle in text:
                    seen.add(text)
            time.sleep(0.02)

    worker = threading.Thread(target=look)
    worker.start()
    try:
        yield seen
    finally:
        over.set()
        worker.join()


_NOTE = """
import os, sys
def _note(event, args):
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn"):
        with open({file!r}, "a") as file:
            file.write(repr(args[:2]) + "\\n")
with open({file!r}, "a") as file:
    file.write(repr(sys.orig_argv) + "\\n")
sys.addaudithook(_note)
"""


@contextmanager
def noting(small: SmallProject, folder: Path) -> Iterator[Path]:
    """The argument lists of every command, and of what it starts, however short that lives."""
    hook, notes = folder / "hook", folder / "started"
    hook.mkdir()
    notes.touch()
    (hook / "sitecustomize.py").write_text(_NOTE.format(file=str(notes)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(small.extra, "PYTHONPATH", f"{hook}{os.pathsep}{ROOT}")  # type: ignore[arg-type]
        yield notes


def test_a_canary_is_found_only_where_it_is_kept(
    embedded: SmallProject, tmp_path: Path, evidence: Evidence
) -> None:
    """By the commands of mode dev, and through a task that gets it."""
    file = tmp_path / "canary.env"
    file.write_text(f"CANARY_ONE='{CANARY}'\nCANARY_TWO=\"{CANARY}2\"\n")
    (embedded.root / "dags" / "secretive.py").write_text(DAG)
    with watching(CANARY) as seen, noting(embedded, tmp_path) as started:
        said = [
            _both(embedded, "secret.create", "canary", "--mode", "dev", "--from-env-file", str(file)),
            _both(embedded, "secret.create", "canary", "--mode", "dev", "--from-env-file", str(file), "--json"),
            _both(embedded, "secret.list", "--mode", "dev", "--json"),
            _both(embedded, "dag.run", "secretive", "--json"),
            _both(embedded, "dev.status", "--json"),
            _both(embedded, "dev.credentials", "--json"),
            _both(embedded, "dev.logs", "--lines", "1000"),
        ]
    assert seen == set()
    words = started.read_text()
    assert words.count("secret.create") >= 2  # the note-taking works
    assert CANARY not in words
    assert not [text for text in said if CANARY in text]
    assert "CANARY_ONE" in said[3]
    found = [str(path) for path in _files(embedded.root) if CANARY.encode() in path.read_bytes()]
    assert [name for name in found if not KEEPERS.search(name)] == []
    assert len(found) == 1
    left = [
        pid
        for pid in embedded.processes()
        if CANARY in Path(f"/proc/{pid}/environ").read_text(errors="replace")
    ]
    assert left == []
    evidence.add(
        "secrets",
        "a canary through `secret.create`, a task of mode dev, dag.run, logs, status, credentials",
        "in no argument list, output, log, XCom, rendered field, Airflow's database, state file or "
        "lasting process; only in `.gaiaflow/secrets/canary.env`, 0600",
    )


def test_a_canary_from_stdin_and_from_python(embedded: SmallProject, evidence: Evidence) -> None:
    code = (
        "from gaiaflow.lifecycle.secret import create_secrets; import sys; "
        "create_secrets('canary', {'CANARY_ONE': sys.stdin.read().strip()}, mode='dev')"
    )
    with watching(CANARY) as seen:
        for argv in (
            [sys.executable, "-m", "invoke", "secret.create", "canary", "--mode", "dev"],
            [sys.executable, "-c", code],
        ):
            text = f"CANARY_ONE={CANARY}\n" if "invoke" in argv else CANARY
            done = subprocess.run(
                argv,
                input=text,
                cwd=embedded.root,
                env=embedded.environment(),
                capture_output=True,
                text=True,
                check=True,
            )
            assert CANARY not in done.stdout + done.stderr
    assert seen == set()
    evidence.add(
        "secrets", "a canary by stdin, and by `create_secrets` from Python", "in no argument list or output"
    )


@pytest.mark.engine
def test_a_canary_is_in_no_image(composed: SmallProject, evidence: Evidence) -> None:
    """A secret and a .env in the project's folder while its image and the stack's are built."""
    (composed.root / ".env").write_text(f"CANARY={CANARY}\n")
    composed.inv("secret.create", "canary", "--mode", "dev", "--from-env-file", str(composed.root / ".env"))
    composed.inv("dev.dockerize")
    images = json.loads(composed.inv("dev.images", "--json"))
    name = str(next(iter(re.findall(r'"name": "([^"]+)"', json.dumps(images)))))
    history = subprocess.run(
        ["docker", "history", "--no-trunc", name], capture_output=True, text=True, check=True
    ).stdout
    inspected = subprocess.run(["docker", "inspect", name], capture_output=True, text=True, check=True).stdout
    assert CANARY not in history + inspected
    saved = subprocess.run(
        [
            "docker",
            "run",
            "--rm",
            "--user",
            "0",
            "--network",
            "none",
            "--entrypoint",
            "grep",
            name,
            "-rlF",
            CANARY,
            "/opt",
            "/home",
            "/root",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (saved.returncode, saved.stdout) == (1, ""), saved.stderr  # 1: grep ran, and found nothing
    states = subprocess.run(
        ["docker", "inspect", *composed.containers()], capture_output=True, text=True, check=True
    ).stdout
    assert CANARY not in states
    (composed.root / ".env").unlink()
    evidence.add(
        "secrets",
        "a canary in `.env` and a secret while the image is built",
        "not in its history, labels, files, nor in any container of the stack",
    )


def _both(small: SmallProject, *argv: str) -> str:
    done = small.call(*argv)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
