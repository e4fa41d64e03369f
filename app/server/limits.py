"""The server's limits: bytes, requests, pixels and seconds, and the gate that holds to them."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from app.server.refusal import RefusalError, busy

Result = TypeVar("Result")

ENCODINGS = ("gzip", "deflate")
SAME_AS_GZIP = "x-gzip"  # RFC 9110, section 8.4.1.3
MOST_MEMBERS = 100  # of a gzip file; each costs a copy of the rest
LARGEST_RATIO = 1032  # of decompressed to compressed bytes: zlib.net/zlib_tech.html


class Limits(NamedTuple):
    """The most that the server admits.

    Attributes:
        body_bytes: of a request, also after decompression.
        buffered_bytes: of all requests together that are being read or answered.
        connections: open at once.
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
    """Admits requests up to the limits, and has one thread work on them in order.

    What a request holds counts until the thread is done with it, even if its answer came too late.

    Attributes:
        limits: the most that it admits.
        requests: how many requests are admitted now.
        buffered: how many bytes they hold.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.requests = 0
        self.buffered = 0
        self._worker = ThreadPoolExecutor(1, "classifier")

    @contextmanager
    def entered(self) -> Iterator["Entry"]:
        """Admits a request for as long as the block runs, or the thread works on it.

        Raises:
            RefusalError: there are too many requests.
        """
        if self.requests >= self.limits.requests:
            raise busy(f"{self.requests} requests are being answered already; try again")
        self.requests += 1
        entry = Entry(self, self._worker)
        try:
            yield entry
        finally:
            entry.leave()

    def close(self) -> None:
        """Ends the thread once it is done with the request that it works on."""
        self._worker.shutdown(cancel_futures=True)


class Entry:
    """A request that was admitted.

    Attributes:
        buffered: how many bytes it holds.
    """

    def __init__(self, gate: Gate, worker: ThreadPoolExecutor) -> None:
        self._gate = gate
        self._worker = worker
        self._work: asyncio.Future[Any] | None = None
        self._end: float | None = None  # until when it may be worked on
        self._left = False
        self.buffered = 0

    def leave(self) -> None:
        """Releases what it holds, as soon as the thread is done with it."""
        self._left = True
        if self._work is None or self._work.done():
            self._release()
        else:
            self._work.add_done_callback(self._release)

    def _release(self, late: "asyncio.Future[Any] | None" = None) -> None:
        if late is not None and not late.cancelled():
            late.exception()  # its answer came too late
        self._gate.requests -= 1
        self._gate.buffered -= self.buffered

    async def work(self, function: Callable[[], Result]) -> Result:
        """Calls a function in the gate's thread.

        Raises:
            RefusalError: its turn did not come, or it did not end, in time.
        """
        loop, seconds = asyncio.get_running_loop(), self._gate.limits.seconds
        self._end = self._end or loop.time() + seconds

        def unless_left() -> Result | None:
            return None if self._left else function()

        work: asyncio.Future[Any] = loop.run_in_executor(self._worker, unless_left)
        self._work = work
        await asyncio.wait({work}, timeout=self._end - loop.time())
        if not work.done():
            raise busy(f"no answer within {seconds:g} s; try again")
        result: Result = work.result()
        return result

    async def body(
        self, chunks: AsyncIterator[bytes], announced: str | None, encoding: str | None
    ) -> bytes:
        """Reads a request's body, and decompresses it.

        Args:
            chunks: the body as it arrives.
            announced: the header Content-Length.
            encoding: the header Content-Encoding; of several, joined by commas.

        Raises:
            RefusalError: it is too large, does not arrive in time, or cannot be decompressed.
        """
        limits = self._gate.limits
        if announced is not None and announced.isdecimal():
            self._check(int(announced))
        packed = is_packed(encoding)
        late = RefusalError(408, f"the request did not arrive within {limits.seconds:g} s")
        content = await _in_time(self._all(chunks), limits.seconds, late)
        if not packed:
            return content
        # The most that it may grow to is reserved first, as the thread cannot ask for more.
        most = min(limits.body_bytes, LARGEST_RATIO * len(content))
        self._hold(most)
        decompressed = await self.work(lambda: _decompressed(content, limits.body_bytes))
        self._hold(len(decompressed) - most)
        return decompressed

    async def _all(self, chunks: AsyncIterator[bytes]) -> bytes:
        parts, size = [], 0
        async for chunk in chunks:
            size += len(chunk)
            self._check(size)
            self._hold(len(chunk))
            parts.append(chunk)
        return b"".join(parts)

    def _hold(self, count: int) -> None:
        self.buffered += count
        self._gate.buffered += count
        if self._gate.buffered > self._gate.limits.buffered_bytes:
            raise busy("too many bytes are being answered already; try again")

    def _check(self, count: int) -> None:
        if count > self._gate.limits.body_bytes:
            raise _too_large(self._gate.limits.body_bytes)


def is_packed(encoding: str | None) -> bool:
    """Whether a body with this header Content-Encoding is to be decompressed.

    Raises:
        RefusalError: it is not by gzip or deflate, or more than once.
    """
    codings = [coding.strip().lower() for coding in (encoding or "").split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if len(codings) > 1 or not {*codings} <= {*ENCODINGS, SAME_AS_GZIP}:
        raise RefusalError(
            415, f"Content-Encoding {encoding} is not known; use {' or '.join(ENCODINGS)}"
        )
    return bool(codings)


def _decompressed(content: bytes, most: int) -> bytes:
    parts: list[bytes] = []
    size, rest = 0, content
    while rest or not parts:  # gzip files may be joined (RFC 1952, section 2.2)
        stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # either format, by its header
        try:
            parts.append(stream.decompress(rest, most - size + 1))
        except zlib.error as error:
            raise RefusalError(400, f"the body cannot be decompressed: {error}") from error
        size += len(parts[-1])
        if size > most:
            raise _too_large(most)
        if not stream.eof:
            raise RefusalError(400, "the body cannot be decompressed: it is truncated")
        rest = stream.unused_data
        if len(parts) > MOST_MEMBERS:
            raise RefusalError(400, f"the body cannot be decompressed: over {MOST_MEMBERS} parts")
    return b"".join(parts)


def _too_large(most: int) -> RefusalError:
    return RefusalError(413, f"the body is larger than {most:,} bytes; send a smaller one")


async def _in_time(awaited: Awaitable[Result], seconds: float, late: RefusalError) -> Result:
    try:
        return await asyncio.wait_for(awaited, seconds)
    except asyncio.TimeoutError as error:  # until Python 3.11 not the built-in one
        raise late from error
