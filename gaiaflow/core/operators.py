"""`gaiaflow.core.operators`, as older DAGs import it."""

from gaiaflow.tasks import FromTask

__all__ = ["FromTask"]
