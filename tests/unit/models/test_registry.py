"""Registered models: which one is meant, how its files come here, and what is started on them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from gaiaflow.endpoints import MODEL, PORTS, service_names, with_needs
from gaiaflow.errors import GaiaflowError, MissingError, UsageError
from gaiaflow.models.registry import ModelRegistry, Version, split
from gaiaflow.project import Project
from gaiaflow.stack.composed.composition import Composition
from gaiaflow.stack.services import keys, model
from gaiaflow.stack.services.backend import ServiceStatus
from gaiaflow.stack.services.program import Stack

FILES = {"MLmodel": b"flavors: {}\n", "code/pkg/a b.py": b"x = 1\n", "serving_input_example.json": b"{}"}
ROOT = "/0/models/m-1/artifacts"
VERSIONS = {("co2", "1"): f"mlflow-artifacts:{ROOT}", ("co2", "2"): "s3://elsewhere/model"}


class Server(BaseHTTPRequestHandler):
    """As much of MLflow's REST API as a registry needs, two models to a page of one."""

    files = FILES
    missing = 0

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        path = url.path.removeprefix("/api/2.0/")
        if path.startswith("mlflow-artifacts/artifacts/"):
            name = path.removeprefix(f"mlflow-artifacts/artifacts{ROOT}/").replace("%20", " ")
            self._send(self.files[name])
        elif path == "mlflow-artifacts/artifacts":
            self._json({"files": self._listed(f"/{query['path']}".removeprefix(ROOT).strip("/"))})
        else:
            self._json(*self._answer(path.removeprefix("mlflow/"), query))

    def _listed(self, inner: str) -> list[dict[str, object]]:
        below = {
            name.removeprefix(f"{inner}/") if inner else name for name in self.files if name.startswith(inner)
        }
        return [{"path": first, "is_dir": first not in below} for first in {n.partition("/")[0] for n in below}]

    def _answer(self, what: str, query: dict[str, str]) -> tuple[object, int]:
        if what == "registered-models/search":
            first = {"name": "co2", "latest_versions": [{"version": "1"}, {"version": "2"}],
                     "aliases": [{"alias": "champion", "version": "1"}]}  # fmt: skip
            if "page_token" in query:
                return {"registered_models": [{"name": "albedo", "latest_versions": [{"version": "7"}]}]}, 200
            return {"registered_models": [first], "next_page_token": "more"}, 200
        place = VERSIONS.get((query["name"], query["version"]))
        if place is None:
            return {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not found"}, 404
        return {"model_version": {"run_id": "r"}, "artifact_uri": place}, 200

    def _json(self, value: object, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), status)

    def _send(self, data: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data) + self.missing))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def registry() -> Iterator[ModelRegistry]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield ModelRegistry(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    return Project.find(tmp_path)


@pytest.mark.parametrize(
    ("wanted", "parts"),
    [("co2", ("co2", "", "")), ("co2@champion", ("co2", "", "champion")), ("co2/12", ("co2", "12", "")),
     ("my model-2.x@a", ("my model-2.x", "", "a"))],
)  # fmt: skip
def test_a_model_is_named_alone_with_an_alias_or_a_version(wanted: str, parts: tuple[str, str, str]) -> None:
    assert split(wanted) == parts


@pytest.mark.parametrize("wanted", ["", "@champion", "co2/", "co2/latest", "co2@a@b", "models:/co2/1"])
def test_what_names_no_model_is_refused(wanted: str) -> None:
    with pytest.raises(UsageError, match="is not the name of a model"):
        split(wanted)


def test_every_page_of_models_is_read(registry: ModelRegistry) -> None:
    found = [(m.name, m.newest, m.aliases) for m in registry.models()]
    assert found == [("albedo", 7, {}), ("co2", 2, {"champion": 1})]


def test_the_newest_is_meant_unless_somebody_says(registry: ModelRegistry) -> None:
    assert [registry.find(w).number for w in ("co2", "co2@champion", "co2/1")] == [2, 1, 1]
    assert registry.find("co2/1") == Version("co2", 1, "r", f"mlflow-artifacts:{ROOT}")


@pytest.mark.parametrize(
    ("wanted", "message", "hint"),
    [
        ("cO2", "no registered model `cO2` (did you mean `co2`?)", "there is albedo, co2"),
        (
            "co2@champon",
            "model `co2` has no alias `champon` (did you mean `champion`?)",
            "there is co2@champion",
        ),
        ("albedo@x", "model `albedo` has no alias `x`", "there is no alias; the newest is albedo"),
        ("co2/9", "model `co2` has no version 9", "the newest is co2/2"),
    ],
)
def test_what_is_not_there_is_guessed_and_listed(
    registry: ModelRegistry, wanted: str, message: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        registry.find(wanted)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_files_come_whole_and_once(registry: ModelRegistry, tmp_path: Path) -> None:
    place = registry.download(registry.find("co2/1"), tmp_path)
    assert {str(f.relative_to(place)): f.read_bytes() for f in place.rglob("*") if f.is_file()} == FILES
    (place / "MLmodel").write_text("kept")
    assert (registry.download(registry.find("co2/1"), tmp_path) / "MLmodel").read_text() == "kept"
    assert [f.name for f in tmp_path.iterdir()] == [place.name]


def test_a_file_that_ends_early_is_not_kept(
    registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = registry.find("co2/1")
    monkeypatch.setattr(ModelRegistry, "_files", lambda *_: ["MLmodel"])
    monkeypatch.setattr(Server, "missing", 1000)
    with pytest.raises(GaiaflowError, match=f"received 12 of 1012 bytes of `{ROOT[1:]}/MLmodel`"):
        registry.download(version, tmp_path)
    monkeypatch.setattr(Server, "missing", 0)
    assert (registry.download(version, tmp_path) / "MLmodel").read_bytes() == FILES["MLmodel"]


def test_files_that_mlflow_does_not_hand_out_are_named(registry: ModelRegistry, tmp_path: Path) -> None:
    with pytest.raises(GaiaflowError, match="`co2/2` is stored at `s3://elsewhere/model`"):
        registry.download(registry.find("co2/2"), tmp_path)


def test_a_file_name_that_leads_out_is_refused(
    registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "files", {"../evil": b""})
    with pytest.raises(GaiaflowError, match="outside its folder"):
        registry.download(registry.find("co2/1"), tmp_path / "inner")
    assert not (tmp_path / "evil").exists()


def test_no_server_is_one_line() -> None:
    with pytest.raises(MissingError, match="MLflow does not answer"):
        ModelRegistry("http://127.0.0.1:9").models()


def test_a_version_of_a_registry_made_anew_is_another_one() -> None:
    one, other = (
        Version("Co2 x", 1, "r", "mlflow-artifacts:/a"),
        Version("Co2 x", 1, "r", "mlflow-artifacts:/b"),
    )
    assert one.key != other.key
    assert one.key.startswith("co2-x-1-")


def test_the_chosen_model_replaces_the_one_before(project: Project, registry: ModelRegistry) -> None:
    older = model.folder(project) / "older-1-aaaaaaaa"
    older.mkdir()
    model.choose(project, registry, registry.find("co2/1"))
    assert model.chosen(project) == registry.find("co2/1")
    assert not older.exists()
    assert model.example(project) == model.files(project) / "serving_input_example.json"
    model.forget(project)
    assert model.chosen(project) is None
    with pytest.raises(MissingError, match="no model is served"):
        model.files(project)


def test_the_server_runs_in_the_projects_environment_on_loopback(
    project: Project, registry: ModelRegistry
) -> None:
    model.choose(project, registry, registry.find("co2/1"))
    stack = Stack(project, {**dict.fromkeys(PORTS, 1), "model": 5555}, [], keys.load(project))
    (program,) = model.programs(stack)
    python = project.home / "envs" / "project" / "bin" / "python"
    assert program.argv[0] == str(python)
    assert program.argv[-4:] == ["--host", "127.0.0.1", "--port", "5555"]
    assert program.env["PATH"].startswith(str(python.parent))
    assert program.env[model.PLACE] == str(model.files(project))


def test_the_composed_server_gets_the_same_files(project: Project, registry: ModelRegistry) -> None:
    assert model.location(project, Path("/m")) == {}
    model.choose(project, registry, registry.find("co2/1"))
    project.root.chmod(0o755)
    made = Composition(project, {**{n: e.port for n, e in PORTS.items()}, "model": 5555})
    made.write()
    key = model.files(project).name
    assert f"{model.PLACE}='/opt/gaiaflow/model/{key}'" in (made.home / "model.env").read_text()
    assert made.variables()["GAIAFLOW_MODEL_PORT"] == "5555"


def test_the_port_is_the_asked_one_then_the_last_then_the_variable(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(MODEL.variable, raising=False)
    assert model.port(project) == MODEL.port
    monkeypatch.setenv(MODEL.variable, "5556")
    assert (model.port(project), model.port(project, 5557)) == (5556, 5557)
    monkeypatch.setenv(MODEL.variable, "no")
    with pytest.raises(UsageError, match="GAIAFLOW_MODEL_PORT"):
        model.port(project)


def test_the_stack_starts_a_model_only_by_its_name_and_stops_it_with_the_rest() -> None:
    assert "model" not in service_names([])
    assert service_names(["model"]) == with_needs(["model"]) == ["model"]
    assert service_names([], every=True)[-1] == service_names(["all"], every=True)[-1] == "model"


def test_status_names_the_model_where_one_is_chosen(project: Project, registry: ModelRegistry) -> None:
    rows = {name: ServiceStatus(name, "running", "u") for name in ("s3", "model")}
    assert model.served(project) == ()
    model.choose(project, registry, registry.find("co2/1"))
    assert model.served(project) == ("model",)
    assert [(r.service, r.detail) for r in model.shown(project, rows)] == [("s3", ""), ("model", "co2/1")]


def test_a_record_of_another_version_serves_no_model(project: Project) -> None:
    (model.folder(project) / "served.json").write_text('{"name": "co2", "colour": "red"}')
    assert model.chosen(project) is None


@pytest.mark.parametrize("answer", [b"<html>login</html>", b"[1]", b"[" * 100_000])
def test_a_stranger_at_the_address_is_not_mlflow(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ModelRegistry, "_get", lambda *_: answer)
    with pytest.raises(
        GaiaflowError, match="the service at http://x is not MLflow: its answer is not a JSON object"
    ):
        ModelRegistry("http://x").models()
