"""Environment files in dotenv format, 0600: what is written here is read back the same by dotenv."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gaiaflow.infra.host import privatefile


def write_variables(file: Path, values: Mapping[str, str]) -> Path:
    """Replace the file; its folder becomes 0700."""
    privatefile.folder(file.parent)
    return privatefile.write(file, text_of(values))


def read_variables(file: Path) -> dict[str, str]:
    """The variables that have a value."""
    from dotenv import dotenv_values

    return {name: value for name, value in dotenv_values(file, interpolate=False).items() if value}


def text_of(values: Mapping[str, str]) -> str:
    """Variables in dotenv format."""
    return "".join(f"{key}={_quoted(value)}\n" for key, value in values.items())


def _quoted(value: str) -> str:
    """Double quotes and escapes, so that every value is one line."""
    for plain, escaped in {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"}.items():
        value = value.replace(plain, escaped)
    return f'"{value}"'
