"""What goes into the project's image and what it is called; no engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaiaflow.errors import GaiaflowError, MissingError, UsageError
from gaiaflow.infra.environments.requirement import requirements
from gaiaflow.infra.images import image
from gaiaflow.infra.images.context import digest, staged
from gaiaflow.project import Project

PYPROJECT = (
    '[project]\nname = "My Project"\nversion = "1.2+local"\ndependencies = ["numpy>=2"]\n[tool.gaiaflow]\n'
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        "pyproject.toml": PYPROJECT.replace("My Project", "my-project"),
        "src/pkg/__init__.py": "",
        "src/pkg/data/table.csv": "1",
        "src/pkg/.env": "SECRET=1",
        "src/pkg/__pycache__/x.pyc": "",
        ".env": "SECRET=1",
        ".env.local": "SECRET=1",
        ".gaiaflow/keys/s3": "SECRET",
        ".git/config": "",
        "data/big.nc": "",
        "dags/dag.py": "",
        "tests/test_pkg.py": "",
        "README.md": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_context_is_code_runner_and_requirements_only(tree: Path) -> None:
    with staged(Project.find(tree)) as folder:
        assert names(folder) == {
            "code/pyproject.toml",
            "code/README.md",
            "code/src/pkg/__init__.py",
            "code/src/pkg/data/table.csv",
            "gaiaflow/requirements.txt",
            "gaiaflow/runner.py",
        }


def test_own_dockerignore_adds_but_cannot_let_secrets_in(tree: Path) -> None:
    (tree / ".dockerignore").write_text("# comment\nREADME.md\n!.env\n!.gaiaflow\n!data\n")
    with staged(Project.find(tree)) as folder:
        assert names(folder / "code") == {"pyproject.toml", "src/pkg/__init__.py", "src/pkg/data/table.csv"}


def test_context_of_own_dockerfile_is_the_tree(tree: Path) -> None:
    (tree / "Dockerfile").write_text("FROM scratch\n")
    with staged(Project.find(tree), tree / "Dockerfile") as folder:
        found = names(folder)
    assert {"dags/dag.py", "tests/test_pkg.py", ".gaiaflow/runner.py", "Dockerfile"} <= found
    assert not {".env", ".gaiaflow/keys/s3", "data/big.nc"} & found


def test_staging_leaves_the_tree_as_it_is(tree: Path) -> None:
    before = names(tree)
    with staged(Project.find(tree)):
        assert names(tree) == before
    assert names(tree) == before


def test_digest_follows_content_names_and_modes(tmp_path: Path) -> None:
    def of(text: str, name: str = "a", mode: int = 0o644) -> str:
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / name).write_text(text)
        (folder / name).chmod(mode)
        return digest(folder)

    first = of("x")
    assert of("x") == first
    assert len({first, of("y"), of("x", "b"), of("x", "a", 0o755)}) == 4


def test_name_is_project_package_version(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GAIAFLOW_IMAGE", raising=False)
    assert image.image_name(Project.find(tree)) == "my-project/pkg:1.2-local"


def test_name_can_be_set(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_IMAGE", "registry.example:5000/team/tool:7")
    assert image.image_name(Project.find(tree)) == "registry.example:5000/team/tool:7"


@pytest.mark.parametrize("name", ["Upper/Case:1", "a b", "", "-x", "x;rm"])
def test_bad_name_is_refused_before_the_engine_is_asked(
    tree: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "image_name", lambda _: name)
    with pytest.raises(UsageError, match="is not a valid image name"):
        image.build(Project.find(tree), name or None)


def test_repository_keeps_a_port() -> None:
    assert image._repository("host:5000/a/b:1.0") == "host:5000/a/b"
    assert image._repository("plain:1") == "plain"


def test_missing_dockerfile_is_named(tree: Path) -> None:
    with pytest.raises(MissingError, match="no Dockerfile"):
        image.build(Project.find(tree), dockerfile="Dockerfile.none")


def test_user_dockerfile_gets_the_runner_once(tree: Path) -> None:
    file = tree / "Dockerfile"
    for text in ("FROM scratch", f"FROM scratch\nCOPY x {image.RUNNER}\n"):
        file.write_text(text)
        with image._dockerfile(file) as copy:
            assert copy.read_text().count(image.RUNNER) == 1
        assert file.read_text() == text


@pytest.mark.parametrize(("wanted", "told"), [(None, "1"), ("0", "0")])
def test_build_asks_for_no_attestation_unless_the_user_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str | None, told: str
) -> None:
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\necho "$BUILDX_NO_DEFAULT_ATTESTATIONS" > {tmp_path}/seen\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(docker.parent))
    monkeypatch.delenv("BUILDX_NO_DEFAULT_ATTESTATIONS", raising=False)
    if wanted:
        monkeypatch.setenv("BUILDX_NO_DEFAULT_ATTESTATIONS", wanted)
    image.run_build("image `x`", tmp_path, tmp_path / "Dockerfile", ["x:1"], {}, {})
    assert (tmp_path / "seen").read_text() == f"{told}\n"


def test_failed_build_ends_with_its_last_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\necho first\necho 'no such wheel' >&2\nexit 9\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(docker.parent))
    with pytest.raises(GaiaflowError, match=r"ended with 9:\nfirst\nno such wheel") as failed:
        image.run_build("image `x`", tmp_path, tmp_path / "Dockerfile", ["x:1"], {}, {})
    whole = "cannot build image `x`: `docker build` ended with 9:\nfirst\nno such wheel"
    assert failed.value.message == whole
    assert failed.value.hint.startswith("the whole output: ")


def test_no_dependencies_is_an_empty_list(tree: Path) -> None:
    (tree / "pyproject.toml").write_text("[tool.gaiaflow]\n")
    assert requirements(Project.find(tree)) == ""


def test_a_build_tells_its_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(
        "#!/bin/sh\ncat >&2 <<'END'\n#1 [internal] load build definition\n"
        "#7 [airflow 2/5] RUN uv pip install x\n"
        "#7 0.312 Resolved 7 packages\n#7 DONE 1.2s\n#8 [airflow 3/5] COPY . /opt\n#8 CACHED\nEND\n"
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{docker.parent}:/bin:/usr/bin")
    told: list[str] = []
    image.run_build("image `x`", tmp_path, tmp_path / "Dockerfile", ["x:1"], {}, {}, tell=told.append)
    assert told == ["image `x`: [airflow 2/5] RUN uv pip install x", "image `x`: [airflow 3/5] COPY . /opt"]
