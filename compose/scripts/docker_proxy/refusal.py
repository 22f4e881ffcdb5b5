"""Why a request goes no further."""


class RefusedError(Exception):
    """The request is not one that the proxy lets through.

    Args:
        why: the sentence that the client reads.
        status: the HTTP status of the answer.
    """

    def __init__(self, why: str, status: int = 403) -> None:
        super().__init__(why)
        self.status = status
