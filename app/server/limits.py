"""The server's limits: bytes, requests, pixels and seconds, and the gate that holds to them."""

import zlib
from typing import NamedTuple

from app.server.http import Request
from app.server.metrics import Metrics
from app.server.refusal import RefusalError, busy

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
    """Admits requests up to the limits, and counts what they hold until they leave.

    Attributes:
        limits: the most that it admits.
        metrics: where it counts.
    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self.limits = limits
        self.metrics = metrics

    def admit(self, request: Request) -> None:
        """Lets a request in, whose body is still to arrive.

        Raises:
            RefusalError: there are too many requests.
        """
        row, place = self.metrics.row, self.metrics.requests_in
        if row[place] >= self.limits.requests:
            raise busy(f"{row[place]:.0f} requests are being answered already; try again")
        row[place] += 1
        request.held = 0

    def hold(self, request: Request, count: int) -> None:
        """Counts more bytes that an admitted request holds.

        Raises:
            RefusalError: all requests together hold too many.
        """
        assert request.held is not None
        request.held += count
        row, place = self.metrics.row, self.metrics.buffered
        row[place] += count
        if row[place] > self.limits.buffered_bytes:
            raise busy("too many bytes are being answered already; try again")

    def leave(self, request: Request) -> None:
        """Takes a request out, if it was admitted."""
        if request.held is not None:
            self.metrics.row[self.metrics.requests_in] -= 1
            self.metrics.row[self.metrics.buffered] -= request.held
            request.held = None

    def check_size(self, count: int) -> None:
        """Refuses a body of more bytes than are allowed."""
        if count > self.limits.body_bytes:
            raise too_large(self.limits.body_bytes)


def is_packed(encoding: str | None) -> bool:
    """Whether a body with this header Content-Encoding is to be decompressed.

    Raises:
        RefusalError: it is not by gzip or deflate, or more than once.
    """
    if encoding is None:
        return False
    codings = [coding.strip().lower() for coding in encoding.split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if len(codings) > 1 or not {*codings} <= {*ENCODINGS, SAME_AS_GZIP}:
        raise RefusalError(
            415, f"Content-Encoding {encoding} is not known; use {' or '.join(ENCODINGS)}"
        )
    return bool(codings)


def decompressed(content: bytes, most: int) -> bytes:
    """Unpacks a body.

    Args:
        content: packed by gzip or deflate, as its header says.
        most: how many bytes it may become.

    Raises:
        RefusalError: it is larger, damaged or cut off.
    """
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
            raise too_large(most)
        if not stream.eof:
            raise RefusalError(400, "the body cannot be decompressed: it is truncated")
        rest = stream.unused_data
        if len(parts) > MOST_MEMBERS:
            raise RefusalError(400, f"the body cannot be decompressed: over {MOST_MEMBERS} parts")
    return b"".join(parts)


def too_large(most: int) -> RefusalError:
    """The refusal of a body of more than `most` bytes."""
    return RefusalError(413, f"the body is larger than {most:,} bytes; send a smaller one")
