"""Listens at an address until the process gets a signal to stop."""

import asyncio
import json
import math
import resource
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.server.limits import Limits
from spotimes.errors import InputError

BACKLOG = 128  # connections that are accepted at once, before any can be refused
OTHER_FILES = 64


def serve(app: ASGIApp, full: ASGIApp, host: str, port: int, limits: Limits) -> None:
    """Serves until SIGTERM or SIGINT, and then answers the requests in progress.

    Args:
        app: the application.
        full: answers the connections beyond the limit.
        host: the address; `::` stands for all of this machine's, of IPv4, too.
        port: 0 for a free one.
        limits: how many connections there may be, and how long they may be idle, without a whole
            request's head, or without reading what they are sent.

    Raises:
        InputError: the address is not available, or the system allows fewer connections.
    """
    _allow_files(2 * limits.connections + BACKLOG + OTHER_FILES)
    host = host.strip("[]")  # as in a URL
    shown = f"[{host}]" if ":" in host else host
    try:
        listening = _listening(host, port)
    except (OSError, UnicodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "no such address"
        raise InputError(f"{shown}, port {port}: {reason}; give another") from error
    # asyncio does so itself only where a socket names its protocol; without it an answer whose head
    # and body are sent apart waits 40 ms for the client's delayed acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux ends connections whose client does not read
        milliseconds = math.ceil(1000 * limits.seconds)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    with listening:
        config = uvicorn.Config(
            app,
            http=_protocol(full, limits),
            access_log=False,
            log_level="error",
            server_header=False,
            ws="none",
            backlog=BACKLOG,
            timeout_keep_alive=math.ceil(limits.seconds),
            # A request that has begun may take so long to arrive, and again to be answered.
            timeout_graceful_shutdown=math.ceil(2 * limits.seconds) + 1,
        )
        server = _Server(config, f"http://{shown}:{listening.getsockname()[1]}/")
        try:
            server.run(sockets=[listening])
        except (SystemExit, KeyboardInterrupt):
            # uvicorn raises the signal again once all is answered; being stopped is no failure.
            if not server.started:
                raise


def _listening(host: str, port: int) -> socket.socket:
    family, *_, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    both = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
    return socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=both)


def _allow_files(count: int) -> None:
    """Raises the process' limit of open files; beyond it, asyncio retries to accept in a loop."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count or soft == resource.RLIM_INFINITY:
        return
    if hard != resource.RLIM_INFINITY and hard < count:
        raise InputError(
            f"so many connections need {count:,} open files, but the system allows {hard:,}; "
            "give a smaller --max-connections or raise the limit (ulimit -n)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


class _Server(uvicorn.Server):
    """Prints its URL once it answers, and not before a signal would stop it properly."""

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._url, flush=True)


class _Lingering:
    """A transport whose closing does not reset a client that is still sending.

    If bytes that were sent are not read, the system resets the connection when it is closed, and
    the reset may overtake the answer (RFC 9112, section 9.6). So at first only this side is closed,
    and what still arrives is dropped until the client closes its own.

    Attributes:
        ending: whether this side is closed and the client's is awaited.

    Args:
        transport: the connection's.
        is_sending: whether the client still is.
        seconds: for the client to end.
    """

    def __init__(
        self, transport: asyncio.Transport, is_sending: Callable[[], bool], seconds: float
    ) -> None:
        self.ending = False
        self._transport = transport
        self._is_sending = is_sending
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether nothing more is to be written."""
        return self.ending or self._transport.is_closing()

    def close(self) -> None:
        """Closes this side; or the connection, if this side or the client has ended."""
        if self.is_closing() or not self._is_sending():
            self._transport.close()
            return
        self.ending = True
        self._transport.write_eof()
        self._transport.resume_reading()
        asyncio.get_running_loop().call_later(self._seconds, self._transport.abort)


def _protocol(full: ASGIApp, limits: Limits) -> type[H11Protocol]:
    """Uvicorn's protocol, with limits of connections and of the wait for a request's end."""

    class Protocol(H11Protocol):
        _late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            self._lingering = _Lingering(transport, self._is_sending, limits.seconds)
            super().connection_made(self._lingering)  # type: ignore[arg-type]  # it is like one
            if len(self.connections) > 2 * limits.connections:
                transport.abort()
                return
            if len(self.connections) > limits.connections:
                self.app = full
            self._limit_wait()

        def data_received(self, data: bytes) -> None:
            if self._lingering.ending:
                return
            super().data_received(data)
            self._limit_wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            body = json.dumps({"error": msg}).encode()
            headers = [
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                for event in (
                    h11.Response(status_code=HTTPStatus.BAD_REQUEST, headers=headers),
                    h11.Data(data=body),
                    h11.EndOfMessage(),
                ):
                    self.transport.write(self.conn.send(event))
            self.transport.close()

        def _limit_wait(self) -> None:
            refused = (
                self.conn.their_state is h11.SEND_BODY
                and self.cycle is not None
                and self.cycle.response_complete
            )
            if self.conn.their_state is not h11.IDLE and not refused:
                self._stop_waiting()
            elif self._late is None:
                self._late = self.loop.call_later(limits.seconds, self.transport.close)

        def _is_sending(self) -> bool:
            return self.conn.their_state in (h11.SEND_BODY, h11.ERROR)

        def _stop_waiting(self) -> None:
            if self._late is not None:
                self._late.cancel()
                self._late = None

    return Protocol
