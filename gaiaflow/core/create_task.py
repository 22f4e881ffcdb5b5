"""`gaiaflow.core.create_task`, as older DAGs import it."""

from gaiaflow.tasks import create_task, task_factory

__all__ = ["create_task", "task_factory"]
