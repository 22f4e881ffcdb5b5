"""The hand-over for real: an image in a registry, DAG files in the S3 store, the checks on what is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import airflow_python
from example_stack import PACKAGE, Running
from loopback_registry import LoopbackRegistry, running

from gaiaflow.dags.inspector import Inspector
from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.infra.images import engine, image, push
from gaiaflow.infra.images.registry import Reference, Registry
from gaiaflow.production import check as prodcheck, receipt
from gaiaflow.production.check import FAILED, MISSING, OK, Aim
from gaiaflow.production.s3 import S3Dags
from gaiaflow.project import Project

GOOD = """
from airflow.sdk import DAG
from gaiaflow.tasks import FromTask, create_task
with DAG("good", schedule=None):
    create_task("a", "app.work:one", env_vars={"U": "https://mlflow.example.org"})
    create_task("b", "app.work:one", func_kwargs={"x": FromTask("a", "x")}, map_over={"t": [1, 2]})
"""
BAD = """
from airflow.sdk import DAG
from gaiaflow.tasks import create_task
with DAG("bad", schedule=None):
    create_task("here", "app.work:one", mode="dev")
    create_task("loose", "app.work:one", image="app/app:1.0", func_kwargs={"u": "http://mlflow:5000"})
    create_task("mapped", "app.work:one", map_over={"t": ["a", "http://127.0.0.1:1"]}, secrets=["key"])
