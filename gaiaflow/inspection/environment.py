"""The variables that gaiaflow gives a function, apart from those that a process merely inherits."""

from __future__ import annotations

import os
from collections.abc import Sequence

from gaiaflow import envvar

OURS = (envvar.PREFIX, "MLFLOW_", "AWS_", "S3_", "AIRFLOW_CTX_")


def local_variables(secrets: Sequence[str]) -> dict[str, str]:
    """What a function of mode dev gets from the stack, from ``.env`` and from its secrets."""
    from gaiaflow.operators import environment

    every = environment.local_environment(list(secrets))
    own = {*environment.project_variables(), *environment.local_secrets(list(secrets))}
    return {name: every[name] for name in sorted(every) if name in own or name.startswith(OURS)}


def secret_values(secrets: Sequence[str]) -> set[str]:
    """Values that must not be shown under any name: of local secrets, of ``.env``, keys of the stack."""
    from gaiaflow.operators.environment import local_secrets, project_variables
    from gaiaflow.secrecy import is_secret

    stack = {name: value for name, value in os.environ.items() if name.startswith(OURS)}
    named = {value for name, value in {**stack, **project_variables()}.items() if is_secret(name)}
    return named | set(local_secrets(list(secrets)).values())
