"""How much slower one model is than another, so that noise cannot fool whoever reads it.

A model's latency depends on where its memory happens to lie, by a per cent or two for as long as it
is loaded. So both are loaded anew many times, each time timed by turns, and it is over these loads
that the interval is taken: more rounds of one load would only measure that load better.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spotimes.benchmarking import latency

FEWEST_LOADS = 10
FIRST, SECOND = "first", "second"


class Load(NamedTuple):
    """Both models loaded once, and timed by turns.

    Attributes:
        first: nanoseconds, the median over its rounds' medians.
        second: likewise.
        ratio: the median over rounds of the second's median latency over the first's.
    """

    first: float
    second: float
    ratio: float


def loads(
    first: Path,
    second: Path,
    threads: int,
    warmup_seconds: float,
    round_ms: float,
    rounds: int,
) -> Iterator[Load]:
    """Loads and times two models, without end.

    Args:
        first: a .tflite file, whose latency is divided by.
        second: another.
        threads: of the runtime.
        warmup_seconds: how long each runs after it is loaded.
        round_ms: how long each runs in a round.
        rounds: of a load.

    Raises:
        InputError: a file is missing or the runtime cannot run it.
    """
    paths = {FIRST: first, SECOND: second}
    for number in count():
        # By turns the one and the other is loaded first.
        order = (FIRST, SECOND) if number % 2 else (SECOND, FIRST)
        models = {name: paths[name] for name in order}
        endless = latency.interleaved_rounds(models, threads, warmup_seconds, round_ms, number)
        taken = [
            {name: float(np.median(of_name)) for name, of_name in times.items()}
            for times in islice(endless, rounds)
        ]
        yield Load(
            float(np.median([times[FIRST] for times in taken])),
            float(np.median([times[SECOND] for times in taken])),
            float(np.median([times[SECOND] / times[FIRST] for times in taken])),
        )


def ratio(taken: Sequence[Load]) -> latency.Ratio:
    """The median over loads with a 95% interval.

    Args:
        taken: at least `FEWEST_LOADS`.
    """
    values = [load.ratio for load in taken]
    return latency.Ratio(float(np.median(values)), *latency.median_interval(values))


def medians(taken: Sequence[Load]) -> tuple[float, float]:
    """Both models' median latency, in nanoseconds."""
    return (
        float(np.median([load.first for load in taken])),
        float(np.median([load.second for load in taken])),
    )


def until_narrow(
    endless: Iterable[Load],
    min_loads: int,
    interval_width: float,
    budget_seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> list[Load]:
    """Takes loads until their ratio's interval is narrow enough, or the time is over.

    Args:
        endless: such as `loads` gives.
        min_loads: the fewest to stop at for a narrow interval.
        interval_width: the widest interval, as a share of the ratio, to stop at.
        budget_seconds: the longest time.
        clock: tells seconds.

    Returns:
        The loads taken, at least `FEWEST_LOADS`, whatever the time.
    """
    taken: list[Load] = []
    end = clock() + budget_seconds
    check = max(min_loads, FEWEST_LOADS)
    for load in endless:
        taken.append(load)
        if len(taken) < FEWEST_LOADS:
            continue
        if clock() >= end:
            break
        if len(taken) >= check:
            if ratio(taken).interval_width <= interval_width:
                break
            check = 2 * len(taken)  # few looks: each is another chance for a lucky one
    return taken
