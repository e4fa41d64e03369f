"""What a request is refused with."""

from collections.abc import Mapping


class RefusalError(Exception):
    """A request that is answered by a 4xx or 503 and one line that says why.

    Attributes:
        status: of the response.
        message: what is wrong, and what would be right.
        headers: further ones of the response.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


def busy(message: str) -> RefusalError:
    """503, to be tried again in a second."""
    return RefusalError(503, message, {"Retry-After": "1"})
