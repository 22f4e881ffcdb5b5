"""What of a project's tree goes into its image: what git has or does not ignore, and never a key."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gaiaflow.infra.images import secretfile
from gaiaflow.infra.images.context import staged
from gaiaflow.project import Project

PEM = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----\n"
CODE = {
    "pyproject.toml": '[project]\nname = "p"\nversion = "1"\n[tool.gaiaflow]\n',
    "p/__init__.py": "",
    "p/calc.py": "",
    # Not keys, though they are called so.
    "p/id_map.py": "MARK = '-----BEGIN PRIVATE KEY-----'\n",
    "p/id_tools/__init__.py": "",
    "p/environment.py": "",
    "p/certificates/ca.pem": CERTIFICATE,
    "p/settings.json": "{}",
    "p/service_account_tools/settings.json": "{}",
}
NEVER = {
    ".env": "A=1",
    ".env.local": "A=1",
    "p/.env": "A=1",
    ".envrc": "export A=1",
    ".netrc": "machine x login a password b",
    "p/.pypirc": "[pypi]\npassword = x",
    ".git-credentials": "https://u:p@example.org",
    ".aws/credentials": "[default]",
    ".azure/accessTokens.json": "[]",
    ".config/gcloud/credentials.db": "x",
    ".kube/config": "apiVersion: v1",
    ".docker/config.json": "{}",
    ".dvc/config.local": "password = x",
    ".cdsapirc": "key: x",
    ".ssh/known_hosts": "x",
    "deploy/terraform.tfvars": 'token = "x"',
    "deploy/prod.auto.tfvars": 'token = "x"',
    "deploy/terraform.tfstate": "{}",
    "id_rsa": "x",
    "keys/id_ed25519.pub": "x",
    "keys/id_work": "x",
    "keys/server.pem": PEM,
    "keys/chain.pem": CERTIFICATE + PEM,
    "keys/odd.pem": "x",
    "keys/tls.key": "x",
    "keys/ID_RSA": "x",
    "keys/deploy": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n",
    "service-account.json": "{}",
    "my-project-1a2b3c.json": '{"type": "service_account", "private_key": "x"}',
    ".pixi/envs/default/bin/python": "",
    ".direnv/python/bin/python": "",
    "env/pyvenv.cfg": "home = /usr/bin",
    "env/lib/site.py": "",
    "conda/conda-meta/history": "",
    "conda/lib/site.py": "",
    "p/__pycache__/calc.cpython-311.pyc": "",
    "data/big.nc": "",
}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)


def code(root: Path) -> set[str]:
    """The files of the tree that an image of it gets."""
    with staged(Project.find(root)) as folder:
        found = folder / "code"
        return {p.relative_to(found).as_posix() for p in found.rglob("*") if p.is_file() or p.is_symlink()}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write(tmp_path, CODE)
    return tmp_path


@pytest.fixture
def repository(tree: Path) -> Path:
    if not shutil.which("git"):
        pytest.skip("no `git` on PATH")
    git(tree, "init", "--quiet")
    git(tree, "add", ".")
    return tree


def test_no_key_and_no_environment_goes_in(tree: Path) -> None:
    write(tree, NEVER)
    assert code(tree) == {*CODE}


def test_nor_do_those_that_git_tracks_or_dockerignore_asks_for(repository: Path) -> None:
    write(repository, NEVER)
    (repository / ".dockerignore").write_text("".join(f"!{name}\n" for name in NEVER))
    git(repository, "add", "--force", ".")
    assert code(repository) == {*CODE}


def test_what_git_ignores_stays_out_and_what_it_does_not_track_goes_in(repository: Path) -> None:
    write(
        repository, {".gitignore": "*.nc\noutput/\n", "p/new.py": "", "p/a.nc": "", "output/b": "", "gone": ""}
    )
    git(repository, "add", "gone")
    (repository / "gone").unlink()
    assert code(repository) == {*CODE, ".gitignore", "p/new.py"}


def test_dockerignore_lets_in_what_git_ignores_when_it_names_it(repository: Path) -> None:
    ignored = {
        "p/model.bin": "",
        "p/_version.py": "",
        "p/weights/1.bin": "",
        "p/weights/.envrc": "",
        "p/b.tmp": "",
    }
    write(repository, {".gitignore": "*.bin\n*.tmp\n_version.py\nweights/\n", **ignored})
    # `!p` is no name of an ignored file: all of the package that git does not ignore.
    (repository / ".dockerignore").write_text("*\n!p\n!p/_version.py\n!p/weights\n")
    package = {name for name in CODE if name.startswith("p/")}
    assert code(repository) == {*package, "p/_version.py", "p/weights/1.bin"}


def test_a_project_that_the_tree_around_it_ignores_is_taken_whole(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "tmp/\n", **{f"tmp/{name}": text for name, text in CODE.items()}})
    git(tmp_path, "init", "--quiet")
    write(tmp_path / "tmp", {".envrc": "A=1"})
    assert code(tmp_path / "tmp") == {*CODE}


def test_a_project_within_a_repository_is_taken_by_what_git_says_there(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "*.nc\n", **{f"one/{name}": text for name, text in CODE.items()}})
    write(tmp_path, {"one/a.nc": "", "beside.py": ""})
    git(tmp_path, "init", "--quiet")
    assert code(tmp_path / "one") == {*CODE}


def test_a_clone_within_the_tree_is_taken_by_what_git_says_there(repository: Path) -> None:
    write(repository, {"lib/mod.py": "", "lib/out.tmp": "", "lib/.gitignore": "*.tmp\n"})
    git(repository / "lib", "init", "--quiet")
    git(repository / "lib", "add", ".")
    git(repository / "lib", "-c", "user.name=n", "-c", "user.email=e@example.org", "commit", "-qm", "x")
    assert code(repository) == {*CODE, "lib/mod.py", "lib/.gitignore"}


def test_links_and_odd_names_go_in_as_they_are(repository: Path) -> None:
    write(repository, {"p/café [1].txt": "x"})
    (repository / "p" / "link").symlink_to("calc.py")
    assert code(repository) == {*CODE, "p/café [1].txt", "p/link"}


def test_without_git_all_but_keys_goes_in(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(repository, {".gitignore": "*.nc\n", "p/a.nc": "", ".envrc": ""})
    monkeypatch.setenv("PATH", str(repository / "none"))
    assert code(repository) == {*CODE, ".gitignore", "p/a.nc"}


@pytest.mark.parametrize("name", ["p/keys.py", "p/id_map.py", "README.md", "environment.yml", "p/env/model.py"])
def test_ordinary_names_are_no_secrets(tmp_path: Path, name: str) -> None:
    write(tmp_path, {name: ""})
    assert not secretfile.is_never_for_images(tmp_path, name)
