"""Targets for atheris: ``python fuzz.py TARGET -runs=N``; coverage leads it to inputs nobody thought of."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

sys.path[:0] = [str(Path(__file__).parents[2])]

with atheris.instrument_imports(include=["gaiaflow", "dotenv"]):
    from gaiaflow import runner
    from gaiaflow.errors import GaiaflowError
    from gaiaflow.infra.cluster import secretstore
    from gaiaflow.infra.images import image
    from gaiaflow.lifecycle.dag.run import read_conf
    from gaiaflow.project import Project, slug


def call(text: str) -> None:
    try:
        runner.read_call({runner.CALL: text})
    except runner.Failure:
        return


def secret(text: str) -> None:
    secretstore.check("a", secretstore.parse(text, "here"))


def names(text: str) -> None:
    slug(text)
    image._checked_name(text)


_FOLDER = TemporaryDirectory()


def project(text: str) -> None:
    file = Path(_FOLDER.name, "pyproject.toml")
    file.write_bytes(("[tool.gaiaflow]\n" + text).encode(errors="replace"))
    Project.find(file.parent)


TARGETS: dict[str, Callable[[str], object]] = {
    "call": call,
    "secret": secret,
    "names": names,
    "conf": read_conf,
    "project": project,
}


def main() -> None:
    target = TARGETS[sys.argv.pop(1)]

    def one(data: bytes) -> None:
        try:
            target(atheris.FuzzedDataProvider(data).ConsumeUnicodeNoSurrogates(4096))
        except GaiaflowError:
            return

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
