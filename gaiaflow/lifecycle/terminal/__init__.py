"""How lifecycle tasks speak, in one import: errors in one line, phases on stderr, data on stdout."""

from gaiaflow.lifecycle.terminal.output import confirm, emit_json, emit_table, is_live, say, say_always, stderr
from gaiaflow.lifecycle.terminal.phases import Phases
from gaiaflow.lifecycle.terminal.verb import lifecycle_task, render_error

__all__ = [
    "Phases",
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
