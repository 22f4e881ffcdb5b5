"""The project's own image: build it, list what was built, remove it again."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gaiaflow import envvar
from gaiaflow.commit import tree_commit
from gaiaflow.errors import GaiaflowError, MissingError, UsageError, near_miss
from gaiaflow.infra.environments import interpreter
from gaiaflow.infra.environments.source import source
from gaiaflow.infra.host import living, process
from gaiaflow.infra.host.progress import Tell, silent
from gaiaflow.infra.host.shipped import shipped
from gaiaflow.infra.images import identity, kind as engines
from gaiaflow.infra.images.context import digest, staged
from gaiaflow.infra.images.engine import PROJECT_LABEL, connect
from gaiaflow.project import Project

if TYPE_CHECKING:
    from docker import DockerClient

DEFAULT_PYTHON_IMAGE = "python:3.11.14-slim-bookworm"
KIND_LABEL = "gaiaflow.kind"
CONTENT_LABEL = "gaiaflow.content"
# The project's own Dockerfile, relative to the project; empty where gaiaflow's was taken.
DOCKERFILE_LABEL = "gaiaflow.dockerfile"
RUNNER = "/opt/gaiaflow/runner.py"
# What the image says of itself, for the tags of MLflow's runs; the last lines, so that no layer depends on it.
_COMMIT, _CONTENT = envvar.COMMIT, envvar.CONTENT
_FACTS = f"ARG {_COMMIT}\nARG {_CONTENT}\nENV {_COMMIT}=${{{_COMMIT}}} {_CONTENT}=${{{_CONTENT}}}\n"
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
# An attestation says when a build ran: with one, each build of the same tree has another digest.
_NO_ATTESTATIONS = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
# Of BuildKit's plain progress: "#8 [airflow 2/5] RUN …"; what it does for itself is called internal.
_STEP = re.compile(r"#\d+ (\[(?!internal).+)")
_MINORS = (12, 13, 14, 10, 9, 8)  # in the order of preference, where 3.11 does not fit
_NAME = re.compile(r"[a-z0-9]+(?:[._/:-]+[a-z0-9]+)*(?::[\w][\w.-]{0,127})?")


@dataclass(frozen=True)
class Image:
    """An image of a project.

    Attributes:
        name: the name to use, ``<project>/<package>:<version>`` unless another was asked for.
        content: the same repository with a tag that stands for what went in.
        id: by what this engine knows it; another engine may know the same image by another.
        size: bytes.
        identity: the same in every store; see gaiaflow.infra.images.identity.
    """

    name: str
    content: str
    id: str = field(compare=False)
    size: int = field(compare=False)
    identity: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "content": self.content, "id": self.id, "size": self.size}


def image_name(project: Project) -> str:
    """``[tool.gaiaflow] image`` or ``GAIAFLOW_IMAGE``, else ``<project>/<package>:<version>``."""
    if wanted := project.setting(envvar.IMAGE, project.settings.image or ""):
        return wanted
    package = re.sub(r"[^a-z0-9]+", "_", (project.packages or (project.name,))[0].lower()).strip("_")
    tag = re.sub(r"[^\w.-]", "-", project.version)
    return f"{project.name}/{package or 'package'}:{tag}"


def python_image(project: Project) -> str:
    """What the project's image is built on: as set, else the default or one of the Python it asks for."""
    number = DEFAULT_PYTHON_IMAGE.partition(":")[2].partition("-")[0]
    asked = interpreter.wanted(project)
    if source(project).is_conda or interpreter.fits(number, asked):
        return project.setting(envvar.PYTHON_IMAGE, DEFAULT_PYTHON_IMAGE)
    fitting = (f"3.{minor}" for minor in _MINORS if interpreter.fits(f"3.{minor}.99", asked))
    exact = asked if re.fullmatch(r"3\.\d+\.\d+", asked) else next(fitting, "3")
    return project.setting(envvar.PYTHON_IMAGE, f"python:{exact}-slim-bookworm")


