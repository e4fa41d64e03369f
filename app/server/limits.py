"""What a server lets in: how much, how many, and for how long."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from app.server.refusal import RefusalError, busy

Result = TypeVar("Result")


class Limits(NamedTuple):
    """The most that is let in.

    Attributes:
        body_bytes: of a request, also after it is unpacked.
        buffered_bytes: of all requests together that are being read or answered.
        connections: at once.
        requests: being read or answered at once.
        pixels: of an uploaded picture.
        batch: images in a request.
        seconds: for a request's head to arrive, again for its body, and again for its answer.
    """

    body_bytes: int
    buffered_bytes: int
    connections: int
    requests: int
    pixels: int
    batch: int
    seconds: float


class Gate:
    """Lets requests in up to the limits, and has one thread work on them in their order.

    Attributes:
        limits: what is let in.
        requests: how many are in.
        buffered: how many bytes of them.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.requests = 0
        self.buffered = 0
        self._worker = ThreadPoolExecutor(1, "classifier")

    @contextmanager
    def entered(self) -> Iterator["Entry"]:
        """Lets a request in.

        Raises:
            RefusalError: there are too many.
        """
        if self.requests >= self.limits.requests:
            raise busy(f"{self.requests} requests are being answered already; try again")
        self.requests += 1
        entry = Entry(self)
        try:
            yield entry
        finally:
            self.requests -= 1
            self.buffered -= entry.buffered

    async def work(self, function: Callable[[], Result]) -> Result:
        """Calls a function in the worker's thread.

        Raises:
            RefusalError: its turn did not come, or it did not end, in time.
        """
        loop = asyncio.get_running_loop()
        return await self._in_time(
            loop.run_in_executor(self._worker, function),
            busy(f"no answer within {self.limits.seconds:g} s; try again"),
        )

    def close(self) -> None:
        """Ends the thread once it has done what it was given."""
        self._worker.shutdown()

    async def _in_time(self, awaited: Awaitable[Result], late: RefusalError) -> Result:
        try:
            return await asyncio.wait_for(awaited, self.limits.seconds)
        except asyncio.TimeoutError as error:  # until Python 3.11 not the built-in one
            raise late from error


class Entry:
    """A request that was let in.

    Attributes:
        buffered: how many of its bytes are held.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.buffered = 0

    async def body(
        self, chunks: AsyncIterator[bytes], announced: str | None, encoding: str | None
    ) -> bytes:
        """Reads a request's body, and unpacks it.

        Args:
            chunks: the body as it arrives.
            announced: the header Content-Length.
            encoding: the header Content-Encoding.

        Raises:
            RefusalError: it is too large, does not arrive in time, or cannot be unpacked.
        """
        limits = self._gate.limits
        if announced is not None and announced.isdecimal():
            self._check(int(announced))
        if encoding not in (None, "identity", "gzip", "deflate"):
            raise RefusalError(
                415, f"Content-Encoding {encoding} is not known; use gzip or deflate"
            )
        late = RefusalError(408, f"the request did not arrive within {limits.seconds:g} s")
        content = await self._gate._in_time(self._all(chunks), late)
        if encoding in (None, "identity"):
            return content
        return self._unpacked(content)

    async def _all(self, chunks: AsyncIterator[bytes]) -> bytes:
        parts, size = [], 0
        async for chunk in chunks:
            size += len(chunk)
            self._check(size)
            self._hold(len(chunk))
            parts.append(chunk)
        return b"".join(parts)

    def _unpacked(self, content: bytes) -> bytes:
        unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # either format, by its header
        try:
            unpacked = unpacking.decompress(content, self._gate.limits.body_bytes + 1)
        except zlib.error as error:
            raise RefusalError(400, f"the body cannot be unpacked: {error}") from error
        self._check(len(unpacked))
        if not unpacking.eof:
            raise RefusalError(400, "the body cannot be unpacked: it ends before its end")
        self._hold(len(unpacked))
        return unpacked

    def _hold(self, count: int) -> None:
        self.buffered += count
        self._gate.buffered += count
        if self._gate.buffered > self._gate.limits.buffered_bytes:
            raise busy("too many bytes are being answered already; try again")

    def _check(self, count: int) -> None:
        most = self._gate.limits.body_bytes
        if count > most:
            raise RefusalError(413, f"the body is larger than {most:,} bytes; send a smaller one")
