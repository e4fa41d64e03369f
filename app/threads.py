"""Work that threads share: results in the order of what they are of, and few pixels at once."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

MOST_TOGETHER = 16  # items that a thread takes at once: to hand one over takes 0.1 ms
ROUNDS = 4  # in which each thread takes some at least, so that all end at about the same time

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Item], Result], items: Sequence[Item], threads: int
) -> Generator[Result, None, None]:
    """Does the work for each item, by threads if there are several and several items.

    Few results are held at once, however many items there are. When the iterator is closed, items
    that are not begun are left.

    Args:
        work: what is done; what it raises is raised in the item's place.
        items: what for.
        threads: how many.

    Yields:
        The results, in the items' order.
    """
    if threads == 1 or len(items) < 2:
        yield from map(work, items)
        return
    # Not at the top: to import it takes 10 ms on a Zen 1, and one item needs none of it.
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    together = max(1, min(MOST_TOGETHER, len(items) // (ROUNDS * threads)))
    is_closed = threading.Event()

    def run(begin: int) -> list[Result]:
        done = []
        for item in items[begin : begin + together]:
            if is_closed.is_set():
                break
            done.append(work(item))
        return done

    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[list[Result]]] = deque()
    try:
        for begin in range(0, len(items), together):
            waiting.append(pool.submit(run, begin))
            if len(waiting) > 2 * threads:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        is_closed.set()
        pool.shutdown(cancel_futures=True)


class PixelBudget:
    """So many pixels, which threads share; a thread that finds too few left waits."""

    def __init__(self, pixels: int) -> None:
        self._all = self._free = pixels
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Takes so many pixels, at most all that there are, and gives them back at the end."""
        pixels = min(pixels, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= pixels)
            self._free -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()
