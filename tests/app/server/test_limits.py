import asyncio
import threading

import pytest

from app.server.limits import Gate, Limits
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
