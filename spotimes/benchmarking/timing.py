"""Times functions interleaved, so that what slows the machine down meets all of them alike."""

import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]


def interleaved(
    functions: Mapping[str, Callable[[], object]], round_ms: float, generator: np.random.Generator
) -> Iterator[dict[str, Times]]:
    """Times functions interleaved, without end; each round has an order of its own.

    Args:
        functions: by name.
        round_ms: how long each is called in a round, but at least once.
        generator: of the order.

    Yields:
        A round: for each name, in the order of `functions`, the nanoseconds of each call.
    """
    names = list(functions)
    while True:
        times = {
            names[index]: timed(functions[names[index]], int(round_ms * 1e6))
            for index in generator.permutation(len(names))
        }
        yield {name: times[name] for name in names}


def timed(function: Callable[[], object], nanoseconds: int) -> Times:
    """Calls `function` until `nanoseconds` have gone by, at least once.

    Returns:
        int64, shape (calls,): the nanoseconds of each call.
    """
    clock, times = time.perf_counter_ns, []
    end = clock() + nanoseconds
    while True:
        start = clock()
        function()
        stop = clock()
        times.append(stop - start)
        if stop >= end:
            return np.array(times)
