import asyncio
import threading

import pytest

from app.server.limits import Gate, Limits, is_packed
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


def test_what_is_worked_on_counts_until_the_thread_is_done_with_it() -> None:
    """Even if its answer came too late."""
    gate, proceed = Gate(LIMITS), threading.Event()

    async def late() -> None:
        with pytest.raises(RefusalError, match=r"no answer within 0.05 s"), gate.entered() as entry:
            await entry.work(proceed.wait)
        assert gate.requests == 1
        with pytest.raises(RefusalError, match="1 requests are being answered"), gate.entered():
            pass
        proceed.set()
        while gate.requests:
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(late(), 60))
    gate.close()
    assert (gate.requests, gate.buffered) == (0, 0)


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