"""
BROKEN = "# a DAG of airflow\nimport app.work\n"


def make_project(root: Path, **dags: str) -> Project:
    """A project without dependencies, so that its image is made within seconds."""
    (root / "dags").mkdir(parents=True)
    (root / "app").mkdir()
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "app"\nversion = "0.1"\n[tool.hatch.build.targets.wheel]\npackages = ["app"]\n'
        '[tool.gaiaflow.prod]\nairflow_version = "3.3.2"\nproviders = {cncf-kubernetes = "10.25.0"}\n'
        'allowed_addresses = ["127.0.0.1:1234"]\n'
    )
    (root / "app" / "__init__.py").write_text("")
    (root / "app" / "work.py").write_text("def one(**_):\n    return {'x': 1}\n")
    (root / "tasks.py").write_text("from gaiaflow.lifecycle.namespace import namespace\n\nns = namespace()\n")
    (root / ".gitignore").write_text(".gaiaflow/\n__pycache__/\n")
    for name, text in dags.items():
        (root / "dags" / f"{name}.py").write_text(text)
    return Project.find(root)


def inv(project: Project, *argv: str, code: int = 0, **variables: str) -> str:
    """stdout of a command, or its stderr where another code is expected."""
    env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), **variables}
    command = [sys.executable, "-m", "invoke", *argv]
    done = subprocess.run(
        command, cwd=project.root, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackRegistry]:
    with running(tmp_path_factory.mktemp("registry")) as found, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_CONFIG", str(found.docker_config))
        yield found


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, registry: LoopbackRegistry) -> Iterator[Project]:
    """A project with its image, and with the registry among the addresses that are right in production."""
    if not engine.engine_answers():
        pytest.skip("no Docker engine answers")
    root = tmp_path_factory.mktemp("prod") / "app"
    make_project(root, good=GOOD)
    settings = (root / "pyproject.toml").read_text().replace("127.0.0.1:1234", registry.host)
    (root / "pyproject.toml").write_text(f'{settings}registry = "{registry.host}/team"\n')
    project = Project.find(root)
    image.build(project)
    yield project
    with closing(engine.connect()) as client:
        for found in client.images.list(filters={"label": f"{engine.PROJECT_LABEL}={project.id}"}):
            client.images.remove(found.id, force=True)


@pytest.fixture(scope="module")
def pushed(built: Project, registry: LoopbackRegistry) -> dict[str, str]:
    shown: dict[str, str] = json.loads(inv(built, "prod.push", "--json"))
    return shown


@pytest.mark.engine
class TestPush:
    def test_the_digest_is_the_registrys(self, pushed: dict[str, str], registry: LoopbackRegistry) -> None:
        reference = Reference.parse(pushed["content"])
        assert reference.host == registry.host
        assert reference.repository == "team/app/app"
        assert Registry.connect(registry.host).digest(reference) == pushed["digest"]
        assert pushed["pinned"] == f"{registry.host}/team/app/app@{pushed['digest']}"

    def test_the_registry_knows_the_image_by_its_id_on_the_engine(self, pushed: dict[str, str]) -> None:
        reference = Reference.parse(pushed["pinned"])
        assert pushed["id"] in Registry.connect(reference.host).identities(reference)

    def test_it_may_be_repeated_and_leaves_no_name_behind(self, built: Project, pushed: dict[str, str]) -> None:
        again = push.push(built, push.registry_of(built))
        assert again.as_dict() == {name: pushed[name] for name in again.as_dict()}
        with closing(engine.connect()) as client:
            assert not [tag for tag in client.images.get(pushed["image"]).tags if tag.startswith("127.")]
        assert push.last_pushed(built) == pushed["pinned"]

    def test_nothing_is_built(self, tmp_path: Path, registry: LoopbackRegistry) -> None:
        project = make_project(tmp_path / "other")
        with pytest.raises(MissingError, match="no image `other/thing:1` on this machine"):
            push.push(project, f"{registry.host}/team", "other/thing:1")

    def test_a_refusal_names_the_login(
        self, built: Project, registry: LoopbackRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        with pytest.raises(GaiaflowError, match="cannot push") as refused:
            push.push(built, f"{registry.host}/team")
        assert f"docker login {registry.host}" in refused.value.hint
        with pytest.raises(GaiaflowError, match="it answers 401"):
            Registry.connect(registry.host).digest(Reference.parse(f"{registry.host}/team/app:1"))


def states(project: Project, aim: Aim, force: bool = False) -> dict[str, str]:
    inspector = Inspector(project, Path(airflow_python()))
    return {check.name: check.state for check in prodcheck.run(project, inspector, aim, force)}


@pytest.mark.engine
class TestCheck:
    def test_what_the_matrix_passed_with_may_go(self, built: Project, pushed: dict[str, str]) -> None:
        receipt.write(built, receipt.take(built, {pushed["image"]: pushed["id"]}))
        found = states(built, Aim.of(built))
        assert found == dict.fromkeys(found, OK)
        assert len(found) == 13

    def test_another_image_may_not_unless_it_is_forced(self, built: Project, pushed: dict[str, str]) -> None:
        receipt.write(built, receipt.take(built, {pushed["image"]: "sha256:" + "0" * 64}))
        aim = Aim.of(built)
        assert states(built, aim)["receipt"] == FAILED
        assert states(built, aim, force=True)["receipt"] == OK

    def test_everything_that_is_wrong_is_found(self, tmp_path: Path, pushed: dict[str, str]) -> None:
        project = make_project(tmp_path / "app", bad=BAD, broken=BROKEN)
        absent = pushed["pinned"].partition("@")[0] + "@sha256:" + "0" * 64
        found = states(project, Aim.of(project, image=absent, airflow_version="2.11.0"))
        wrong = ("dags", "modes", "images", "registry", "addresses", "versions")
        right = dict.fromkeys(("environment", "additions", "claims", "rights", "kubernetes"), OK)
        assert found == {**right, **dict.fromkeys(wrong, FAILED), "secrets": MISSING, "receipt": MISSING}

    def test_the_command_shows_each_check_and_fails(self, tmp_path: Path, pushed: dict[str, str]) -> None:
        inspector = Inspector(make_project(tmp_path / "app", bad=BAD), Path(airflow_python()))
        found = {c.name: c for c in prodcheck.run(inspector.project, inspector, Aim(pushed["pinned"], "ns"))}
        assert found["modes"].why == "`here` of DAG `bad` is set to mode dev"
        assert "`loose` of DAG `bad` uses `app/app:1.0`" in found["images"].why
        assert "gets `mlflow:5000` in kwargs.u" in found["addresses"].why
        assert "gets `127.0.0.1:1` in map_over" in found["addresses"].why
        assert "to look for key" in found["secrets"].why


class TestPlan:
    def test_a_person_sees_it_before_anything_changes(self, tmp_path: Path) -> None:
        bare = tmp_path / "dags.git"
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
        project = make_project(tmp_path / "app", good=GOOD)
        assert "+ good.py added" in inv(project, "prod.sync", "--dags", str(bare), code=2)
        plan = json.loads(inv(project, "prod.sync", "--dags", str(bare), "--dry-run", "--json"))
        assert (plan["added"], plan["written"]) == (["good.py"], False)
        assert not list((bare / "refs" / "heads").iterdir())
        done = json.loads(inv(project, "prod.sync", "--dags", str(bare), "--yes", "--json"))
        assert (done["added"], done["written"]) == (["good.py"], True)
        again = json.loads(inv(project, "prod.sync", "--dags", str(bare), "--yes", "--json"))
        assert (again["unchanged"], again["written"]) == (["good.py"], False)


@pytest.mark.stack
def test_an_s3_prefix_gets_own_files_and_keeps_those_of_others(
    stack: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stack.credentials()["s3"]
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", store["url"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", store["user"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", store["secret"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    stack.s3("c.create_bucket(Bucket='prod-dags')")
    stack.s3("c.put_object(Bucket='prod-dags', Key='team/theirs.py', Body=b'theirs')")
    python = str(stack.root / ".gaiaflow" / "envs" / "services" / "bin" / "python")
    project = make_project(tmp_path / "app", good=GOOD, gone=GOOD)
    place = S3Dags.make(project, "s3://prod-dags/team", lambda: python)
    assert place.plan().added == ["gone.py", "good.py"]
    assert keys(stack) == ["team/theirs.py"]
    place.sync("")
    assert place.sync("").empty
    (project.dags / "gone.py").unlink()
    (project.dags / "good.py").write_text(GOOD + "# edited\n")
    done = place.sync("")
    assert (done.changed, done.removed) == (["good.py"], ["gone.py"])
    assert keys(stack) == ["team/.gaiaflow-app.json", "team/good.py", "team/theirs.py"]
    stack.s3("c.put_object(Bucket='prod-dags', Key='team/good.py', Body=b'by hand')")
    assert place.plan().changed == ["good.py"]
    (project.dags / "theirs.py").write_text("mine")
    assert place.plan().foreign == ["theirs.py"]
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(GaiaflowError, match=r"s3://prod-dags/team/ at http://127\.0\.0\.1"):
        place.plan()


def keys(stack: Running) -> list[str]:
    code = "print(*[o['Key'] for o in c.list_objects_v2(Bucket='prod-dags')['Contents']])"
    return sorted(stack.s3(code).split())
