"""What a project adds to its Airflow, and that functions get none of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from dotenv import dotenv_values

from gaiaflow.dags import pools
from gaiaflow.dags.api import NotFoundError
from gaiaflow.endpoints import PORTS, Endpoints
from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.environments import environment, providers, uv
from gaiaflow.infra.images.context import staged
from gaiaflow.operators.environment import local_environment
from gaiaflow.production import additions as needed
from gaiaflow.project import Project
from gaiaflow.stack import worker
from gaiaflow.stack.composed import image as stackimage
from gaiaflow.stack.composed.composition import Composition
from gaiaflow.stack.services import additions, airflow

TABLE = """
[tool.gaiaflow.airflow]
requirements = ["apache-airflow-providers-ssh"]
config = {"core.parallelism" = "32", "core.lazy_load_plugins" = false}
pools = {downloads = 2}
"""


@pytest.fixture
def rich(project: Project) -> Project:
    """A project with all of it."""
    (project.root / "pyproject.toml").write_text(f'[project]\nname = "demo"\n[tool.gaiaflow]\n{TABLE}')
    (project.root / ".env").write_text(
        "AIRFLOW_CONN_SHELL=ssh://u:p4ss@host\nAIRFLOW_VAR_X=1\nAIRFLOW__CORE__PARALLELISM=5\nMINE=2\n"
    )
    (project.root / "plugins").mkdir()
    return Project.find(project.root)


def test_airflow_gets_it(rich: Project) -> None:
    found = airflow.airflow_environment(rich)
    assert found["AIRFLOW_CONN_SHELL"] == "ssh://u:p4ss@host"
    assert found["AIRFLOW_VAR_X"] == "1"
    assert found["AIRFLOW__CORE__PARALLELISM"] == "5"  # .env comes before the table
    assert found["AIRFLOW__CORE__LAZY_LOAD_PLUGINS"] == "False"
    assert found["AIRFLOW__CORE__PLUGINS_FOLDER"] == str(rich.root / "plugins")
    assert "MINE" not in additions.variables(rich)


def test_a_function_gets_none_of_it(rich: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_PROJECT", str(rich.root))
    monkeypatch.setenv("AIRFLOW_CONN_SHELL", "ssh://u:p4ss@host")
    found = local_environment([])
    assert found["MINE"] == "2"
    assert not [name for name in found if name.startswith(("AIRFLOW_CONN", "AIRFLOW_VAR", "AIRFLOW__"))]


@pytest.mark.parametrize("place", ["table", "dotenv"])
def test_what_gaiaflow_sets_itself_is_refused(project: Project, place: str) -> None:
    text = 'config = {"core.executor" = "X"}' if place == "table" else ""
    (project.root / "pyproject.toml").write_text(f"[tool.gaiaflow]\n[tool.gaiaflow.airflow]\n{text}\n")
    if place == "dotenv":
        (project.root / ".env").write_text("AIRFLOW__CORE__EXECUTOR=X\n")
    with pytest.raises(UsageError) as caught:
        additions.variables(Project.find(project.root))
    assert (
        caught.value.message == "`core.executor` of Airflow's configuration cannot be changed: gaiaflow sets it"
    )
    assert caught.value.hint == (
        "remove it from [tool.gaiaflow.airflow] config, or AIRFLOW__CORE__EXECUTOR from .env"
    )


def test_a_key_that_is_none_is_guessed(project: Project) -> None:
    (project.root / "pyproject.toml").write_text("[tool.gaiaflow.airflow]\npool = {}\n")
    with pytest.raises(UsageError, match=r"`pool` in \[tool.gaiaflow.airflow\].*did you mean `pools`"):
        Project.find(project.root)


def test_its_packages_are_put_in_beside_the_versions_of_the_lock(
    rich: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(uv, "run", lambda _, *argv: calls.append(argv))
    providers.install(rich, tmp_path, "apache-airflow==3.3.2 \\\n    --hash=sha256:0\n")
    assert (tmp_path / "added.txt").read_text() == "apache-airflow-providers-ssh\n"
    assert (tmp_path / "added-constraints.txt").read_text() == "apache-airflow==3.3.2\n"
    ((*argv,),) = calls
    assert argv[-4:] == ["-c", str(tmp_path / "added-constraints.txt"), "-r", str(tmp_path / "added.txt")]


def test_packages_that_do_not_fit(rich: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise GaiaflowError("no versions of x", "")

    monkeypatch.setattr(uv, "run", fail)
    with pytest.raises(GaiaflowError) as caught:
        providers.install(rich, tmp_path, "")
    assert caught.value.message == (
        "`requirements` in [tool.gaiaflow.airflow] do not fit Airflow's own packages: no versions of x"
    )
    assert caught.value.hint == "loosen their versions, then: inv dev.start"


def test_they_make_another_environment_and_another_image(rich: Project, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "pyproject.toml").write_text("[tool.gaiaflow]\n")
    bare = Project.find(tmp_path / "other")
    assert environment._stamp(rich, "airflow") != environment._stamp(bare, "airflow")
    assert environment._stamp(rich, "services") == environment._stamp(bare, "services")
    tags = [stackimage.names(project)["airflow"].rpartition(":")[2] for project in (rich, bare)]
    assert tags[0] != tags[1]


def test_composes_airflow_gets_it_and_no_other_container(rich: Project) -> None:
    rich.root.chmod(0o755)
    made = Composition(rich, {name: entry.port for name, entry in PORTS.items()})
    made.write()
    told = dotenv_values(made.home / "airflow.env", interpolate=False)
    assert told["AIRFLOW_CONN_SHELL"] == "ssh://u:p4ss@host"
    assert told["AIRFLOW__CORE__PARALLELISM"] == "5"
    assert told["AIRFLOW__CORE__PLUGINS_FOLDER"] == str(rich.root / "plugins")
    assert [file.name for file in made.home.rglob("*.env") if "p4ss" in file.read_text()] == ["airflow.env"]
    assert "p4ss" not in str(made.variables())


def test_its_packages_are_in_a_layer_of_their_own_of_composes_airflow(rich: Project) -> None:
    with stackimage._context(rich) as folder:
        assert (folder / "added" / "requirements.txt").read_text() == "apache-airflow-providers-ssh\n"
        assert "apache-airflow==" in (folder / "added" / "constraints.txt").read_text()
        assert "ssh" not in "".join(file.read_text() for file in (folder / "locks").iterdir())


def test_worker_pods_get_it_by_a_secret_and_plugins_by_the_image(rich: Project) -> None:
    (rich.root / "plugins" / "mine.py").write_text("x = 1\n")
    target = Target(rich, "gaiaflow-demo", "", "gaiaflow-demo")
    told = worker.secret_values(target)
    assert told["AIRFLOW_CONN_SHELL"] == "ssh://u:p4ss@host"
    assert told["AIRFLOW_VAR_X"] == "1"
    assert told["AIRFLOW__CORE__PARALLELISM"] == "5"
    assert told["AIRFLOW__CORE__PLUGINS_FOLDER"] == "/opt/project/plugins"
    assert "p4ss" not in told["task.env"]  # which operators hand to functions
    text = worker.write_template(target, "demo/worker:1", Endpoints({"airflow": 8080}, "10.0.0.1")).read_text()
    assert "p4ss" not in text
    with staged(rich) as folder:
        assert (folder / "code" / "plugins" / "mine.py").is_file()


class Api:
    """Airflow with one pool."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, object]] = []

    def request(self, method: str, path: str, body: object = None, **_: object) -> dict[str, object]:
        self.calls.append((method, path, body))
        if method == "GET" and path != "pools/there":
            raise NotFoundError(f"no {path}")
        return {"slots": 3, "include_deferred": True}

    insist = request


