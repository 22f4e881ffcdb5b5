"""An OCI registry, read only: whether an image is there, what it is, and by which digests stores know it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import Request, build_opener

from gaiaflow.errors import GaiaflowError, MissingError, UsageError
from gaiaflow.infra.host import loopback
from gaiaflow.infra.images import identity

TIMEOUT = 30
LARGEST = 4 * 2**20
_HUB, _HUB_API = "docker.io", "registry-1.docker.io"
_KINDS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_REFERENCE = re.compile(
    r"(?P<name>[\w.-]+(?::\d+)?(?:/[\w.-]+)*)(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_CONTENT = re.compile(r"content-[0-9a-f]{12}")


@dataclass(frozen=True)
class Reference:
    """An image's name, taken apart.

    Attributes:
        host: the registry, with its port.
        repository: the name within the registry.
    """

    host: str
    repository: str
    tag: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        """
        Raises:
            UsageError: it is not a valid image name.
        """
        found = _REFERENCE.fullmatch(text)
        if not found:
            raise UsageError(f"`{text}` is not a valid image name", "registry.example.org/team/image:tag")
        head, _, rest = found["name"].partition("/")
        named = rest and ("." in head or ":" in head or head == "localhost")
        host, repository = (head, rest) if named else (_HUB, found["name"])
        if host == _HUB and "/" not in repository:
            repository = f"library/{repository}"
        return cls(host, repository, found["tag"] or "", found["digest"] or "")

    @property
    def pinned(self) -> bool:
        """Whether the name can only ever mean one image."""
        return bool(self.digest or _CONTENT.fullmatch(self.tag))

    @property
    def version(self) -> str:
        return self.digest or self.tag or "latest"

    def __str__(self) -> str:
        tag, digest = (f":{self.tag}" if self.tag else ""), (f"@{self.digest}" if self.digest else "")
        return f"{self.host}/{self.repository}{tag}{digest}"


@dataclass
class Registry:
    """One registry with the credentials that Docker's own configuration has for it.

    Args:
        credentials: as Docker's configuration gives them: ``Username`` and ``Password``, or ``IdentityToken``.
    """

    host: str
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    _authorization: str = field(default="", init=False, repr=False)

    @classmethod
    def connect(cls, host: str) -> Registry:
        """
        Raises:
            GaiaflowError: Docker's configuration or its credential helper cannot be read.
        """
        return cls(host, docker_credentials(host))

    def digest(self, reference: Reference) -> str | None:
        """The digest of an image's manifest; None when the registry does not have it."""
        answer = self._manifest(reference.repository, reference.version, "HEAD")
        return None if answer is None else answer[0] or reference.digest

    def identities(self, reference: Reference) -> set[str]:
        """What this very image is in every store, and all digests by which a store may know it.

        A store knows an image by the digest of its configuration, of its manifest or of its index.
        """
        answer = self._manifest(reference.repository, reference.version, "GET")
        if answer is None:
            return set()
        digest, manifest = answer
        found = {digest, *self._configured(reference.repository, manifest)}
        for child in manifest.get("manifests", ()):
            found.add(str(child["digest"]))
            inner = self._manifest(reference.repository, str(child["digest"]), "GET")
            found.update(self._configured(reference.repository, inner[1]) if inner else ())
        return found - {""}

    def _configured(self, repository: str, manifest: Mapping[str, Any]) -> set[str]:
        """The digest of the configuration that a manifest names, and the image's identity."""
        digest = str(manifest.get("config", {}).get("digest", ""))
        answer = self._get(repository, f"blobs/{digest}") if digest else None
        return {digest} | ({identity.of_configuration(_object(answer, self.host))} if answer else set())

    def _manifest(self, repository: str, version: str, method: str) -> tuple[str, dict[str, Any]] | None:
        """The digest that the registry tells and the manifest, empty for HEAD; None when it is not there."""
        answer = self._get(repository, f"manifests/{version}", method)
        if answer is None:
            return None
        return answer.headers.get("docker-content-digest", ""), _object(answer, self.host)

    def _get(self, repository: str, what: str, method: str = "GET") -> _Answer | None:
        path = f"/v2/{repository}/{what}"
        answer = self._request(path, method)
        if answer.status in {401, 403} and (challenge := answer.headers.get("www-authenticate")):
            self._authorization = self._authorize(challenge, repository)
            answer = self._request(path, method)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise _refused(self.host, repository, answer.status)
        return answer

    def _request(self, path: str, method: str) -> _Answer:
        scheme = "http" if loopback.is_loopback(self.host) else "https"
        host = _HUB_API if self.host == _HUB else self.host
        request = Request(f"{scheme}://{host}{path}", method=method)  # noqa: S310 - the two schemes above
        request.add_header("Accept", ", ".join(_KINDS))
        if self._authorization:
            request.add_unredirected_header("Authorization", self._authorization)
        return _send(request, self.host)

    def _authorize(self, challenge: str, repository: str) -> str:
        """The header that answers a challenge of the registry.

        Raises:
            GaiaflowError: the registry asks in a way that is not known, or for a key over an open line.
        """
        scheme, _, rest = challenge.partition(" ")
        asked = dict(_PARAMETER.findall(rest))
        if scheme.lower() == "basic":
            return self._basic()
        realm = asked.get("realm", "")
        if scheme.lower() != "bearer" or not _is_closed(realm):
            raise GaiaflowError(
                f"the registry `{self.host}` asks for credentials by an unsupported method: {scheme} {realm}",
                f"docker login {self.host}",
            )
        return f"Bearer {self._token(realm, asked.get('service', ''), repository)}"

    def _token(self, realm: str, service: str, repository: str) -> str:
        fields = {"service": service, "scope": f"repository:{repository}:pull"}
        if identity := self.credentials.get("IdentityToken"):
            more = {"grant_type": "refresh_token", "client_id": "gaiaflow", "refresh_token": identity}
            request = Request(realm, urlencode({**fields, **more}).encode())  # noqa: S310 - checked
        else:
            request = Request(f"{realm}?{urlencode(fields)}")  # noqa: S310 - checked
            if basic := self._basic():
                request.add_unredirected_header("Authorization", basic)
        answer = _send(request, self.host)
        if answer.status != 200:
            raise _refused(self.host, repository, answer.status)
        given = _object(answer, self.host)
        return str(given.get("token") or given.get("access_token") or "")

    def _basic(self) -> str:
        user, password = self.credentials.get("Username"), self.credentials.get("Password")
        if not user or password is None:
            return ""
        return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def _send(request: Request, host: str) -> _Answer:
    """
    Raises:
        MissingError: nothing answers.
    """
    local = loopback.is_loopback(urlsplit(request.full_url).netloc)
    opener = loopback.opener() if local else build_opener()
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            return _Answer(response.status, _lower(response.headers), response.read(LARGEST))
    except HTTPError as error:
        with error:
            return _Answer(error.code, _lower(error.headers), b"")
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise MissingError(
            f"the registry `{host}` does not answer: {reason}", f"docker login {host}, or check its name"
        ) from None


