"""A git repository of DAGs, which production's Airflow reads: one commit for each synchronisation."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.infra.host import process
from gaiaflow.production.plan import (
    Kept,
    Plan,
    Remote,
    as_record,
    from_record,
    plan,
    record_name,
    refuse_changed,
)
from gaiaflow.project import Project
from gaiaflow.projects import dagfile

TIMEOUT = 300
_HINT = "git ls-remote {url}, to see whether you may read and write there"


@dataclass(frozen=True)
class GitDags:
    """The folder of one project in a repository.

    Attributes:
        url: whatever git clones; its credentials come from git's own helpers.
        path: the project's folder in it.
    """

    project: Project
    url: str
    path: str
    branch: str

    @property
    def name(self) -> str:
        return f"{self.url} ({self.branch}:{self.path})"

    @classmethod
    def make(cls, project: Project, url: str, path: str, branch: str) -> GitDags:
        """
        Raises:
            UsageError: the path leads out of the repository, or the address holds credentials.
        """
        parts = PurePosixPath(path or project.name)
        if parts.is_absolute() or ".." in parts.parts or ".git" in parts.parts:
            raise UsageError(f"`{path}` is not a folder inside a repository", f"--dags-path {project.name}")
        if _holds_credentials(url):
            raise UsageError(
                "the address of the git repository contains a user name, a token or a password",
                "remove them, and let git store them: git config credential.helper store",
            )
        if url.startswith("-") or branch.startswith("-"):
            raise UsageError(
                f"`{url}` with branch `{branch}` is not a repository", "--dags git@host:team/dags.git"
            )
        return cls(project, url, str(parts), branch)

    def plan(self) -> Plan:
        """What would change; the repository is only read."""
        with self._cloned() as clone:
            return plan(self.name, self._local(), self._remote(clone))

    def sync(self, message: str, shown: Plan | None = None) -> Plan:
        """Make it so, in one commit; nothing where nothing differs.

        Args:
            shown: what a person agreed to; by default whatever there is to do.

        Raises:
            GaiaflowError: git refused, or something changed since the plan was shown.
        """
        with self._cloned() as clone:
            found = plan(self.name, self._local(), self._remote(clone))
            refuse_changed(found, shown)
            if not found.empty:
                self._write(clone, found)
                self._commit(clone, message)
            return found

    def _local(self) -> dict[str, str]:
        return dagfile.hashes(dagfile.dag_files(self.project))

    @contextmanager
    def _cloned(self) -> Iterator[Path]:
        """A clone of the branch alone; of an empty repository, or without that branch, an empty tree."""
        with TemporaryDirectory(prefix="gaiaflow-dags-") as temporary:
            clone = Path(temporary, "clone")
            if self._git("ls-remote", "--heads", "--", self.url, f"refs/heads/{self.branch}").strip():
                options = ("--quiet", "--depth", "1", "--single-branch", "--branch", self.branch)
                self._git("clone", *options, "--", self.url, str(clone))
            else:
                self._git("init", "--quiet", "--initial-branch", self.branch, str(clone))
                self._git("remote", "add", "origin", self.url, folder=clone)
            yield clone

    def _remote(self, clone: Path) -> Remote:
        folder = clone / self.path
        record = folder / record_name(self.project)
        self._refuse_links(clone, record)
        own = from_record(_read(record), str(record.relative_to(clone)))
        paths = [path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts]
        return Remote(own, dagfile.hashes({path.relative_to(folder).as_posix(): path for path in paths}))

    def _write(self, clone: Path, found: Plan) -> None:
        folder = clone / self.path
        files = dagfile.dag_files(self.project)
        for name in found.removed:
            self._refuse_links(clone, (folder / name).parent)
            (folder / name).unlink()
        for name in found.written:
            place = folder / name
            self._refuse_links(clone, place)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(files[name], place, follow_symlinks=True)
        own = {name: Kept(sha256, sha256) for name, sha256 in dagfile.hashes(files).items()}
        record = folder / record_name(self.project)
        record.write_text(json.dumps(as_record(own), indent=1) + "\n", encoding="utf-8")

    def _refuse_links(self, clone: Path, place: Path) -> None:
        """Whoever may write to the repository must not choose which files of this machine are read or written.

        Raises:
            GaiaflowError: the place, or a folder above it, is a link.
        """
        inner = place.relative_to(clone)
        for path in (inner, *inner.parents):
            if (clone / path).is_symlink():
                raise GaiaflowError(f"`{path}` of {self.url} is a link", "replace it with a file or a folder")

    def _commit(self, clone: Path, message: str) -> None:
        self._git("add", "--all", "--force", "--", self.path, folder=clone)
        self._git(
            "commit", "--quiet", "--no-verify", "--message", message, folder=clone, env=self._author(clone)
        )
        self._git("push", "--quiet", "origin", f"HEAD:refs/heads/{self.branch}", folder=clone)

    def _author(self, clone: Path) -> Mapping[str, str]:
        """Whoever git says it is; where it knows nobody, as in CI, the project itself."""
        variables = _variables()
        known = process.run(["git", "var", "GIT_COMMITTER_IDENT"], env=variables, cwd=clone, check=False)
        if known.code == 0 and self._git("config", "--get", "user.email", folder=clone, check=False).strip():
            return variables
        who = {"NAME": self.project.name, "EMAIL": f"{self.project.name}@users.noreply.invalid"}
        named = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
        return {**named, **variables}

    def _git(
        self, *argv: str, folder: Path | None = None, env: Mapping[str, str] | None = None, check: bool = True
    ) -> str:
        place = ["-C", str(folder)] if folder else []
        hint = _HINT.format(url=self.url)
        command = ["git", *place, *argv]
        done = process.run(command, env=env or _variables(), timeout=TIMEOUT, check=False, hint=hint)
        if done.code and check:
            raise GaiaflowError(f"`git {argv[0]}` of {self.url} failed: {done.tail}", hint)
        return done.stdout


def _holds_credentials(url: str) -> bool:
    """The user of an SSH address is no secret; the one of HTTP may be a token."""
    parts = urlsplit(url)
    return bool(parts.password or (parts.username and parts.scheme in ("http", "https")))


def _variables() -> dict[str, str]:
    """git must not ask, and must not take the repository that it is called from for the one it works on.

    Nor may its ssh, which would ask on the terminal for a passphrase, or whether it trusts a host; a program of
    the user's that asks in a window may.
    """
    steering = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
    kept = {name: value for name, value in os.environ.items() if name not in steering}
    silent = {"GIT_TERMINAL_PROMPT": "0", "SSH_ASKPASS_REQUIRE": "force"}
    return {"SSH_ASKPASS": "false", **kept, **silent}


def _read(file: Path) -> dict[str, object]:
    if not file.is_file():
        return {}
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return {"files": None}
    return value if isinstance(value, dict) else {"files": None}