def test_pools_are_made_or_changed() -> None:
    api = Api()
    assert pools.apply(api, {"there": 3}) == []  # type: ignore[arg-type]
    assert pools.apply(api, {"there": 5, "new one": 1}) == ["there", "new one"]  # type: ignore[arg-type]
    assert [call for call in api.calls if call[0] != "GET"] == [
        ("PATCH", "pools/there", {"pool": "there", "slots": 5, "include_deferred": True}),
        ("POST", "pools", {"name": "new one", "slots": 1, "include_deferred": False}),
    ]


def test_production_is_told_what_it_needs_too(rich: Project) -> None:
    found = needed.check(rich, {})
    assert found.state == "ok"
    assert found.why == (
        "production's Airflow needs too: package `apache-airflow-providers-ssh`, `AIRFLOW_CONN_SHELL`, "
        "`AIRFLOW_VAR_X`, `AIRFLOW__CORE__PARALLELISM`, option `core.lazy_load_plugins` = `False`, "
        "option `core.parallelism` = `32`, pool `downloads` of 2, the folder `plugins`"
    )
    assert needed.check(rich, {"ssh": "4.0"}).state == "ok"
    absent = needed.check(rich, {"docker": "4.0"})
    assert absent.why == "the provider `ssh` is not in production, and is added here"
    assert (absent.state, absent.hint) == (
        "failed",
        "install it there, and name it in providers of [tool.gaiaflow.prod]",
    )
