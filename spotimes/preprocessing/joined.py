"""Parts of a stream, and bytes that are not in it, read as one stream."""

import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import IO, NamedTuple


class Span(NamedTuple):
    """The bytes of a stream from `begin` to before `end`."""

    begin: int
    end: int


class Repeated(NamedTuple):
    """A byte that is repeated, without being held so often."""

    byte: int
    times: int


Part = Span | Repeated | bytes


def joined(stream: IO[bytes], parts: Sequence[Part]) -> io.BufferedReader:
    """Reads parts one after another as one stream, which can seek and holds no copy of a `Span`.

    It ends early where `stream` does. Closing it leaves `stream` open.
    """
    return io.BufferedReader(_Joined(stream, parts), 1 << 16)


def length(part: Part) -> int:
    """In bytes."""
    if isinstance(part, Span):
        return part.end - part.begin
    return part.times if isinstance(part, Repeated) else len(part)


class _Joined(io.RawIOBase):
    def __init__(self, stream: IO[bytes], parts: Sequence[Part]) -> None:
        self._stream = stream
        self._parts = [part for part in parts if length(part)]
        self._begins = [0, *accumulate(map(length, self._parts))]
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        from_here = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._begins[-1]}
        self._position = max(0, from_here[whence] + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        index = bisect_right(self._begins, self._position) - 1
        if index >= len(self._parts):
            return 0
        part, within = self._parts[index], self._position - self._begins[index]
        count = min(len(buffer), length(part) - within)
        if isinstance(part, Span):
            self._stream.seek(part.begin + within)
            found = self._stream.read(count)
        elif isinstance(part, Repeated):
            found = bytes((part.byte,)) * count
        else:
            found = part[within : within + count]
        buffer[: len(found)] = found
        self._position += len(found)
        return len(found)
