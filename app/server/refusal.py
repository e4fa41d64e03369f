"""The error that a request is refused with."""

from collections.abc import Mapping

from spotimes.errors import printable


class RefusalError(Exception):
    """A request is answered by a status 4xx or 503 and one line that says why.

    It does not leave the server, so it is none of `spotimes.errors`.

    Attributes:
        status: of the response.
        message: what is wrong, and what would be correct.
        headers: further ones of the response.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        # It may quote what was sent, which a terminal is not to obey.
        self.message = printable(message)
        self.headers = dict(headers or {})


def busy(message: str) -> RefusalError:
    """A refusal with 503, to retry in a second."""
    return RefusalError(503, message, {"Retry-After": "1"})
