"""Names of images, and the questions to a registry: with a token, with a password, and where no key may go."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from gaiaflow.errors import GaiaflowError, MissingError, UsageError
from gaiaflow.infra.images import identity, push, registry
from gaiaflow.infra.images.registry import Reference, Registry
from gaiaflow.project import Project

DIGEST = "sha256:" + "a" * 64
CONFIG, CHILD, CHILD_CONFIG = ("sha256:" + letter * 64 for letter in "bcd")
MANIFESTS: dict[str, Any] = {
    "/v2/team/app/manifests/content-0123456789ab": (DIGEST, {"config": {"digest": CONFIG}}),
    "/v2/team/many/manifests/1": (DIGEST, {"manifests": [{"digest": CHILD}]}),
    f"/v2/team/many/manifests/{CHILD}": (CHILD, {"config": {"digest": CHILD_CONFIG}}),
    f"/v2/team/app/blobs/{CONFIG}": (CONFIG, {"config": {"User": "1"}, "rootfs": {"diff_ids": ["sha256:1"]}}),
    f"/v2/team/many/blobs/{CHILD_CONFIG}": (CHILD_CONFIG, {"rootfs": {"diff_ids": ["sha256:2"]}}),
}
APP = identity.of_engine({"Config": {"User": "1", "Cmd": None}, "RootFS": {"Layers": ["sha256:1"]}})
MANY = identity.of_engine({"RootFS": {"Layers": ["sha256:2"]}})


class Handler(BaseHTTPRequestHandler):
    """A registry that wants a token for each repository, and gives one to `me` with the right password."""

    seen: ClassVar[list[tuple[str, str, str]]] = []
    realm: ClassVar[str] = ""

    def _answer(self) -> None:
        given = self.headers.get("Authorization", "")
        path = self.path.partition("?")[0]
        self.seen.append((self.command, self.path, given))
        if path == "/token":
            good = given == "Basic bWU6aHVudGVyMg=="
            self._send(200 if good else 401, {}, {"token": "for " + self.path} if good else {})
        elif not given.startswith("Bearer for ") or re.split("/manifests|/blobs", path)[0][
            4:
        ] not in given.replace("%2F", "/"):
            realm = self.realm or f"http://{self.headers['Host']}/token"
            self._send(401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="reg"'}, {})
        elif path in MANIFESTS:
            digest, manifest = MANIFESTS[path]
            self._send(200, {"Docker-Content-Digest": digest}, manifest)
        else:
            self._send(404, {}, {})

    def _is_allowed(self, given: str, repository: str) -> bool:
        return given.startswith("Bearer for ") and repository in given.replace("%2F", "/")

    do_GET = do_HEAD = do_POST = _answer  # noqa: N815 - http.server's names

    def _send(self, status: int, headers: dict[str, str], body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Nothing: the tests look at `seen`."""


@pytest.fixture
def host() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Handler.seen.clear()
    Handler.realm = ""
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


ME = {"Username": "me", "Password": "hunter2"}


@pytest.mark.parametrize(
    ("text", "expected", "pinned"),
    [
        ("python", Reference("docker.io", "library/python", "", ""), False),
        ("team/app:1.0", Reference("docker.io", "team/app", "1.0", ""), False),
        ("reg.example.org:5000/a/b:content-0123456789ab", None, True),
        ("reg.example.org/a/b:content-latest", None, False),
        (f"localhost/app:1@{DIGEST}", Reference("localhost", "app", "1", DIGEST), True),
    ],
)
def test_a_name_is_taken_apart(text: str, expected: Reference | None, pinned: bool) -> None:
    found = Reference.parse(text)
    assert found.pinned is pinned
    assert found == (expected or found)


