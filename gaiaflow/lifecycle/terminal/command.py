"""What makes a function a command of `inv`: the options that all have, how it fails, what --dry does."""

from __future__ import annotations

import errno
import functools
import inspect
import logging
import os
import shlex
import sys
import traceback
from collections.abc import Callable
from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit, Failure, ParseError
from invoke.tasks import Task, task as invoke_task

from gaiaflow import envvar, explained
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.images import engine
from gaiaflow.lifecycle.terminal import interruption
from gaiaflow.lifecycle.terminal.called import as_called
from gaiaflow.lifecycle.terminal.output import emit_json, is_on, say_always, speaking, speech

COMMON = {
    "quiet": "no progress on stderr, only errors and questions; or the variable GAIAFLOW_QUIET",
    "debug": "show the traceback of every error; or the variable GAIAFLOW_DEBUG",
}
# The only short options; each means the same everywhere.
SHORT = {"mode": "m", "service": "s", "json": "j", "quiet": "q", "yes": "y"}
# What the system refuses and a person can fix; every other OSError is a bug of ours.
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EISDIR, errno.ENOTDIR}
_REPORT = "inv doctor --bundle, and send its zip with the lines above to those who keep gaiaflow"


class Command(Task):  # type: ignore[type-arg]
    """A task of Invoke that keeps its help: asking for its arguments twice finds them described twice.

    Attributes:
        reads: it changes nothing.
        bare: the options whose values may also be given without their flags.
    """

    reads = False
    bare: tuple[str, ...] = ()

    def __deepcopy__(self, _: dict[int, Any]) -> Command:
        """Itself: Invoke copies the namespace of a tasks.py, and a command is the same in every namespace."""
        return self

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Any]:
        described = dict(self.help)
        try:
            arguments: list[Any] = super().get_arguments(ignore_unknown_help)
        finally:
            self.help = described
        for argument in arguments:
            long = argument.names[0]
            argument.names = (long, SHORT[long]) if long in SHORT else (long,)
            argument.bare = argument.name in self.bare
        return arguments


def lifecycle_task(
    *args: Any,
    reads: bool = False,
    writes: tuple[str, ...] = (),
    bare: str | tuple[str, ...] = (),
    **options: Any,
) -> Callable[..., Any]:
    """``invoke.task`` for a command; its GaiaflowError ends as ``error: …``, ``hint: …`` and its exit code.

    Each command gets ``--quiet`` and ``--debug``. Where ``--json`` was given the error is JSON on stdout.

    Args:
        reads: it changes nothing. Such a command must take ``json``, and with `inv --dry` it is not run at all.
        writes: the options with which it does change something, and looks after --dry itself.
        bare: the option, or the options in this order, whose values may also be given without their flags:
            `dag.check NAME`.
    """

    def decorate(body: Callable[..., None]) -> Any:
        own = inspect.signature(body)
        if reads and "json" not in own.parameters:
            raise TypeError(f"`{body.__name__}` reads, so it needs the option `json`")

        @functools.wraps(body)
        def run(c: Context, *args: Any, quiet: bool = False, debug: bool = False, **kwargs: Any) -> None:
            if speech.active:
                body(c, *args, **kwargs)
                return
            dry = reads and c.config.run.dry and not any(kwargs.get(name) for name in writes)
            call = functools.partial(_would_read, body) if dry else functools.partial(body, c, *args)
            with speaking(quiet):
                _guarded(functools.partial(call, **kwargs), bool(kwargs.get("json")), debug)

        run.__signature__ = _with_common(own)  # type: ignore[attr-defined]
        named = {**COMMON, **options.pop("help", {})}
        plain = {"positional": [], "auto_shortflags": False, "help": named}
        made: Any = invoke_task(run, klass=Command, **{**plain, **options})
        made.reads, made.bare = reads, (bare,) if isinstance(bare, str) else bare
        return made

    return decorate(args[0]) if args and callable(args[0]) else decorate


def _with_common(signature: inspect.Signature) -> inspect.Signature:
    """The body's own signature with the options that all commands have."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    common = [inspect.Parameter(name, kind, default=False, annotation=bool) for name in COMMON]
    return signature.replace(parameters=[*signature.parameters.values(), *common])


def _would_read(body: Callable[..., None], json: bool = False, **_: Any) -> None:
    """What --dry says of a command that reads."""
    would = f"would only read: {(body.__doc__ or '').strip().splitlines()[0]}"
    if json:
        emit_json({"dry": would})
    else:
        say_always(would)


def _guarded(call: Callable[[], None], json: bool, debug: bool) -> None:
    """Run a command; every way it can fail becomes Invoke's Exit."""
    interruption.listen()
    try:
        call()
        sys.stdout.flush()
    except BrokenPipeError:
        raise unread() from None
    except (Exit, Failure, ParseError):
        raise
    except GaiaflowError as error:
        raise failed(error, json, _wants_traceback(debug)) from None
    except KeyboardInterrupt as error:
        raise failed(interruption.explained(error), json, _wants_traceback(debug)) from None
    except Exception as error:  # noqa: BLE001 - a bug is shown as one
        told = engine.explained(error) or _refused(error) or _bug(error)
        told.__cause__ = error
        raise failed(told, json, told.hint == _REPORT or _wants_traceback(debug)) from None


def unread() -> Exit:
    """The end where whoever read our stdout has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit(code=1)


def _refused(error: Exception) -> GaiaflowError | None:
    """What the system refused, when a person can fix it."""
    if not isinstance(error, OSError) or error.errno not in _REFUSED:
        return None
    reason = (error.strerror or str(error)).lower()
    if not error.filename:
        return GaiaflowError(f"the system refuses: {reason}", "df -h . && ls -ld .")
    return GaiaflowError(f"`{error.filename}`: {reason}", f"ls -ld {shlex.quote(str(error.filename))}")


def _bug(error: Exception) -> GaiaflowError:
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return GaiaflowError(f"this is a bug in gaiaflow, not your mistake: {what}", _REPORT)


def failed(error: GaiaflowError, json: bool, with_traceback: bool = False) -> Exit:
    """The end of a command: the error on stderr, or as JSON on stdout when that is what was asked for."""
    if with_traceback:
        error.__suppress_context__ = False
        sys.stderr.write("".join(traceback.format_exception(error.__cause__ or error)))
    if json and not speech.emitted:
        message = as_called(error.message)
        told = {"message": message, "hint": error.hint, "code": error.exit_code}
        emit_json({"error": {**told, "see": explained.of_command(error.message)}})
        return Exit(code=error.exit_code)
    return Exit(render_error(error), code=error.exit_code)


def render_error(error: GaiaflowError) -> str:
    """The error as a person reads it, with its hint and the page that explains it."""
    more = {"hint": error.hint, "see": explained.of_command(error.message)}
    lines = (f"\n{word}: {text}" for word, text in more.items() if text)
    return as_called(f"error: {error.message}" + "".join(lines))


def _wants_traceback(debug: bool) -> bool:
    return (
        debug or is_on(envvar.DEBUG) or logging.getLogger().isEnabledFor(logging.DEBUG)
    )  # the last is `inv --debug`