def build(
    project: Project,
    tag: str | None = None,
    dockerfile: str | Path | None = None,
    no_cache: bool = False,
    build_args: Mapping[str, str] | None = None,
    tell: Tell = silent,
    engine: Mapping[str, str] | None = None,
) -> Image:
    """Build the project's image with BuildKit; the project's tree is read, never written.

    Args:
        tag: the image's name, instead of image_name().
        dockerfile: one of the user's own, relative to the project; its context is the project's tree, and the
            runner is added to it.
        tell: takes the step that the build is at.
        engine: the variables of another engine to build in.

    Raises:
        MissingError: no engine, or no such Dockerfile.
        GaiaflowError: the build failed; the message ends with its last lines.
    """
    own = _own_dockerfile(project, dockerfile)
    name = _checked_name(tag or image_name(project))
    arguments = {**_arguments(project), **(build_args or {})}
    with (
        contextlib.closing(connect(engine=engine)) as client,
        staged(project, own) as folder,
        _dockerfile(own) as file,
    ):
        tag, commit = _content_tag(project, folder, file, arguments), tree_commit(project.source)
        beside = f"{_repository(name)}:{tag}"
        labels = {PROJECT_LABEL: project.id, KIND_LABEL: "project", CONTENT_LABEL: beside,
                  DOCKERFILE_LABEL: os.path.relpath(own, project.root) if own else "",
                  "gaiaflow.name": project.name, "org.opencontainers.image.title": project.name,
                  "org.opencontainers.image.version": project.version,
                  **({"org.opencontainers.image.revision": commit} if commit else {})}  # fmt: skip
        facts = {**arguments, envvar.COMMIT: commit, envvar.CONTENT: beside}
        run_build(
            f"image `{name}`",
            folder,
            file,
            [name, beside],
            labels,
            facts,
            no_cache,
            _credentials(),
            tell,
            engine,
        )
        return _image(client, name, beside)


def content_tag(project: Project, dockerfile: str | None = None) -> str:
    """The tag that a build of the tree as it is now would get, ``content-0123456789ab``; nothing is built.

    Raises:
        GaiaflowError: the tree cannot be built, or there is no such Dockerfile.
    """
    own = _own_dockerfile(project, dockerfile)
    with staged(project, own) as folder, _dockerfile(own) as file:
        return _content_tag(project, folder, file, _arguments(project))


def _content_tag(project: Project, folder: Path, dockerfile: Path, arguments: Mapping[str, str]) -> str:
    text = dockerfile.read_text(encoding="utf-8")
    return f"content-{digest(folder, text, project.id, repr(sorted(arguments.items())))}"


def _arguments(project: Project) -> dict[str, str]:
    kind = "conda" if source(project).is_conda else "uv"
    return {envvar.PYTHON_IMAGE: python_image(project), envvar.ENVIRONMENT: kind}


def _credentials() -> list[str]:
    """rattler's tokens for private channels, for one step of the build; they get into no layer."""
    file = os.environ.get("RATTLER_AUTH_FILE", "")
    return ["--secret", f"id=rattler,src={file}"] if Path(file).is_file() else []


def build_on(
    project: Project,
    base: Image,
    name: str,
    context: Path,
    dockerfile: Path,
    labels: Mapping[str, str],
    tell: Tell = silent,
    engine: Mapping[str, str] | None = None,
) -> Image:
    """Build a further image of the project on one that it has, under its name and under its content tag.

    Args:
        dockerfile: takes the other image as ``GAIAFLOW_IMAGE``.
    """
    name = _checked_name(name)
    content = digest(context, dockerfile.read_text(encoding="utf-8"), base.content)
    beside = f"{_repository(name)}:content-{content}"
    own = {PROJECT_LABEL: project.id, CONTENT_LABEL: beside, "org.opencontainers.image.title": name}
    with contextlib.closing(connect(engine=engine)) as client:
        arguments = {envvar.IMAGE: base.content}
        run_build(
            f"image `{name}`",
            context,
            dockerfile,
            [name, beside],
            {**own, **labels},
            arguments,
            tell=tell,
            engine=engine,
        )
        return _image(client, name, beside)


