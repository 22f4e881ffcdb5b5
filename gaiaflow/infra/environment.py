"""Where noxfiles of earlier projects import this from; new ones use `gaiaflow.testing.airflow_python`."""

from gaiaflow.infra.environments.environment import ensure_environment

__all__ = ["ensure_environment"]
