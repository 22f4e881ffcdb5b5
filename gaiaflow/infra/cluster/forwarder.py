"""A forwarding process that outlives the command: started, known by its record, ended."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster.forward import LISTENING
from gaiaflow.infra.host import living, privatefile, process, wait

_END_SECONDS = 10


@dataclass(frozen=True)
class Forwarder:
    """One process, by the file that tells of it.

    Attributes:
        record: what is known of the process: pid, start, and what its maker adds.
        log: what it says.
        facts: what its maker adds, by name and kind; a record without them is not one of ours.
    """

    record: Path
    log: Path
    facts: Mapping[str, type]

    def known(self) -> dict[str, Any]:
        """The record while its process lives; empty otherwise."""
        kept = privatefile.read_json(self.record)
        whole = all(type(kept.get(name)) is kind for name, kind in self.facts.items())
        return kept if whole and living.recorded(kept) is not None else {}

    def start(
        self, argv: Sequence[str], env: Mapping[str, str], facts: Mapping[str, Any], seconds: float
    ) -> dict[str, Any]:
        """Start it and wait until it listens; its record.

        Args:
            facts: what to record besides pid and start.
            seconds: until it has to listen.

        Raises:
            GaiaflowError: it does not; the message is the last line that it said.
        """
        child = process.detach(list(argv), env=dict(env), log=self.log)
        self._await(child, seconds)
        named = {"pid": child.pid, "started": living.started(child.pid) or ""}
        made = {**facts, **named}
        privatefile.write_json(self.record, made)
        return made

    def _await(self, child: Popen[bytes], seconds: float) -> None:
        """Wait for its own word: what answers at the port may be another program."""
        wait.until(lambda: LISTENING in self._said() or child.poll() is not None, seconds)
        if LISTENING not in (lines := self._said()):
            child.kill()
            raise GaiaflowError(lines[-1] if lines else "no reason given")

    def _said(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines()

    def close(self) -> bool:
        """End it and wait for its end; False when there was none."""
        kept = self.known()
        if kept:
            living.signal(kept["pid"], signal.SIGTERM)
            wait.until(lambda: living.started(kept["pid"]) != kept["started"], _END_SECONDS)
        self.record.unlink(missing_ok=True)
        return bool(kept)
