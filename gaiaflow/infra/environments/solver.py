"""Solve and install conda packages; runs in the conda environment of gaiaflow, with py-rattler. Stdlib else.

    python solver.py REQUEST OUTCOME

Both are JSON files. A request is one of

    {"do": "solve", "channels": [...], "specs": [...], "subdirs": ["linux-64"], "lock": FILE, "seconds": 300}
    {"do": "install", "lock": FILE, "subdir": "linux-64", "prefix": FOLDER, "seconds": 1800,
     "requirements": FILE, "pins": ["six==1.17.0"]}

``solve`` writes a lock in rattler's format, which is pixi's too. ``install`` makes the prefix of such a lock
(its environment ``default``) and writes the variables of its activation into it. Into ``requirements`` go the
lock's PyPI packages and the pins, one per line, for pip. The outcome is ``{"packages": NUMBER}`` or
``{"error": TEXT}``; after an error, which stderr has too, the exit code is 1.

Mirrors, private channels, proxies and tokens are what rattler's configuration files and login say.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from rattler import (
    Client,
    Config,
    Environment,
    Gateway,
    LockChannel,
    LockFile,
    LockPlatform,
    PypiLockedPackage,
    Subdir,
    VirtualPackage,
    install as install_records,
    solve as solve_specs,
)

DEFAULT = "default"
# What an image or a machine of that kind surely has; used for a subdir that is not this machine's.
BASELINE = ["__unix=0=0", "__linux=4.18=0", "__glibc=2.28=0"]
ACTIVATION = "gaiaflow-activation.json"  # where the runner reads it
PROBE = "env -0"


async def solve(request: dict[str, Any]) -> dict[str, Any]:
    """Solve for each subdir and write one lock."""
    lock = LockFile([LockPlatform(name) for name in request["subdirs"]])
    lock.set_channels(DEFAULT, [LockChannel(channel) for channel in request["channels"]])
    config = Config.load_from_default_locations("rattler")
    gateway = Gateway.from_config(config, client=Client.from_config(config, timeout=60))
    count = 0
    for name in request["subdirs"]:
        records = await solve_specs(
            request["channels"],
            request["specs"],
            gateway,
            [Subdir(name), Subdir("noarch")],
            virtual_packages=machine(name),
            timeout=timedelta(seconds=request["seconds"]),
        )
        for record in sorted(records, key=lambda record: record.url):
            lock.add_conda_package(DEFAULT, LockPlatform(name), record)
        count = len(records)
    lock.to_path(Path(request["lock"]))
    return {"packages": count}


def machine(subdir: str) -> list[Any]:
    """The virtual packages of this machine, or of an ordinary one of another kind."""
    from rattler import GenericVirtualPackage, PackageName, Version

    if subdir == str(Subdir.current()):
        return list(VirtualPackage.detect())
    parts = [item.split("=") for item in BASELINE] if subdir.startswith("linux") else []
    return [GenericVirtualPackage(PackageName(name), Version(version), build) for name, version, build in parts]


async def install(request: dict[str, Any]) -> dict[str, Any]:
    """Make the prefix of a lock."""
    found = LockFile.from_path(Path(request["lock"])).default_environment()
    if found is None:
        raise ValueError("the lock has no environment `default`")
    platform = next((p for p in found.platforms() if str(p.subdir) == request["subdir"]), None)
    records = found.conda_repodata_records_for_platform(platform) if platform else None
    if platform is None or records is None:
        names = ", ".join(sorted(str(p.subdir) for p in found.platforms()))
        raise ValueError(f"the lock is for {names}, not for {request['subdir']}")
    config = Config.load_from_default_locations("rattler")
    await install_records(
        records, request["prefix"], show_progress=False, config=config, execute_link_scripts=True
    )
    prefix = Path(request["prefix"])
    (prefix / ACTIVATION).write_text(json.dumps(activation(prefix), indent=1), encoding="utf-8")
    lines = [*pip_lines(found, platform), *request["pins"]]
    Path(request["requirements"]).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return {"packages": len(records)}


def pip_lines(environment: Environment, platform: LockPlatform) -> list[str]:
    """The PyPI packages of a lock as lines for pip; the project itself, a folder, is left out."""
    packages = environment.pypi_packages_for_platform(platform) or []
    return [line for line in map(pip_line, packages) if line]


def pip_line(package: PypiLockedPackage) -> str:
    place = package.location
    if place.startswith((".", "/", "file:")):
        return ""
    hashes = package.hashes
    if not place.startswith("git+") and hashes and hashes.sha256:
        return f"{package.name}=={package.version} --hash=sha256:{hashes.sha256.hex()}"
    return f"{package.name} @ {place}"


def activation(prefix: Path) -> dict[str, str]:
    """What the scripts of ``etc/conda/activate.d`` set, as a conda shell would have it."""
    variables = {"CONDA_PREFIX": str(prefix)}
    for file in sorted((prefix / "etc" / "conda" / "env_vars.d").glob("*.json")):
        variables |= {str(k): str(v) for k, v in json.loads(file.read_text(encoding="utf-8")).items()}
    scripts = sorted((prefix / "etc" / "conda" / "activate.d").glob("*.sh"))
    if not scripts:
        return variables
    base = {"PATH": f"{prefix / 'bin'}:/usr/bin:/bin", "HOME": os.environ.get("HOME", "/tmp"), **variables}  # noqa: S108
    sourced = "; ".join(f'. "{script}" >&2' for script in scripts)
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sourced}; {PROBE}"], env=base, capture_output=True, timeout=60, check=False
    )
    told = dict(item.split("=", 1) for item in os.fsdecode(done.stdout).split("\0") if "=" in item)
    passing = {"PATH", "HOME", "PWD", "OLDPWD", "SHLVL", "_"}
    return {**variables, **{k: v for k, v in told.items() if base.get(k) != v and k not in passing}}


async def answer(request: dict[str, Any]) -> dict[str, Any]:
    work = {"solve": solve, "install": install}[request["do"]]
    try:
        return await asyncio.wait_for(work(request), request["seconds"])
    except asyncio.TimeoutError:
        channels = ", ".join(request.get("channels", [])) or "the channels of the lock"
        return {"error": f"no answer within {request['seconds']:.0f} s from {channels}"}
    except Exception as error:  # noqa: BLE001 - rattler's errors have no common class
        return {"error": str(error) or repr(error)}


def main(request: str, outcome: str) -> None:
    found = asyncio.run(answer(json.loads(Path(request).read_text(encoding="utf-8"))))
    Path(outcome).write_text(json.dumps(found), encoding="utf-8")
    if "error" in found:
        sys.stderr.write(f"{found['error']}\n")
        sys.stderr.flush()
    os._exit("error" in found)  # a request of rattler's that hangs would keep the process


if __name__ == "__main__":
    main(*sys.argv[1:])
