"""How much slower one model is than another, whatever the noise.

A model's latency depends on where its memory happens to lie, by a per cent or two for as long as it
is loaded. So both are loaded anew many times and timed interleaved, and it is over these loads that
the interval is taken: more rounds of one load would only measure that load better.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from spotimes.benchmarking import latency
from spotimes.params.compare import Timing
from spotimes.system.cores import at_most_allowed

FEWEST_LOADS = 10
FIRST, SECOND = "first", "second"


class Load(NamedTuple):
    """Both models loaded once, and timed interleaved.

    Attributes:
        first: nanoseconds, the median over its rounds' medians.
        second: likewise.
        ratio: the median over rounds of the second's median latency over the first's.
    """

    first: float
    second: float
    ratio: float


class PairedLatency(NamedTuple):
    """Two models' latency, in microseconds.

    Attributes:
        ratio: the second's over the first's, with its interval.
        first_us: the first's median.
        second_us: the second's.
    """

    ratio: latency.Ratio
    first_us: float
    second_us: float


def measure(first: Path, second: Path, timing: Timing) -> PairedLatency:
    """Times two .tflite files until their ratio's interval is narrow enough, or the time is over.

    Args:
        first: the file whose latency is divided by.
        second: another.
        timing: `compare.timing` of params.yaml.

    Raises:
        InputError: a file is missing or the runtime cannot run it.

    Example:
        >>> timing = load_group("compare", Compare).timing
        >>> measure(Path("old.tflite"), Path("models/model_int8.tflite"), timing).ratio
    """
    threads = at_most_allowed(
        timing.threads, "params.yaml: compare.timing.threads", "no more are used"
    )
    endless = loads(first, second, timing.model_copy(update={"threads": threads}))
    progress = tqdm(endless, desc=f"timing, at most {timing.budget_seconds:g} s", unit="load")
    taken = until_narrow(progress, timing)
    first_ns, second_ns = medians(taken)
    return PairedLatency(ratio(taken), first_ns / 1e3, second_ns / 1e3)


def loads(first: Path, second: Path, timing: Timing) -> Iterator[Load]:
    """Loads and times two models, without end.

    Args:
        first: a .tflite file, whose latency is divided by.
        second: another.
        timing: how each load is timed.

    Raises:
        InputError: a file is missing or the runtime cannot run it.
    """
    paths = {FIRST: first, SECOND: second}
    for number in count():
        # The one and the other is loaded first in turn.
        order = (FIRST, SECOND) if number % 2 else (SECOND, FIRST)
        models = {name: paths[name] for name in order}
        endless = latency.interleaved_rounds(
            models,
            timing.threads,
            warmup_seconds=timing.warmup_seconds,
            round_ms=timing.round_ms,
            seed=number,
        )
        taken = [
            {name: float(np.median(of_name)) for name, of_name in times.items()}
            for times in islice(endless, timing.rounds)
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
    timing: Timing,
    clock: Callable[[], float] = time.monotonic,
) -> list[Load]:
    """Takes loads until their ratio's interval is narrow enough, or the time is over.

    Args:
        endless: such as `loads` gives.
        timing: the fewest loads, the widest interval and the longest time to stop at.
        clock: gives seconds.

    Returns:
        The loads taken, at least `FEWEST_LOADS`, whatever the time.
    """
    taken: list[Load] = []
    end = clock() + timing.budget_seconds
    check = max(timing.min_loads, FEWEST_LOADS)
    for load in endless:
        taken.append(load)
        if len(taken) < FEWEST_LOADS:
            continue
        if clock() >= end:
            break
        if len(taken) >= check:
            if ratio(taken).interval_width <= timing.interval_width:
                break
            check = 2 * len(taken)  # few checks: each may end it by chance
    return taken
