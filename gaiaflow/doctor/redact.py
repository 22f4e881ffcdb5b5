"""Take what is secret out of a text: every value that the project knows as one, and what looks like one."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gaiaflow.infra.host import privatefile
from gaiaflow.infra.host.envfile import read_variables
from gaiaflow.project import Project
from gaiaflow.secrecy import hide, is_secret
from gaiaflow.stack.services import keys

MASK = "<redacted>"
# Our own settings, which a report is of no use without; their names give none away.
_SETTING = re.compile(
    r"GAIAFLOW_\w+_(PORT|IMAGE|MEMORY)|GAIAFLOW_(MODE|NAMESPACE|PROFILE|CONTEXT|S3_PROVIDER|S3_BUCKET|NETWORK)"
)
_SHORTEST_NAMED, _SHORTEST = 3, 6
_FILES = (
    *("secrets/*.env", "compose/*.env", "compose/task/*.env", "prodlocal/*", "cluster/admin"),
    *("compose/airflow/*.json", "airflow/*.json", "s3/security.toml", "compose/s3/security.toml"),
)


class Redactor:
    """Knows the values that must not be seen.

    Args:
        values: secrets; longer ones go first, so that no end of one is left.
        folders: folders that are named in another way, such as the home of the user.
    """

    def __init__(self, values: Iterable[str], folders: Mapping[str, str] | None = None) -> None:
        forms = {form for value in values if len(value) >= _SHORTEST_NAMED for form in _forms(value)}
        self._known = [re.escape(form) for form in sorted(forms, key=len, reverse=True)]
        self._pattern = re.compile("|".join(self._known)) if self._known else None
        self._folders = dict(folders or {})

    def text(self, text: str) -> str:
        """The text without them."""
        if self._pattern:
            text = self._pattern.sub(MASK, text)
        text = hide(text, MASK)
        for folder, name in self._folders.items():
            text = text.replace(folder, name)
        return text

    def tree(self, value: Any, name: str = "") -> Any:
        """The same for what JSON or YAML holds: a key that sounds secret hides whatever is below it."""
        if isinstance(value, dict):
            hidden = name if is_secret(name) else ""
            return {key: self.tree(inner, hidden or str(key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.tree(inner, name) for inner in value]
        if value is not None and is_secret(name) and not isinstance(value, bool):
            return MASK
        return self.text(value) if isinstance(value, str) else value


def _forms(value: str) -> Iterator[str]:
    """How a value may be written: as it is, in JSON, in an address, in base64, and each of its lines."""
    yield value
    yield json.dumps(value)[1:-1]
    yield quote(value, safe="")
    yield base64.b64encode(value.encode()).decode().rstrip("=")
    yield from (line for line in value.splitlines() if len(line) >= _SHORTEST)


def of(project: Project) -> Redactor:
    """All that the project, its stack and this shell keep secret."""
    home = str(Path.home())
    return Redactor(known(project), {home: "~"} if len(home) > 1 else {})


def known(project: Project) -> set[str]:
    """The values: of keys.json, of .env and of every private file of the stack, of this shell's variables."""
    kept = privatefile.read_json(keys.place(project))
    found = {str(value) for value in kept.values()}
    found |= set(_chosen(project.dotenv)) | set(_chosen(dict(os.environ), only_named=True))
    for file in _files(project):
        found |= set(_in_file(file))
    return {value for value in found if value.strip()}


def _chosen(values: Mapping[str, str], only_named: bool = False) -> Iterator[str]:
    """A value under a name that sounds secret; of `.env` every other that is no setting of ours, too."""
    for name, value in values.items():
        other = not only_named and len(value) >= _SHORTEST and not _SETTING.fullmatch(name)
        if is_secret(name) or other:
            yield value


def _files(project: Project) -> list[Path]:
    found = [file for pattern in _FILES for file in project.home.glob(pattern) if file.is_file()]
    return [file for file in found if os.access(file, os.R_OK)]


def _in_file(file: Path) -> Iterator[str]:
    if file.suffix == ".env":
        values = read_variables(file)
        yield from (values.values() if file.parent.name == "secrets" else _chosen(values, only_named=True))
        return
    # Passwords, tokens and certificates of JSON, YAML and TOML, whatever they are called there.
    text = file.read_text(encoding="utf-8", errors="replace")
    for name, value in re.findall(r"""["']?([\w.-]+)["']?\s*[:=]\s*["']?([^\s"',}]{8,})""", text):
        if is_secret(name) or name.endswith("-data") or file.name == "passwords.json":
            yield value
