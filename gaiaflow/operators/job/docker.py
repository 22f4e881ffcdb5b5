"""Mode dev_docker: all calls of a map as containers of one task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gaiaflow.operators.docker import DevDockerOperator, arguments
from gaiaflow.operators.job import option
from gaiaflow.operators.job.calls import FIELD
from gaiaflow.operators.job.pool import PoolMixin
from gaiaflow.operators.mapping import make_one
from gaiaflow.spec import TaskSpec


class DevDockerJobOperator(PoolMixin, DevDockerOperator):
    """Runs ``func_path`` once for each combination of a map; its value is the list of the values.

    Args:
        map_over: the lists by keyword argument, FromTask and FromRun in them.
        at_once: how many containers run at a time at most, on as many cores.
        kwargs: those of `DevDockerOperator`.
    """

    template_fields: Sequence[str] = (*DevDockerOperator.template_fields, FIELD)

    def __init__(self, *, map_over: Any, at_once: int = option.DEFAULT_AT_ONCE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.at_once = at_once
        self.set_map(map_over)


def build(spec: TaskSpec) -> Any:
    """The task of a spec."""
    found = option.read(spec) or option.FanOut()
    return make_one(DevDockerJobOperator, spec, {**arguments(spec), "at_once": found.at_once})
