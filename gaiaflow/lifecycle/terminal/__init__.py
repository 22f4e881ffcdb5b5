"""How lifecycle tasks speak, in one import: errors in one line, phases on stderr, data on stdout."""

from gaiaflow.lifecycle.terminal.called import as_called
from gaiaflow.lifecycle.terminal.command import lifecycle_task, render_error
from gaiaflow.lifecycle.terminal.output import confirm, emit_json, emit_table, is_live, say, say_always, stderr
from gaiaflow.lifecycle.terminal.phases import Phases

__all__ = [
    "Phases",
    "as_called",
    "confirm",
    "emit_json",
    "emit_table",
    "is_live",
    "lifecycle_task",
    "render_error",
    "say",
    "say_always",
    "stderr",
]
