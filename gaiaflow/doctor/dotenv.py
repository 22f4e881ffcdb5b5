"""`.env`: lines that are none, and keys that its example has and it lacks; never a value."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from pathlib import Path

from gaiaflow.doctor.check import Check, Fix, ok, warning
from gaiaflow.doctor.place import Place

NAME, EXAMPLE = ".env", ".env.example"


@dataclass(frozen=True)
class Facts:
    """What the two files hold.

    Attributes:
        file: where `.env` is or would be.
        example: the example that rules; None without one.
        broken: the numbers of the lines that are no ``KEY=VALUE``.
    """

    file: Path
    exists: bool
    keys: frozenset[str]
    broken: tuple[int, ...]
    example: Path | None
    wanted: tuple[str, ...]


def read(place: Place) -> Facts:
    file = place.project.root / NAME
    folders = (place.project.root, place.project.source)
    example = next((folder / EXAMPLE for folder in folders if (folder / EXAMPLE).is_file()), None)
    keys, broken = parse(file.read_text(encoding="utf-8", errors="replace")) if file.is_file() else ([], [])
    wanted = parse(example.read_text(encoding="utf-8", errors="replace"))[0] if example else []
    return Facts(file, file.is_file(), frozenset(keys), tuple(broken), example, tuple(wanted))


def parse(text: str) -> tuple[list[str], list[int]]:
    """The keys that have a value, and the numbers of the lines that dotenv cannot read."""
    from dotenv.parser import parse_stream

    found = list(parse_stream(io.StringIO(text)))
    keys = [b.key for b in found if b.key and b.value is not None]
    bad = [_number(b.original) for b in found if b.error or (b.key and b.value is None)]
    return keys, bad


def _number(original: object) -> int:
    """The line itself: what dotenv calls one begins with the blank lines before it."""
    text, line = str(getattr(original, "string", "")), int(getattr(original, "line", 0))
    return line + len(text) - len(text.lstrip("\n"))


def lines(facts: Facts) -> Check:
    if facts.broken:
        numbers = ", ".join(map(str, facts.broken))
        return warning(
            f"`{facts.file}` has lines that are no KEY=VALUE: {numbers}",
            f"sed -n '{facts.broken[0]}p' {facts.file}  # fix it, or put the value in quotes",
        )
    return ok(f"`{facts.file}` reads well" if facts.exists else "no `.env`, and none is needed")


def keys(facts: Facts) -> Check:
    if not facts.wanted:
        return ok("no `.env.example` asks for a key")
    lacking = [key for key in facts.wanted if key not in facts.keys]
    if not lacking or facts.example is None:
        return ok(f"`{facts.file}` has every key of `{EXAMPLE}`")
    named = f"{', '.join(lacking)} of `{facts.example.name}`"
    if facts.exists:
        return warning(
            f"`{facts.file}` lacks {named}",
            f"grep -E '^({'|'.join(lacking)})=' {facts.example} >> {facts.file}",
        )
    example, file = facts.example, facts.file
    fix = Fix(f"copy {example} to {file}", lambda: _copy(example, file))
    return warning(f"no `{file}`: it would hold {named}", f"cp {example} {file}", fix)


def _copy(example: Path, file: Path) -> None:
    """For this user only, and never over one that is there."""
    with file.open("x", encoding="utf-8") as made:
        file.chmod(0o600)
        with example.open(encoding="utf-8") as text:
            shutil.copyfileobj(text, made)
