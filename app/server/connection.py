"""A connection of HTTP/1.1: requests in, responses out, in their order and within the limits."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from email.utils import formatdate

import httptools
import msgspec

from app.server.http import Request, Response, Route
from app.server.limits import Gate
from app.server.metrics import NO_ROUTE, Metrics
from app.server.refusal import RefusalError, busy

MOST_OTHER_BYTES = 1 << 16  # of a head, or of what a client sends besides heads and bodies
MOST_WAITING = 64  # requests that a client may send before the first of them is answered
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
SWEEPS = 10  # within the time limit, in which deadlines are looked at

logger = logging.getLogger(__name__)


class Connections:
    """A worker's connections, and what they share.

    Attributes:
        find_route: the route of a request whose head has arrived; raises RefusalError.
        gate: what is admitted.
        metrics: where requests are counted.
        open: the connections.
        tasks: the answers that are being worked on.
        is_stopping: whether each ends with its next response.
        date: now, as HTTP writes it.
    """

    def __init__(
        self, find_route: Callable[[Request], Route], gate: Gate, metrics: Metrics
    ) -> None:
        self.find_route = find_route
        self.gate = gate
        self.metrics = metrics
        self.open: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.is_stopping = False
        self.date = ""

    def sweep(self) -> None:
        """Looks at all deadlines, now and again after a while."""
        loop = asyncio.get_running_loop()
        self.date = formatdate(usegmt=True)
        for connection in [each for each in self.open if each.deadline < loop.time()]:
            connection.end_wait()
        loop.call_later(min(1, self.gate.limits.seconds / SWEEPS), self.sweep)

    async def stop(self) -> None:
        """Returns once all that is in progress is answered, or its time is over."""
        self.is_stopping = True
        for connection in [*self.open]:
            connection.end_if_idle()
        while self.open:
            await asyncio.sleep(0.01)


class Connection(asyncio.Protocol):
    """A client's connection.

    Its requests are answered one after another. While one waits, nothing more is read.

    Attributes:
        deadline: when the client, or an answer, is late, as the loop's clock says.
    """

    _transport: asyncio.Transport

    def __init__(self, shared: Connections) -> None:
        self.deadline = 0.0
        self._shared = shared
        self._gate = shared.gate
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._arriving: Request | None = None
        self._complete = 0  # requests that have arrived
        self._body_size = 0
        self._other_size = 0  # bytes that came since, and complete no request and are of no body
        self._chunks: list[bytes] = []  # of the body
        self._waiting: deque[Request] = deque()
        self._worked_on: Request | None = None
        self._is_full = False  # there are more connections than are answered
        self._is_paused = False  # the client does not read
        self._is_ending = False  # what still arrives is dropped
        self._is_sending = False  # though it ends, the client goes on
        self._is_lingering = False  # all is answered, and the client's end is awaited

    # By asyncio:

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins, unless there are too many connections even to be told so."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._shared.open.add(self)
        self._wait()
        self._is_full = len(self._shared.open) > self._gate.limits.connections
        if len(self._shared.open) > 2 * self._gate.limits.connections:
            transport.abort()

    def connection_lost(self, _: Exception | None) -> None:
        """Drops what is not answered yet."""
        self._shared.open.discard(self)
        self._is_ending = True
        self._drop_waiting()
        if self._arriving is not None:
            self._gate.leave(self._arriving)
        if self._worked_on is not None:
            self._worked_on.is_abandoned = True

    def data_received(self, data: bytes) -> None:
        """Reads requests, and answers those that are complete."""
        if self._is_ending:
            return
        before = self._complete, self._body_size
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # it was answered in HTTP/1.1, as is allowed
            self._is_ending = True
        except httptools.HttpParserError:
            if not self._is_ending:
                self._refuse(RefusalError(400, "Invalid HTTP request received."))
        else:
            is_other = before == (self._complete, self._body_size)
            self._other_size = self._other_size + len(data) if is_other else 0
            self._check_arriving()

    def eof_received(self) -> bool:
        """Keeps this side open until all is answered."""
        self._is_ending = True
        self._is_sending = False
        return bool(self._waiting or self._worked_on)

    def pause_writing(self) -> None:
        """Answers no more until the client has read."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """Goes on."""
        self._is_paused = False
        self._wait()
        self._proceed()

    # By the parser, to which they raise nothing:

    def on_message_begin(self) -> None:
        """A request begins."""
        self._arriving = Request()

    def on_url(self, url: bytes) -> None:
        """A part of its URL."""
        if self._arriving is not None:
            self._arriving.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; those behind the body are dropped."""
        if self._arriving is not None and not self._arriving.arrived:
            headers, name = self._arriving.headers, name.lower()
            headers[name] = headers[name] + b", " + value if name in headers else value

    def on_headers_complete(self) -> None:
        """All of them; the body begins."""
        request = self._arriving
        if request is None:
            return
        self._body_size, self._chunks = 0, []
        self._wait()
        request.arrived = time.perf_counter()
        request.method = self._parser.get_method().decode()
        request.read_target()
        request.is_last = (
            self._is_full
            or not self._parser.should_keep_alive()
            or self._parser.should_upgrade()
            or self._parser.get_http_version() != "1.1"
        )
        try:
            self._admit(request)
        except RefusalError as error:
            request.refusal = error

    def on_body(self, chunk: bytes) -> None:
        """A part of the body."""
        request = self._arriving
        if request is None:
            return
        self._body_size += len(chunk)
        try:
            self._gate.check_size(self._body_size)
            if request.held is not None and request.refusal is None:
                self._chunks.append(chunk)
                self._gate.hold(request, len(chunk))
        except RefusalError as error:
            request.refusal = request.refusal or error
            self._chunks.clear()

    def on_message_complete(self) -> None:
        """A request is complete."""
        request, self._arriving = self._arriving, None
        self._complete += 1
        if request is None or self._is_ending:
            return
        request.body = b"".join(self._chunks)
        self._chunks.clear()
        self._waiting.append(request)
        if len(self._waiting) == MOST_WAITING:
            self._is_sending = True
        self._is_ending = request.is_last or self._is_sending
        self._proceed()

    # By `Connections`:

    def end_wait(self) -> None:
        """Ends what did not come in time."""
        seconds = self._gate.limits.seconds
        if self._transport.is_closing() or self._is_lingering or self._is_paused:
            self._transport.abort()
        elif self._worked_on is not None:
            request, self._worked_on = self._worked_on, None
            request.is_abandoned = True
            self._send(request, _refused(busy(f"no answer within {seconds:g} s; try again")))
            self._proceed()
        elif self._arriving is not None and self._arriving.arrived:
            self._refuse(RefusalError(408, f"the request did not arrive within {seconds:g} s"))
        else:
            self._transport.close()

    def end_if_idle(self) -> None:
        """Closes the connection, if nothing is in progress."""
        if not (self._arriving or self._waiting or self._worked_on) or self._is_lingering:
            self._transport.close()

    def _admit(self, request: Request) -> None:
        if self._is_full:
            most = self._gate.limits.connections
            raise busy(f"{most} connections are open already; try again")
        request.route = self._shared.find_route(request)
        if request.route.takes_body:
            self._gate.admit(request)
        self._gate.check_size(int(request.headers.get(b"content-length", 0)))
        is_next = not (self._waiting or self._worked_on)
        if request.headers.get(b"expect", b"").lower() == b"100-continue" and is_next:
            self._transport.write(CONTINUE)

    def _check_arriving(self) -> None:
        """Refuses what is not to be read to its end."""
        request = self._arriving
        if request is None:
            return
        if self._other_size > MOST_OTHER_BYTES:
            what = "what comes behind the body" if request.arrived else "the head"
            most = f"{MOST_OTHER_BYTES:,}"
            self._refuse(RefusalError(431, f"{what} is larger than {most} bytes"))
        elif (
            request.arrived
            and request.refusal is not None
            and (self._is_full or request.refusal.status == 413 or b"expect" in request.headers)
        ):
            self._refuse(request.refusal)

    def _refuse(self, error: RefusalError) -> None:
        """Answers a request that is not complete, and reads no more."""
        request = self._arriving or Request()
        request.refusal = error
        request.is_last = self._is_ending = self._is_sending = True
        self._waiting.append(request)
        self._arriving = None
        self._proceed()

    def _proceed(self) -> None:
        """Answers what can be answered now, and then reads again or ends."""
        while self._waiting and not (
            self._worked_on or self._is_paused or self._transport.is_closing()
        ):
            self._answer(self._waiting.popleft())
        if self._worked_on or self._waiting:
            self._transport.pause_reading()
            return
        self._transport.resume_reading()
        if self._is_ending:
            self._end()

    def _answer(self, request: Request) -> None:
        try:
            if request.refusal is not None:
                raise request.refusal
            assert request.route is not None
            response = request.route.handle(request)
        except Exception as error:
            response = _failed(request, error)
        if isinstance(response, Response):
            self._gate.leave(request)
            self._send(request, response)
            return
        self._worked_on = request
        self._wait()
        task = self._loop.create_task(self._answer_later(request, response))
        self._shared.tasks.add(task)
        task.add_done_callback(self._shared.tasks.discard)

    async def _answer_later(self, request: Request, coming: Awaitable[Response]) -> None:
        try:
            response = await coming
        except Exception as error:
            response = _failed(request, error)
        self._gate.leave(request)  # even if the response is too late
        if not request.is_abandoned:
            self._worked_on = None
            self._send(request, response)
            self._proceed()

    def _send(self, request: Request, response: Response) -> None:
        is_last = request.is_last or self._shared.is_stopping
        with_body = request.method != "HEAD"
        self._transport.write(
            response.written(self._shared.date, is_last=is_last, with_body=with_body)
        )
        seconds = time.perf_counter() - request.arrived if request.arrived else 0
        name = request.route.name if request.route else NO_ROUTE
        self._shared.metrics.add_request(name, response.status, seconds)
        self._wait()
        if is_last:
            self._is_ending = True
            self._drop_waiting()

    def _end(self) -> None:
        """Closes the connection so that what was sent arrives.

        If bytes that the client sends are not read, the system resets the connection when it is
        closed, and the reset may overtake the response (RFC 9112, section 9.6). So at first only
        this side is closed, and what still arrives is dropped until the client closes its own.
        """
        if not self._is_sending:
            self._transport.close()
        elif not self._is_lingering:
            self._is_lingering = True
            self._transport.write_eof()

    def _drop_waiting(self) -> None:
        for request in self._waiting:
            self._gate.leave(request)
        self._waiting.clear()

    def _wait(self) -> None:
        self.deadline = self._loop.time() + self._gate.limits.seconds


def _refused(error: RefusalError) -> Response:
    body = msgspec.json.encode({"error": error.message})
    return Response(error.status, body, headers=error.headers)


def _failed(request: Request, error: Exception) -> Response:
    if isinstance(error, RefusalError):
        return _refused(error)
    logger.error("%s %r failed", request.method, request.url, exc_info=error)
    return _refused(RefusalError(500, "the server failed; its log says how"))
