"""Files and lines out of the Docker engine's streams: what goes into a container and what comes out."""

from __future__ import annotations

import codecs
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping

FOLDER = "gaiaflow"


def folder_archive(files: Mapping[str, str]) -> bytes:
    """A tar with one folder that everybody may write to, and these files in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        folder = tarfile.TarInfo(FOLDER)
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        archive.addfile(folder)
        for name, text in files.items():
            data = text.encode()
            file = tarfile.TarInfo(f"{FOLDER}/{name}")
            file.size, file.mode = len(data), 0o644
            archive.addfile(file, io.BytesIO(data))
    return buffer.getvalue()


def only_file(stream: Iterable[bytes]) -> str | None:
    """The text of the first file of a tar."""
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        member = archive.next()
        file = archive.extractfile(member) if member else None
        return file.read().decode() if file else None


def lines_of(stream: Iterable[bytes]) -> Iterator[str]:
    """The lines of a log; neither a line nor a character ends where a chunk does."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    for chunk in stream:
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        yield from (line.rstrip("\r") for line in whole)
    if rest:
        yield rest
