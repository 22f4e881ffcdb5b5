"""A conda channel on disk, made here: a Python of this machine, a C library, a noarch package, two that exclude
each other. rattler indexes it, so that its real solver and installer have something to work on."""

from __future__ import annotations

import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

# Without os._exit, threads of rattler that still run may crash the end of the interpreter.
_INDEX = """
import asyncio, os, sys
from rattler.index import index_fs
asyncio.run(index_fs(sys.argv[1]))
os._exit(0)
"""
_LEFT_OUT = {
    "test",
    "idlelib",
    "site-packages",
    "__pycache__",
    "config-3",
    "ensurepip",
    "turtledemo",
    "lib2to3",
}
_C = "int greeting(void) { return %d; }\n"
_MODULE = """\
import ctypes, os, sys
VERSION = "{version}"
def greeting():
    return ctypes.CDLL(os.path.join(sys.prefix, "lib", "libgreet.so")).greeting()
"""
SUBDIR = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}.get(platform.machine(), "linux-64")


def make(folder: Path, rattler_python: str, pythons: list[str] | None = None) -> Path:
    """The channel, with the interpreters named.

    Args:
        rattler_python: an interpreter that has py-rattler.
        pythons: paths of interpreters to pack; by default the one that runs this.
    """
    (folder / SUBDIR).mkdir(parents=True, exist_ok=True)
    (folder / "noarch").mkdir(exist_ok=True)
    for python in pythons or [sys.executable]:
        _python(folder, python)
    for version in ("1.0", "2.0"):
        _library(folder, version)
        _noarch(folder, "greet", version, [f"libgreet {version}.*", "python >=3.8"])
    _noarch(folder, "north", "1.0", ["libgreet 1.*"])
    _noarch(folder, "south", "1.0", ["libgreet 2.*"])
    subprocess.run([rattler_python, "-c", _INDEX, str(folder)], check=True, capture_output=True)
    return folder


def _python(folder: Path, python: str) -> None:
    told = "import sys, json; print(json.dumps([sys.base_prefix, list(sys.version_info[:3])]))"
    said = subprocess.run([python, "-c", told], check=True, capture_output=True, text=True).stdout
    base, numbers = json.loads(said)
    minor, version = f"{numbers[0]}.{numbers[1]}", ".".join(map(str, numbers))
    with tempfile.TemporaryDirectory() as name:
        prefix, source = Path(name), Path(base)
        (prefix / "bin").mkdir()
        shutil.copy2((source / "bin" / f"python{minor}").resolve(), prefix / "bin" / f"python{minor}")
        _find_beside(prefix / "bin" / f"python{minor}", source / "lib")
        for link in ("python", "python3"):
            (prefix / "bin" / link).symlink_to(f"python{minor}")
        shutil.copytree(
            source / "lib" / f"python{minor}",
            prefix / "lib" / f"python{minor}",
            ignore=lambda _, names: {n for n in names if n in _LEFT_OUT or n.startswith("config-3")},
        )
        for library in (source / "lib").glob(f"libpython{minor}*.so*"):
            shutil.copy2(library, prefix / "lib" / library.name, follow_symlinks=False)
        (prefix / "lib" / f"python{minor}" / "site-packages").mkdir(exist_ok=True)
        _pack(folder / SUBDIR, prefix, "python", version, [], SUBDIR)


def _find_beside(program: Path, libraries: Path) -> None:
    """Have a program look for its libraries in ../lib, as conda's do, instead of where it was built."""
    old, new = os.fsencode(libraries), b"$ORIGIN/../lib"
    text = program.read_bytes()
    if len(old) >= len(new):
        program.write_bytes(text.replace(old + b"\0", new.ljust(len(old), b"\0") + b"\0"))


def _library(folder: Path, version: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        prefix = Path(name)
        (prefix / "lib").mkdir()
        source = prefix / "greet.c"
        source.write_text(_C % int(float(version)))
        target = prefix / "lib" / "libgreet.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", target, source], check=True)
        source.unlink()
        scripts = prefix / "etc" / "conda" / "activate.d"
        scripts.mkdir(parents=True)
        (scripts / "greet.sh").write_text('export GREET_DATA="$CONDA_PREFIX/share/greet"\n')
        _pack(folder / SUBDIR, prefix, "libgreet", version, [], SUBDIR)


def _noarch(folder: Path, package: str, version: str, depends: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        prefix = Path(name)
        info = prefix / "site-packages" / f"{package}-{version}.dist-info"
        info.mkdir(parents=True)
        (prefix / "site-packages" / f"{package}.py").write_text(_MODULE.format(version=version))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        (info / "INSTALLER").write_text("conda\n")
        (info / "RECORD").write_text(f"{package}.py,,\n")
        _pack(folder / "noarch", prefix, package, version, depends, "noarch")


def _pack(folder: Path, prefix: Path, name: str, version: str, depends: list[str], subdir: str) -> None:
    index = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": depends,
             "subdir": subdir, **({"noarch": "python"} if subdir == "noarch" else {})}  # fmt: skip
    files = sorted(p for p in prefix.rglob("*") if p.is_symlink() or p.is_file())
    paths = [{"_path": str(p.relative_to(prefix)), "path_type": "softlink" if p.is_symlink() else "hardlink"}
             for p in files]  # fmt: skip
    written = {"index.json": index, "paths.json": {"paths": paths, "paths_version": 1}}
    if subdir == "noarch":
        written["link.json"] = {"noarch": {"type": "python"}, "package_metadata_version": 1}
    with tarfile.open(folder / f"{name}-{version}-0.tar.bz2", "w:bz2", compresslevel=1) as archive:
        for file, content in written.items():
            data = json.dumps(content).encode()
            entry = tarfile.TarInfo(f"info/{file}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        for path in files:
            archive.add(path, str(path.relative_to(prefix)), recursive=False)
