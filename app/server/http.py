"""A request, the response to it, and how a response is written in HTTP/1.1."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote

from app.server.refusal import RefusalError

JSON = "application/json"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
OF_ALL = (  # header lines of every response
    f"content-security-policy: {POLICY}\r\n"
    "x-content-type-options: nosniff\r\n"
    "referrer-policy: no-referrer\r\n"
    "cache-control: no-cache\r\n"
)
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Route(NamedTuple):
    """What handles a request.

    Attributes:
        name: in the metrics.
        handle: gives the response, now or later; raises RefusalError.
        takes_body: whether a request is admitted by the gate, and its body kept.
    """

    name: str
    handle: "Callable[[Request], Response | Awaitable[Response]]"
    takes_body: bool = False


class Request:
    """A request, which may still be arriving.

    Attributes:
        method: such as GET.
        url: as it was sent.
        path: unquoted.
        query: still quoted.
        headers: by their names in lower case; several of a name are joined by commas.
        body: whole, once all of it has arrived.
        arrived: when its head had, as `time.perf_counter` says.
        is_last: whether the connection ends with its response.
        route: what handles it; None until its head has arrived, or if there is no such route.
        refusal: its response, if that is known before it is handled.
        held: how many bytes of it count as buffered; None if it was not admitted.
        is_abandoned: whether nobody waits for its response any more.
    """

    def __init__(self) -> None:
        self.method = ""
        self.url = b""
        self.path = ""
        self.query = ""
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.arrived = 0.0
        self.is_last = False
        self.route: Route | None = None
        self.refusal: RefusalError | None = None
        self.held: int | None = None
        self.is_abandoned = False

    def read_target(self) -> None:
        """Takes the path and the query out of the URL, once that is complete."""
        url = self.url.decode("latin-1")
        if not url.startswith("/"):  # a proxy's form, with a host
            url = "/" + url.partition("://")[2].partition("/")[2]
        path, _, self.query = url.partition("#")[0].partition("?")
        self.path = unquote(path) if "%" in path else path

    def header(self, name: bytes) -> str | None:
        """The value of a header, by its name in lower case; None if there is none."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


class Response(NamedTuple):
    """A response.

    Attributes:
        status: such as 200.
        body: its content.
        kind: its header Content-Type.
        headers: further ones.
    """

    status: int
    body: bytes
    kind: str = JSON
    headers: Mapping[str, str] = {}

    def written(self, date: str, *, is_last: bool, with_body: bool) -> bytes:
        """The response as it is sent.

        Args:
            date: now, as HTTP writes it.
            is_last: whether the connection ends with it.
            with_body: false for the response to HEAD.
        """
        more = "".join(f"{name.lower()}: {value}\r\n" for name, value in self.headers.items())
        end = "connection: close\r\n" if is_last else ""
        head = (
            f"HTTP/1.1 {self.status} {_PHRASES[self.status]}\r\ndate: {date}\r\n"
            f"content-type: {self.kind}\r\ncontent-length: {len(self.body)}\r\n"
            f"{OF_ALL}{more}{end}\r\n"
        )
        return head.encode("latin-1") + self.body if with_body else head.encode("latin-1")