def _object(answer: _Answer, host: str) -> dict[str, Any]:
    """
    Raises:
        GaiaflowError: it is no JSON object; a proxy or a login may have sent a page instead.
    """
    try:
        value = json.loads(answer.body or b"{}")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise GaiaflowError(
            f"`{host}` is not a registry: its answer is not a JSON object",
            f"curl -v https://{host}/v2/",
        )
    return value


def _lower(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}


def _is_closed(url: str) -> bool:
    parts = urlsplit(urljoin(url, "."))
    return parts.scheme == "https" or (parts.scheme == "http" and loopback.is_loopback(parts.netloc))


def _refused(host: str, repository: str, status: int) -> GaiaflowError:
    return GaiaflowError(
        f"the registry `{host}` does not show `{repository}`: it answers {status}", f"docker login {host}"
    )


def docker_credentials(host: str) -> dict[str, str]:
    """What Docker's configuration or its credential helper holds for a registry, if anything."""
    from docker import auth
    from docker.errors import DockerException

    try:
        found = auth.load_config().resolve_authconfig(host)
    except (DockerException, ValueError) as error:
        raise GaiaflowError(
            f"Docker's credentials for `{host}` cannot be read: {error}", f"docker login {host}"
        ) from None
    named = {"username": "Username", "password": "Password", "identitytoken": "IdentityToken"}
    same = {name.lower(): str(value) for name, value in (found or {}).items() if value}
    return {ours: same[theirs] for theirs, ours in named.items() if theirs in same}
