import io
import random

import pytest

from spotimes.preprocessing.joined import Part, Repeated, Span, joined

STREAM = bytes(range(100))
PARTS: list[Part] = [
    b"head",
    Span(10, 20),
    b"",
    Repeated(7, 5),
    Span(50, 50),
    Span(60, 100),
    b"end",
]
WHOLE = b"head" + STREAM[10:20] + bytes([7] * 5) + STREAM[60:] + b"end"


def test_parts_are_read_as_one() -> None:
    stream = joined(io.BytesIO(STREAM), PARTS)
    assert stream.read() == WHOLE
    assert stream.read() == b""
    stream.seek(0)
    assert b"".join(iter(lambda: stream.read(3), b"")) == WHOLE


def test_any_place_can_be_read_from() -> None:
    stream, generator = joined(io.BytesIO(STREAM), PARTS), random.Random(1)
    for _ in range(500):
        place, count = generator.randrange(len(WHOLE) + 5), generator.randrange(30)
        assert stream.seek(place) == place
        assert stream.read(count) == WHOLE[place : place + count]
        assert stream.tell() == place + len(WHOLE[place : place + count])
    assert stream.seek(-3, io.SEEK_END) == len(WHOLE) - 3
    assert stream.read() == b"end"


def test_it_ends_where_the_stream_does() -> None:
    assert joined(io.BytesIO(STREAM), [Span(90, 200)]).read() == STREAM[90:]


def test_closing_it_leaves_the_stream_open() -> None:
    stream = io.BytesIO(STREAM)
    joined(stream, PARTS).close()
    assert not stream.closed


@pytest.mark.parametrize("times", [0, 1, 1 << 40])
def test_a_repeated_byte_is_not_held(times: int) -> None:
    stream = joined(io.BytesIO(), [Repeated(5, times), b"!"])
    stream.seek(times)
    assert stream.read() == b"!"