def run_build(
    what: str,
    context: Path,
    dockerfile: Path,
    names: list[str],
    labels: Mapping[str, str],
    arguments: Mapping[str, str],
    no_cache: bool = False,
    options: Sequence[str] = (),
    tell: Tell = silent,
    engine: Mapping[str, str] | None = None,
) -> None:
    """`docker build`; what it printed last is the end of the error."""
    if engine is None:
        engines.refuse_for_build()
    command = ["docker", "build", "--progress", "plain", "--file", str(dockerfile)]
    command += [part for name in names for part in ("--tag", name)]
    command += [part for key, value in labels.items() for part in ("--label", f"{key}={value}")]
    command += [part for key, value in arguments.items() for part in ("--build-arg", f"{key}={value}")]
    command += [part for key in _PROXIES if key in os.environ for part in ("--build-arg", key)]
    command += [*options, *(["--no-cache"] if no_cache else []), str(context)]
    own = {"DOCKER_BUILDKIT": "1", **living.mark(labels.get(PROJECT_LABEL, ""))}
    env = {**_NO_ATTESTATIONS, **os.environ, **(engine or {}), **own}

    def show(line: str) -> None:
        if step := _STEP.match(line):
            tell(f"{what}: {step[1]}")

    done = process.run(command, env=env, check=False, tell=show)
    if done.code:
        raise GaiaflowError(
            f"cannot build {what}: `docker build` ended with {done.code}:\n{done.tail}",
            f"the whole output: {_kept(done.stdout + done.stderr)}",
        )


def images(project: Project) -> list[Image]:
    """The images that were built of this project and are still there, by name."""
    with contextlib.closing(connect()) as client:
        found = client.images.list(
            filters={"label": [f"{PROJECT_LABEL}={project.id}", f"{KIND_LABEL}=project"]}
        )
        rows = [
            _image(client, tag, image.labels.get(CONTENT_LABEL, "")) for image in found for tag in _names(image)
        ]
    return sorted(rows, key=lambda image: image.name)


def remove_image(project: Project, name: str) -> list[str]:
    """Remove an image of this project by its name, and its content tag; the tags that went.

    Raises:
        MissingError: this project has no such image.
    """
    found = [image for image in images(project) if name in {image.name, image.content}]
    if not found:
        known = [image.name for image in images(project)]
        raise MissingError(
            f"`{name}` is not an image of this project{near_miss(name, known)}", "inv dev.images"
        )
    with contextlib.closing(connect()) as client:
        others = {tag for tag in client.images.get(found[0].id).tags if tag not in {name, found[0].content}}
        going = [name] if others else [name, found[0].content]
        for tag in dict.fromkeys(going):
            _untag(client, tag)
    return list(dict.fromkeys(going))


def _untag(client: DockerClient, tag: str) -> None:
    from docker.errors import APIError, ImageNotFound

    try:
        client.images.remove(tag)
    except ImageNotFound:
        return
    except APIError as error:
        raise GaiaflowError(f"cannot remove `{tag}`: {error.explanation}", "docker ps --all") from None


def _names(image: Any) -> list[str]:
    """The tags of an image for people; its content tag only when it has no other."""
    named = [tag for tag in image.tags if tag != image.labels.get(CONTENT_LABEL)]
    return named or list(image.tags)


def _image(client: DockerClient, name: str, content: str) -> Image:
    found = client.images.get(name)
    return Image(name, content, str(found.id), int(found.attrs["Size"]), identity.of_engine(found.attrs))


def _own_dockerfile(project: Project, dockerfile: str | Path | None) -> Path | None:
    if dockerfile is None:
        return None
    file = (project.root / dockerfile).resolve()
    if not file.is_file():
        raise MissingError(f"no Dockerfile `{file}`", "inv dev.dockerize  # gaiaflow has its own")
    return file


@contextlib.contextmanager
def _dockerfile(own: Path | None) -> Iterator[Path]:
    """gaiaflow's Dockerfile, or a copy of the user's that brings the runner too."""
    if own is None:
        yield shipped("compose") / "project.Dockerfile"
        return
    with tempfile.TemporaryDirectory(prefix="gaiaflow-dockerfile-") as folder:
        text = own.read_text(encoding="utf-8")
        addition = "" if RUNNER in text else f"\nCOPY .gaiaflow/runner.py {RUNNER}\n"
        copy = Path(folder) / "Dockerfile"
        copy.write_text(f"{text}{addition}\n{_FACTS}", encoding="utf-8")
        yield copy


def _repository(name: str) -> str:
    head, _, last = name.rpartition("/")
    return f"{head}/{last.partition(':')[0]}".lstrip("/")


def tagged(image: str) -> str:
    """The name with the tag that an engine would add."""
    return image if ":" in image.rpartition("/")[2] or "@" in image else f"{image}:latest"


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UsageError(f"`{name}` is not a valid image name", "--image my-project/my-package:1.0")
    return tagged(name)


def _kept(text: str) -> str:
    with tempfile.NamedTemporaryFile("w", prefix="gaiaflow-build-", suffix=".log", delete=False) as file:
        file.write(text)
    return file.name
