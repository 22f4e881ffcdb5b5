"""One function for each thing a function can do: return, print, fail, take params, take long."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def echo(*args: Any) -> Any:
    """The arguments as they arrived."""
    return list(args)


def echo_value(value: Any) -> Any:
    """One argument by name."""
    return value


def kinds(*args: Any) -> list[str]:
    """What the arguments are once they arrived: a number stays a number."""
    return [type(arg).__name__ for arg in args]


def prints() -> str:
    """Writes to stdout, the last line without an end."""
    print("a line on stdout")
    print("ünïcödé on stdout")
    print("an unfinished line", end="")
    return "printed"


def writes_stderr() -> str:
    """Writes to stderr and succeeds."""
    print("a line on stderr", file=sys.stderr)
    return "written"


def exits(code: Any = 3) -> None:
    """Leaves by sys.exit."""
    sys.exit(code)


def raises_chained() -> None:
    """Raises with a cause."""
    try:
        {}["missing"]
    except KeyError as error:
        raise ValueError("the outer error") from error


def raises_unprintable() -> None:
    """Raises an error whose text cannot be made."""

    class UnprintableError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    raise UnprintableError


def returns_set() -> Any:
    """Not JSON."""
    return {"a": {1, 2}}


def returns_nan() -> float:
    """A float that JSON does not have."""
    return float("nan")


def returns_none() -> None:
    """Nothing at all is a result, too."""


def leaves_a_process() -> str:
    """A process that it started goes on, and holds its output open."""
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    return "left"


def takes_params(scale: int = 1, params: dict[str, Any] | None = None) -> Any:
    """Wants the DAG's params."""
    return {"scale": scale, "params": params}


def takes_kwargs(**kwargs: Any) -> Any:
    """Takes whatever there is."""
    return kwargs


def takes_neither(a: int = 1) -> int:
    """Must not be given params."""
    return a


def sleeps(seconds: float = 600) -> str:
    """Says that it started, then takes long."""
    print("asleep", flush=True)
    time.sleep(seconds)
    return "awake"


def returns_big(kib: int = 1024) -> str:
    """A text of that many KiB."""
    return "gaiaflow" * (128 * kib)


def takes_memory(mib: int) -> int:
    """So many MiB that are written to."""
    return len(bytearray(b"x" * 2**20) * mib) // 2**20


def measures(value: str) -> int:
    """The length of a text that is too large to be sent back."""
    return len(value)


def variables(*names: str) -> dict[str, str | None]:
    """What the environment says of these names."""
    return {name: os.environ.get(name) for name in names}


def memory_limit() -> int:
    """The limit of the container's own group, of cgroup v2 or v1."""
    files = [Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")]
    return int(next(file for file in files if file.exists()).read_text())


def resolves(name: str) -> bool:
    """Whether a name has an address here."""
    return bool(socket.gethostbyname(name))


def squares(tile: int, offset: int = 0) -> int:
    """For mapped tasks."""
    return tile * tile + offset


def numbers(count: int = 3) -> list[int]:
    """A list to map over."""
    return list(range(1, count + 1))


def dies() -> None:
    """Ends the process without a word, like the kernel's memory killer."""
    os._exit(9)


def leaves_without_result() -> None:
    """Ends the process with exit code 0, before its result is written."""
    os._exit(0)


def tries(tile: int, late: Any = (), text: str = "") -> dict[str, Any]:
    """Fails in the first attempt for the tiles that are late; which attempt made the call."""
    attempt = os.environ["AIRFLOW_CTX_TRY_NUMBER"]
    print(f"tile {tile} in attempt {attempt}")
    if tile in late and attempt == "1":
        raise ConnectionError(f"tile {tile} is late")
    return {"tile": tile, "attempt": attempt, "size": len(text)}


def slow_square(tile: int) -> int:
    """Takes a while."""
    time.sleep(20)
    return tile * tile
