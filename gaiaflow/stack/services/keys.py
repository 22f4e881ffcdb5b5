"""The passwords and keys of one project's stack: made once, kept 0600, the same after every restart."""

from __future__ import annotations

import base64
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project

USER = "admin"


def _word() -> str:
    return secrets.token_urlsafe(24)


def _fernet() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True)
class Keys:
    """What each service is locked with; every field is made at random when it is not there yet."""

    airflow_password: str = field(default_factory=_word, repr=False)
    airflow_jwt: str = field(default_factory=lambda: secrets.token_hex(64), repr=False)
    airflow_api: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    airflow_fernet: str = field(default_factory=_fernet, repr=False)
    s3_access_key: str = field(default_factory=lambda: secrets.token_hex(10), repr=False)
    s3_secret_key: str = field(default_factory=_word, repr=False)
    s3_console_password: str = field(default_factory=_word, repr=False)
    s3_signing: str = field(default_factory=_word, repr=False)
    postgres_password: str = field(default_factory=_word, repr=False)
    jupyter_token: str = field(default_factory=_word, repr=False)


_NAMES = {entry.name for entry in fields(Keys)}


def place(project: Project) -> Path:
    """The file that keeps them."""
    return project.home / "keys.json"


def load(project: Project) -> Keys:
    """The project's keys; what is missing is made and kept, by one command at a time."""
    home = privatefile.folder(project.home)
    kept = _read(place(project))
    if kept.keys() >= _NAMES:
        return _keys(kept)
    with privatefile.locked(home / "keys.lock"):
        kept = _read(place(project))
        keys = _keys(kept)
        privatefile.write_json(place(project), {**kept, **asdict(keys)})
        return keys


def _keys(kept: dict[str, str]) -> Keys:
    return Keys(**{name: value for name, value in kept.items() if name in _NAMES})


def _read(file: Path) -> dict[str, str]:
    """What is kept: nothing before the first start, but never new keys over ones that cannot be read.

    Raises:
        GaiaflowError: the file is there and is no object of texts; the databases know the keys that it held.
    """
    if not file.exists():
        return {}
    kept = privatefile.read_json(file)
    if not kept or not all(isinstance(value, str) and value for value in kept.values()):
        raise GaiaflowError(
            f"`{file}` cannot be read: it is truncated or was changed, and only its keys open the data",
            "restore it from a backup, or delete the data: inv dev.cleanup",
        )
    return kept
