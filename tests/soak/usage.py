"""What the processes of a stack use at this moment: memory, open files, sockets, locks of its databases."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from growth import LEFT_BEHIND

from gaiaflow import envvar
from gaiaflow.infra.host import living
from gaiaflow.project import Project
from gaiaflow.stack.composed import containers
from gaiaflow.stack.embedded.supervisor import Supervisor

# Proportional memory and open files of some processes; the same on this machine and in a container.
SCRIPT = 'for p in "$@"; do grep ^Pss: /proc/$p/smaps_rollup; ls -l /proc/$p/fd; done 2>/dev/null; true'
INSIDE = f"cd /proc; set -- [0-9]*; {SCRIPT}"
REFUSED = b"database is locked"
WAITING = "select count(*) from pg_locks"
Usage = dict[str, float]


def parsed(text: str) -> Usage:
    """The sums over what the script printed; memory in MiB."""
    lines = text.splitlines()
    shares = [int(line.split()[1]) for line in lines if line.startswith("Pss:")]
    targets = [line.partition(" -> ")[2] for line in lines if " -> " in line]
    return {
        "memory": round(sum(shares) / 1024, 1),
        "files": len(targets),
        "sockets": sum(target.startswith("socket:") for target in targets),
        "processes": len(shares),
    }


def _output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60).stdout


class EmbeddedUsage:
    """Of a stack of processes."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._lines = self._refused()

    def targets(self) -> dict[str, str]:
        """Each program that runs, with what `kill` takes."""
        states = Supervisor(self.project.home).states()
        return {name: str(found.pid) for name, found in sorted(states.items()) if found.alive}

    def kill(self, name: str) -> None:
        subprocess.run(["kill", "-KILL", self.targets()[name]], check=True)

    def programs(self) -> dict[str, Usage]:
        heads = {int(pid): name for name, pid in self.targets().items()}
        supervisors = living.marked(envvar.SUPERVISOR, str(self.project.home / "run"))
        heads.update(dict.fromkeys((pid for pid in supervisors if pid not in heads), "supervisord"))
        groups: dict[str, list[int]] = {}
        marks = living.marks(envvar.STACK)
        ours = [pid for pid, mark in marks.items() if mark.startswith(f"{self.project.id}/")]
        for pid in {*ours, *heads}:
            groups.setdefault(owner(pid, heads, parents()), []).append(pid)
        return {name: parsed(_output("sh", "-c", SCRIPT, "sh", *map(str, of))) for name, of in groups.items()}

    def stack(self) -> Usage:
        before, self._lines = self._lines, self._refused()
        files = [file for file in self.project.home.rglob("*.db*") if file.is_file()]
        table = Path("/proc/locks").read_text(encoding="utf-8")
        refused = max(0, self._lines - before)  # a log that was rotated has fewer
        return {"locks": held(table, {file.stat().st_ino for file in files}), "refused": refused}

    def _refused(self) -> int:
        logs = [*self.project.home.glob("logs/*.log*"), *self.project.home.glob("airflow/logs/**/*.log")]
        return sum(log.read_bytes().count(REFUSED) for log in logs)


class ComposeUsage:
    """Of a stack of containers."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def targets(self) -> dict[str, str]:
        """Each container that runs, with its name."""
        found = [one for one in containers.of(self.project) if one.part not in containers.ONCE]
        return {one.part: one.name for one in sorted(found, key=lambda one: one.part) if one.state == "running"}

    def kill(self, name: str) -> None:
        subprocess.run(["docker", "kill", self.targets()[name]], check=True, capture_output=True)

    def programs(self) -> dict[str, Usage]:
        return {
            part: parsed(_output("docker", "exec", name, "sh", "-c", INSIDE))
            for part, name in self.targets().items()
        }

    def stack(self) -> Usage:
        psql = ("psql", "--username=gaiaflow", "--dbname=postgres", "-Atc", WAITING)
        count = _output("docker", "exec", self.targets().get("postgres", ""), *psql).strip()
        return {"locks": float(count)} if count.isdecimal() else {}


def parents() -> dict[int, int]:
    """The parent of each process of this machine."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        found[int(folder.name)] = int(fields[1])
    return found


def owner(pid: int, heads: Mapping[int, str], parents: Mapping[int, int]) -> str:
    """The program that a process belongs to: the nearest of its ancestors that is one, itself too."""
    while pid > 1:
        if pid in heads:
            return heads[pid]
        pid = parents.get(pid, 0)
    return LEFT_BEHIND


def held(table: str, inodes: Iterable[int]) -> int:
    """How many locks of /proc/locks are on some files."""
    wanted = {str(inode) for inode in inodes}
    rows = (line.split() for line in table.splitlines())
    return sum(row[-3].rpartition(":")[2] in wanted for row in rows if len(row) > 3)


def of(project: Project, backend: str) -> EmbeddedUsage | ComposeUsage:
    return EmbeddedUsage(project) if backend == "embedded" else ComposeUsage(project)
