"""`gaiaflow.core.operators`, as older DAGs import it."""

from gaiaflow.tasks import FromRun, FromTask

__all__ = ["FromRun", "FromTask"]
