"""Waiting for a condition rather than for a time, which a busy machine makes too short."""

import time
from collections.abc import Callable

SECONDS = 60


def until(condition: Callable[[], object]) -> None:
    """Returns as soon as the condition holds; fails after a minute.

    A condition may itself fail when waiting has become pointless, as when a process has ended.
    """
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, f"not within {SECONDS} s"
        time.sleep(0.01)
