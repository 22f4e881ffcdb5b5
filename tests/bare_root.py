"""The root of a machine with Python, make and git, packed from this one: an image that nobody has to pull."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

# make and git, and of the base system what make's lines, a shell's and Python's standard library call.
PROGRAMS = ("make", "git", "sh", "sed", "expand", "touch", "uname", "env", "mkdir", "ls", "cat", "rm")
# Wheels may count on these (PEP 600), whatever machine they are on.
_EVERYWHERE = ("libstdc++.so.6", "libgcc_s.so.1", "libz.so.1", "libm.so.6", "libdl.so.2", "librt.so.1",
               "libpthread.so.0", "libutil.so.1", "libresolv.so.2")  # fmt: skip
_LEFT_OUT = re.compile(r"test|idlelib|turtledemo|tkinter|(site|dist)-packages|__pycache__|config-3.*")
USER, HOME = "1000:1000", "/home/me"
_FILES = {
    "etc/passwd": f"root:x:0:0::/root:/bin/sh\nme:x:1000:1000::{HOME}:/bin/sh\n",
    "etc/group": "root:x:0:\nme:x:1000:\n",
}
_FOLDERS = {"tmp": 0o1777, HOME[1:]: 0o755}


def missing() -> str:
    """The first program that this machine lacks; empty where it has all."""
    return next((name for name in (*PROGRAMS, "ldd") if not shutil.which(name)), "")


def pack(file: Path) -> None:
    """Write the root as a tar; only ``python3`` is not where this machine has it, but in /usr/bin."""
    python = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}").resolve()
    library = Path(sys.base_prefix, "lib", python.name)
    programs = [python, *(Path(str(shutil.which(name))) for name in PROGRAMS)]
    git = Path(subprocess.check_output(["git", "--exec-path"], text=True).strip())
    folders = (library, git, Path("/usr/share/git-core/templates"))
    inside = {each for folder in folders for each in _below(folder)}
    followed = {*programs, *_libraries([*programs, *(each for each in inside if each.suffix == ".so")])}
    with tarfile.open(file, "w") as tar:
        for name, mode in _FOLDERS.items():
            _add(tar, name, tarfile.DIRTYPE, mode)
        for name, text in _FILES.items():
            _add(tar, name, tarfile.REGTYPE, 0o644, text.encode())
        for each in sorted(inside | followed):
            source = each.resolve() if each in followed else each
            tar.add(source, arcname=str(each), recursive=False, filter=_of_root)
        for name, target in {"usr/bin/python3": str(python), "bin": "usr/bin"}.items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)


def _below(folder: Path) -> Iterator[Path]:
    for path, names, files in os.walk(folder):
        names[:] = [name for name in names if not _LEFT_OUT.fullmatch(name)]
        yield from (Path(path, name) for name in files)


def _libraries(programs: Iterable[Path]) -> set[Path]:
    """Each shared library that these load, at the path at which they look for it."""
    told = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False).stdout
    cache = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    known = _known(cache)
    loaded = re.findall(r"(/\S+) \(0x", told)
    return {Path(name) for name in (*loaded, *(known[name] for name in _EVERYWHERE if name in known))}


def _known(cache: str) -> dict[str, str]:
    """The path of each library, of the first kind of machine that is listed: this one's own."""
    found: dict[str, str] = {}
    for name, path in re.findall(r"^\t(\S+) .*=> (/\S+)$", cache, re.MULTILINE):
        found.setdefault(name, path)
    return found


def _of_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode |= 0o444 | (0o111 if entry.mode & 0o100 else 0)
    return entry


def _add(tar: tarfile.TarFile, name: str, kind: bytes, mode: int, content: bytes = b"") -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size = kind, mode, len(content)
    if kind == tarfile.DIRTYPE and name != "tmp":
        entry.uid = entry.gid = 1000
    tar.addfile(entry, io.BytesIO(content))