@pytest.mark.parametrize("text", ["", "a b", "https://reg.example.org/x", "app@sha256:12"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a valid image name"):
        Reference.parse(text)


def test_a_token_is_asked_for_and_the_digest_told(host: str) -> None:
    found = Registry(host, ME).digest(Reference.parse(f"{host}/team/app:content-0123456789ab"))
    assert found == DIGEST
    assert [(method, path.partition("?")[0]) for method, path, _ in Handler.seen] == [
        ("HEAD", "/v2/team/app/manifests/content-0123456789ab"),
        ("GET", "/token"),
        ("HEAD", "/v2/team/app/manifests/content-0123456789ab"),
    ]
    assert "scope=repository%3Ateam%2Fapp%3Apull" in Handler.seen[1][1]


def test_an_image_that_is_not_there_is_none(host: str) -> None:
    asked = Registry(host, ME)
    assert asked.digest(Reference.parse(f"{host}/team/app:2")) is None
    assert asked.identities(Reference.parse(f"{host}/team/app:2")) == set()


def test_all_names_of_an_image_are_known(host: str) -> None:
    asked = Registry(host, ME)
    assert asked.identities(Reference.parse(f"{host}/team/app:content-0123456789ab")) == {DIGEST, CONFIG, APP}
    assert asked.identities(Reference.parse(f"{host}/team/many:1")) == {DIGEST, CHILD, CHILD_CONFIG, MANY}


def test_a_wrong_password_is_told_without_it(host: str) -> None:
    with pytest.raises(GaiaflowError, match=r"does not show `team/app`: it answers 401") as refused:
        Registry(host, {"Username": "me", "Password": "wrong"}).digest(Reference.parse(f"{host}/team/app:1"))
    assert "wrong" not in str(refused.value)


def test_no_key_goes_over_an_open_line(host: str) -> None:
    Handler.realm = "http://tokens.example.org/token"
    with pytest.raises(GaiaflowError, match="asks for credentials by an unsupported method"):
        Registry(host, ME).digest(Reference.parse(f"{host}/team/app:1"))
    assert [given for *_, given in Handler.seen] == [""]


def test_a_registry_that_is_not_there_is_missing() -> None:
    with pytest.raises(MissingError, match="does not answer"):
        Registry("127.0.0.1:9").digest(Reference.parse("127.0.0.1:9/a/b:1"))


def test_dockers_own_configuration_has_the_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text('{"auths": {"reg.example.org": {"auth": "bWU6aHVudGVyMg=="}}}')
    assert registry.docker_credentials("reg.example.org") == ME
    assert registry.docker_credentials("other.example.org") == {}
    assert "hunter2" not in repr(Registry.connect("reg.example.org"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "app"\n[tool.gaiaflow.prod]\nregistry = "reg.example.org/team/"\n'
    )
    return Project.find(tmp_path)


def test_where_an_image_goes(project: Project) -> None:
    named = push.registry_of(project)
    assert named == "reg.example.org/team"
    assert push.target_name(project, named, "app/app:1.0") == ("app/app:1.0", "reg.example.org/team/app/app")
    own = "reg.example.org/team/app:1.0"
    assert push.target_name(project, named, own) == (own, "reg.example.org/team/app")
    with pytest.raises(UsageError, match="is an address, not a registry"):
        push.registry_of(project, "https://reg.example.org")


def test_an_unknown_key_of_the_table_is_refused_with_the_near_one(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.gaiaflow.prod]\nregistri = "x"\n')
    with pytest.raises(UsageError, match=r"`registri` in \[tool.gaiaflow.prod\].*did you mean `registry`"):
        Project.find(tmp_path)


@pytest.mark.parametrize("body", [b"<html>please log in</html>", b"[1]", b"[" * 100_000])
def test_a_page_in_place_of_the_registry_is_told(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = registry._Answer(200, {}, body)
    monkeypatch.setattr(registry, "_send", lambda *_: answer)
    reference = Reference("registry.example.org", "team/app", "1", "")
    with pytest.raises(GaiaflowError) as caught:
        Registry("registry.example.org").identities(reference)
    assert caught.value.message == ("`registry.example.org` is not a registry: its answer is not a JSON object")
    assert caught.value.hint == "curl -v https://registry.example.org/v2/"
