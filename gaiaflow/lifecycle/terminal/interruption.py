"""What a signal does to a command: it ends as after Ctrl-C, cleans up, and no child outlives it."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from gaiaflow.errors import GaiaflowError

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class SignalledError(KeyboardInterrupt):
    """SIGTERM or SIGHUP came."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class InterruptedCommandError(GaiaflowError):
    """A command was told to end; its exit code is the shell's for that signal."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}", "inv dev.status; what is there stays")
        self.exit_code = 128 + number


def listen() -> None:
    """Let SIGTERM and SIGHUP unwind the command, unless somebody has decided on them (nohup)."""
    for number in _SIGNALS if threading.current_thread() is threading.main_thread() else ():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _raise_once)


def explained(error: KeyboardInterrupt) -> InterruptedCommandError:
    return InterruptedCommandError(error.number if isinstance(error, SignalledError) else signal.SIGINT)


def _raise_once(number: int, _frame: FrameType | None) -> None:
    """A second signal must not cut off the cleaning up; SIGKILL still does."""
    for one in _SIGNALS:
        if signal.getsignal(one) is _raise_once:
            signal.signal(one, lambda *_: None)
    raise SignalledError(number)
