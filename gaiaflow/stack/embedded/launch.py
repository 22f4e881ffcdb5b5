"""Become a service: read what to run from a 0600 file and replace this process by it.

supervisord starts ``python -I -S launch.py FILE``. The file holds ``{"argv", "env", "cwd", "umask"}``; so no
secret is in an argument list or in supervisord's own configuration. Stdlib only.
"""

import json
import os
import signal
import sys
import time

MARK = "GAIAFLOW_STACK"
PATIENCE = 2.0


def end_remains(record: str, mark: str) -> None:
    """End what the last process of this program left in its group, then note this one as the next to look for.

    Airflow's scheduler that is killed leaves its workers: nobody would give them work, or end them.

    Args:
        record: the file with the pid of the program's last process, which led its group.
        mark: the stack's; a process without it is none of ours, whatever its group is called.
    """
    group = _read(record).strip()
    with open(record, "w", encoding="utf-8") as file:  # noqa: PTH123 - starts before pathlib would be read
        file.write(str(os.getpid()))
    if not group or _read(f"/proc/{group}/stat"):  # another process has that number by now
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + PATIENCE
        left = _members(group, mark)
        for pid in left:
            _send(pid, number)
        while left and time.monotonic() < deadline:
            time.sleep(0.05)
            left = _members(group, mark)


def _members(group: str, mark: str) -> list[int]:
    """The pids of the living processes of a group that carry the mark; none where there is no /proc."""
    needle = f"{MARK}={mark}"
    return [
        int(pid)
        for pid in (os.listdir("/proc") if os.path.isdir("/proc") else ())  # noqa: PTH112, PTH208
        if pid.isdigit()
        and _read(f"/proc/{pid}/stat").rpartition(")")[2].split()[2:3] == [group]
        and needle in _read(f"/proc/{pid}/environ").split("\0")
    ]


def _read(name: str) -> str:
    try:
        with open(name, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return ""


def _send(pid: int, number: int) -> None:
    try:  # noqa: SIM105 - starts before contextlib would be read
        os.kill(pid, number)
    except ProcessLookupError:
        pass


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as _file:  # noqa: PTH123 - starts before pathlib would be read
        _what = json.load(_file)
    if _what["umask"] is not None:
        os.umask(_what["umask"])
    if MARK in _what["env"]:
        end_remains(sys.argv[1] + ".pid", _what["env"][MARK])
    os.chdir(_what["cwd"])
    os.execve(_what["argv"][0], _what["argv"], _what["env"])  # noqa: S606 - the point of this file
