from collections.abc import Iterator

import pytest

from app.server.http import Request
from app.server.limits import Gate, Limits, is_packed
from app.server.metrics import Metrics
from app.server.refusal import RefusalError

LIMITS = Limits(
    body_bytes=100,
    buffered_bytes=200,
    connections=8,
    requests=1,
    pixels=100,
    batch=1,
    seconds=0.05,
)


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A gate that is empty, and must be so in the end."""
    gate = Gate(LIMITS, Metrics([]))
    assert held(gate) == (0, 0)
    yield gate
    assert held(gate) == (0, 0)


def held(gate: Gate) -> tuple[float, float]:
    """How many requests are in, and how many bytes."""
    row = gate.metrics.row
    return row[gate.metrics.requests_in], row[gate.metrics.buffered]


def test_a_request_is_let_in_once_another_has_left(gate: Gate) -> None:
    one, other = Request(), Request()
    gate.admit(one)
    with pytest.raises(RefusalError, match="1 requests are being answered already") as caught:
        gate.admit(other)
    assert caught.value.status == 503
    gate.leave(other)  # which was not let in
    assert held(gate) == (1, 0)
    gate.leave(one)
    gate.leave(one)
    gate.admit(other)
    gate.leave(other)


def test_bytes_are_held_until_their_request_leaves(gate: Gate) -> None:
    one = Request()
    gate.admit(one)
    gate.hold(one, 150)
    gate.hold(one, 50)
    assert held(gate) == (1, 200)
    with pytest.raises(RefusalError, match="too many bytes are being answered"):
        gate.hold(one, 1)
    gate.leave(one)


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        (None, False),
        ("", False),
        ("Identity", False),
        ("gzip", True),
        ("X-GZip", True),
        (" deflate ", True),
        ("identity, x-gzip", True),
        ("gzip,", True),
    ],
)
def test_which_content_codings_are_decompressed(encoding: str | None, packed: bool) -> None:
    assert is_packed(encoding) is packed


@pytest.mark.parametrize("encoding", ["br", "zstd", "x-compress", "gzip, gzip", "gzip, br"])
def test_content_codings_that_are_not_known(encoding: str) -> None:
    with pytest.raises(RefusalError, match=f"{encoding} is not known; use gzip or deflate") as one:
        is_packed(encoding)
    assert one.value.status == 415
