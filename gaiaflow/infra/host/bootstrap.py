"""Make ``.venv`` with gaiaflow, inv and nox; runs in any Python >= 3.10, before anything is installed.

Stdlib only. pip installs one package, uv, with its hash; uv installs the rest from the lock, once for a lock.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
VENV = ROOT / ".venv"
LOCKS = ROOT / "gaiaflow" / "infra" / "locks"
OLDEST = (3, 10)
# What an installation of the package would put into bin/.
COMMAND = "#!{python}\nfrom gaiaflow.__main__ import main\n\nmain()\n"


def main() -> None:
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"error: this is Python {found}, gaiaflow needs 3.10\nhint: make setup PYTHON=python3.12")
    stamp = VENV / "gaiaflow-stamp"
    wanted = _inputs()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    began = time.monotonic()
    build()
    stamp.write_text(wanted, encoding="utf-8")
    _say(f".venv is ready after {time.monotonic() - began:.0f} s; next: make dev")


def _inputs() -> str:
    locks = b"".join((LOCKS / name).read_bytes() for name in ("uv.txt", "tools.txt"))
    locks += Path(__file__).read_bytes()
    return hashlib.sha256(locks + sys.version.encode() + str(ROOT).encode()).hexdigest()


def build() -> None:
    """The environment from nothing; the clone itself is imported from where it lies."""
    shutil.rmtree(VENV, ignore_errors=True)
    _say(f"[1/3] make {VENV} for {sys.executable}")
    _run([sys.executable, "-m", "venv", str(VENV)], "install your system's python3-venv, then: make setup")
    again = "see the output above, then: make setup"
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
    _say("[2/3] download uv (about 25 MB), which installs the rest")
    _run([*pip, "-r", str(LOCKS / "uv.txt")], again)
    pinned = (LOCKS / "tools.txt").read_text(encoding="utf-8").count("==")
    _say(f"[3/3] install gaiaflow's {pinned} packages, inv and nox among them")
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(VENV), "--require-hashes"]
    _run([*uv, "-r", str(LOCKS / "tools.txt")], again)
    packages = next((VENV / "lib").glob("python3.*/site-packages"))
    (packages / "gaiaflow.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    command = VENV / "bin" / "gaiaflow"
    command.write_text(COMMAND.format(python=VENV / "bin" / "python"), encoding="utf-8")
    command.chmod(0o755)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _run(argv: list[str], hint: str) -> None:
    outer = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH")}
    code = subprocess.call(argv, env=outer)
    if code:
        sys.exit(f"error: `{' '.join(argv[:4])}` ended with {code}\nhint: {hint}")


if __name__ == "__main__":
    main()
