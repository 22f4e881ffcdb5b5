"""The Invoke tasks: what a person types."""

import sys
from pathlib import Path
from shutil import disk_usage

# A module that is compiled while the disk is full may be cut, and Python takes it for a broken one.
ROOM = 64 * 2**20


def keep_bytecode() -> None:
    """Compile gaiaflow and its packages once, as every program does.

    Invoke turns that off before it reads a tasks.py, so that each command would compile them again.
    """
    if not sys.flags.dont_write_bytecode and disk_usage(Path(__file__).parent).free > ROOM:
        sys.dont_write_bytecode = False


keep_bytecode()
