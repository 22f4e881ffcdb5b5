"""DAG files on their way to production: which ones, what would change, and a real git repository."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.production import plan as dagplan, sync as dagsync
from gaiaflow.production.git import GitDags
from gaiaflow.production.plan import Kept, Remote
from gaiaflow.production.s3 import S3Dags
from gaiaflow.project import Project
from gaiaflow.projects import dagfile

RECORD = ".gaiaflow-sample.json"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "sample"
    (root / "dags" / "inner").mkdir(parents=True)
    (root / "pyproject.toml").write_text('[project]\nname = "sample"\nversion = "1.2"\n[tool.gaiaflow]\n')
    (root / "dags" / "one.py").write_text("one = 1\n")
    (root / "dags" / "inner" / "two.yaml").write_text("two: 2\n")
    (root / "dags" / ".airflowignore").write_text("inner\n")
    return Project.find(root)


@pytest.fixture
def bare(tmp_path: Path) -> str:
    folder = tmp_path / "dags.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder)], check=True)
    return str(folder)


def git(repository: str, *argv: str) -> str:
    return subprocess.run(["git", "-C", repository, *argv], capture_output=True, text=True, check=True).stdout


def write_as_somebody_else(bare: str, folder: Path, files: dict[str, str]) -> None:
    subprocess.run(["git", "clone", "--quiet", bare, str(folder)], check=True, capture_output=True)
    git(str(folder), "checkout", "-q", "-B", "main")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(str(folder), "add", "--all")
    identity = ["-c", "user.name=other", "-c", "user.email=other@example.org"]
    git(str(folder), *identity, "commit", "-q", "-m", "by hand")
    git(str(folder), "push", "-q", "origin", "HEAD:refs/heads/main")


def push_link(bare: str, folder: Path, name: str, target: Path) -> None:
    """A commit of somebody else that holds one link."""
    write_as_somebody_else(bare, folder, {"other/dag.py": "theirs"})
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).symlink_to(target)
    git(str(folder), "add", "-A")
    git(str(folder), "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "x")
    git(str(folder), "push", "-q", "origin", "HEAD:refs/heads/main")


class TestFiles:
    def test_code_and_configuration_go_and_caches_secrets_and_state_stay(self, project: Project) -> None:
        for name in (".env", "__pycache__/one.pyc", ".git/config", "old.pyc", ".hidden/x.py"):
            file = project.dags / name
            file.parent.mkdir(exist_ok=True)
            file.write_text("x")
        assert list(dagfile.dag_files(project)) == [".airflowignore", "inner/two.yaml", "one.py"]

    def test_the_hash_is_of_names_and_contents(self, project: Project) -> None:
        before = dagfile.dag_hash(project)
        (project.dags / "one.py").rename(project.dags / "uno.py")
        renamed = dagfile.dag_hash(project)
        (project.dags / "uno.py").write_text("one = 2\n")
        assert len({before, renamed, dagfile.dag_hash(project)}) == 3

    def test_a_link_out_of_the_project_is_refused(self, project: Project, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("x")
        (project.dags / "link.py").symlink_to(tmp_path / "secret")
        with pytest.raises(UsageError, match="is a link that leads out of the project"):
            dagfile.dag_files(project)


class TestPlan:
    def test_each_file_gets_one_word(self) -> None:
        own = {name: Kept(f"hash of {name}", "v1") for name in ("same", "edited", "touched", "gone", "lost")}
        remote = Remote(
            own, {**dict.fromkeys(("same", "edited", "gone", "theirs", "in the way"), "v1"), "touched": "v2"}
        )
        local = {"same": "hash of same", "edited": "new", "touched": "hash of touched", "lost": "hash of lost"}
        found = dagplan.plan("place", {**local, "new": "x", "in the way": "x"}, remote)
        assert found.as_dict() == {
            "target": "place",
            "added": ["lost", "new"],
            "changed": ["edited", "touched"],
            "removed": ["gone"],
            "unchanged": ["same"],
            "foreign": ["in the way"],
        }
        with pytest.raises(GaiaflowError, match="did not put there: `in the way`"):
            dagplan.refuse_foreign(found, force=False)
        dagplan.refuse_foreign(found, force=True)

    @pytest.mark.parametrize("value", [{"files": None}, {"files": {"a": 1}}, {"files": {"a": ["x"]}}])
    def test_a_record_that_nobody_wrote_is_refused(self, value: dict[str, object]) -> None:
        with pytest.raises(UsageError, match=r"is not what `inv prod\.sync` wrote"):
            dagplan.from_record(value, "record.json")


class TestPlace:
    def test_an_address_says_what_kind_it_is(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
        bucket = dagsync.place(project, "s3://bucket/a/b/")
        assert isinstance(bucket, S3Dags)
        assert bucket.name == "s3://bucket/a/b/"
        repository = dagsync.place(project, "git@example.org:team/dags.git")
        assert repository.name == "git@example.org:team/dags.git (main:sample)"

    @pytest.mark.parametrize(
        ("address", "path", "said"),
        [
            ("", "", "no destination for the DAGs is set"),
            ("s3:///prefix", "", "has no bucket name"),
            ("gs://bucket", "", "neither a bucket nor a git repository"),
            ("https://me:hunter2@example.org/dags.git", "", "or a password"),
            ("https://hunter2@example.org/dags.git", "", "contains a user name, a token"),
            ("--upload-pack=evil", "", "is not a repository"),
            ("dags.git", "../elsewhere", "not a folder inside a repository"),
        ],
    )
    def test_what_is_no_place_is_refused(self, project: Project, address: str, path: str, said: str) -> None:
        with pytest.raises(UsageError, match=said) as refused:
            dagsync.place(project, address, path)
        assert "hunter2" not in str(refused.value)


class TestGit:
    def test_the_first_synchronisation_fills_an_empty_repository(self, project: Project, bare: str) -> None:
        place = GitDags.make(project, bare, "", "main")
        found = place.plan()
        assert found.added == [".airflowignore", "inner/two.yaml", "one.py"]
        assert git(bare, "branch") == ""  # a plan only reads
        assert place.sync(dagsync.message(project)) == found
        assert git(bare, "show", "main:sample/inner/two.yaml") == "two: 2\n"
        assert git(bare, "log", "--format=%s", "main").strip() == "sample 1.2"

    def test_a_second_one_changes_nothing(self, project: Project, bare: str) -> None:
        place = GitDags.make(project, bare, "", "main")
        place.sync("first")
        before = git(bare, "rev-parse", "main")
        assert place.sync("second").empty
        assert git(bare, "rev-parse", "main") == before

    def test_own_files_go_and_those_of_others_stay(self, project: Project, bare: str, tmp_path: Path) -> None:
        write_as_somebody_else(bare, tmp_path / "w1", {"sample/theirs.py": "t", "other/dag.py": "o"})
        place = GitDags.make(project, bare, "", "main")
        place.sync("first")
        (project.dags / "one.py").write_text("one = 2\n")
        (project.dags / "inner" / "two.yaml").unlink()
        (project.dags / "three.py").write_text("")
        found = place.sync("second")
        assert (found.added, found.changed, found.removed) == (["three.py"], ["one.py"], ["inner/two.yaml"])
        names = set(git(bare, "ls-tree", "-r", "--name-only", "main").split())
        own = {"sample/one.py", "sample/three.py", "sample/.airflowignore", f"sample/{RECORD}"}
        assert names == own | {"sample/theirs.py", "other/dag.py"}

    def test_an_edit_by_hand_is_seen(self, project: Project, bare: str, tmp_path: Path) -> None:
        place = GitDags.make(project, bare, "", "main")
        place.sync("first")
        write_as_somebody_else(bare, tmp_path / "w1", {"sample/one.py": "one = 'by hand'\n"})
        assert place.plan().changed == ["one.py"]

    def test_what_was_not_shown_is_not_done(self, project: Project, bare: str) -> None:
        place = GitDags.make(project, bare, "", "main")
        shown = place.plan()
        (project.dags / "later.py").write_text("")
        with pytest.raises(GaiaflowError, match="changed since they were shown"):
            place.sync("x", shown)
        assert git(bare, "branch") == ""

    def test_a_file_in_the_way_is_told(self, project: Project, bare: str, tmp_path: Path) -> None:
        write_as_somebody_else(bare, tmp_path / "w1", {"sample/one.py": "theirs"})
        assert GitDags.make(project, bare, "", "main").plan().foreign == ["one.py"]

    def test_the_commit_of_the_project_is_named(self, project: Project) -> None:
        root = str(project.root)
        git(root, "init", "-q")
        git(root, "add", "-A")
        git(root, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "x")
        commit = git(root, "rev-parse", "HEAD").strip()
        assert dagsync.message(project) == f"sample 1.2 at commit {commit}"

    def test_a_repository_that_is_not_there_is_told(self, project: Project, tmp_path: Path) -> None:
        with pytest.raises(GaiaflowError, match=r"`git ls-remote` of .*nowhere.git failed") as refused:
            GitDags.make(project, str(tmp_path / "nowhere.git"), "", "main").plan()
        assert "git ls-remote" in refused.value.hint

    @pytest.mark.parametrize("own", ["", "/usr/bin/in-a-window"])
    def test_ssh_asks_for_nothing_on_the_terminal(
        self, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str
    ) -> None:
        seen, ssh = tmp_path / "seen", tmp_path / "ssh"
        ssh.write_text(f'#!/bin/sh\necho "$SSH_ASKPASS_REQUIRE $SSH_ASKPASS" > {seen}\nexit 255\n')
        ssh.chmod(0o755)
        monkeypatch.setenv("GIT_SSH", str(ssh))
        monkeypatch.delenv("SSH_ASKPASS", raising=False)
        if own:
            monkeypatch.setenv("SSH_ASKPASS", own)
        with pytest.raises(GaiaflowError):
            GitDags.make(project, "ssh://git@example.org/dags.git", "", "main").plan()
        assert seen.read_text() == f"force {own or 'false'}\n"

    def test_a_link_in_the_repository_is_not_followed_out(
        self, project: Project, bare: str, tmp_path: Path
    ) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        push_link(bare, tmp_path / "w1", "sample/inner", outside)
        with pytest.raises(GaiaflowError, match=r"`sample/inner` of .* is a link"):
            GitDags.make(project, bare, "", "main").sync("x")
        assert list(outside.iterdir()) == []

    def test_a_record_that_is_a_link_is_neither_read_nor_written(
        self, project: Project, bare: str, tmp_path: Path
    ) -> None:
        config = tmp_path / "config.json"
        config.write_text('{"auths": {}}')
        push_link(bare, tmp_path / "w1", f"sample/{RECORD}", config)
        place = GitDags.make(project, bare, "", "main")
        with pytest.raises(GaiaflowError, match=rf"`sample/{RECORD}` of .* is a link"):
            place.plan()
        with pytest.raises(GaiaflowError, match="is a link"):
            place.sync("x")
        assert config.read_text() == '{"auths": {}}'

    def test_a_record_that_is_a_link_to_nothing_makes_no_file(
        self, project: Project, bare: str, tmp_path: Path
    ) -> None:
        push_link(bare, tmp_path / "w1", f"sample/{RECORD}", tmp_path / "new.json")
        with pytest.raises(GaiaflowError, match="is a link"):
            GitDags.make(project, bare, "", "main").sync("x")
        assert not (tmp_path / "new.json").exists()

    def test_a_folder_that_is_a_link_loses_no_files(self, project: Project, bare: str, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "old.py").write_text("mine")
        (outside / RECORD).write_text('{"files": {"old.py": ["1", "1"]}}')
        push_link(bare, tmp_path / "w1", "sample", outside)
        with pytest.raises(GaiaflowError, match=r"`sample` of .* is a link"):
            GitDags.make(project, bare, "", "main").sync("x")
        assert sorted(file.name for file in outside.iterdir()) == [RECORD, "old.py"]

    def test_a_link_inside_the_repository_is_refused_too(
        self, project: Project, bare: str, tmp_path: Path
    ) -> None:
        push_link(bare, tmp_path / "w1", "sample/one.py", Path("../other/dag.py"))
        with pytest.raises(GaiaflowError, match=r"`sample/one\.py` of .* is a link"):
            GitDags.make(project, bare, "", "main").sync("x")


def test_the_record_can_be_read_back() -> None:
    own = {"a.py": Kept("1", "2")}
    assert dagplan.from_record(json.loads(json.dumps(dagplan.as_record(own))), "x") == own
