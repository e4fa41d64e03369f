"""Latency of models that are compared: interleaved rounds, and ratios with an interval."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from spotimes.benchmarking.timing import Times, interleaved, timed
from spotimes.errors import InputError
from spotimes.inference.interpreter import fill_inputs, load_interpreter, noise

RESAMPLES = 2000
NONE: Mapping[str, Callable[[], object]] = MappingProxyType({})
# Of fewer values not even the range holds the median in 95% of all cases: 1 - 2 / 2**5 < 0.95.
FEWEST_ROUNDS = 6


class Ratio(NamedTuple):
    """How much slower one model is than another.

    Attributes:
        median: over the rounds, of the ratio of both models' median latency in that round.
        low: lower end of its 95% interval.
        high: upper end.
    """

    median: float
    low: float
    high: float

    @property
    def interval_width(self) -> float:
        """The interval's width as a share of the median."""
        return (self.high - self.low) / self.median


def interleaved_rounds(
    models: Mapping[str, Path],
    threads: int,
    *,
    warmup_seconds: float,
    round_ms: float,
    seed: int = 0,
    others: Mapping[str, Callable[[], object]] = NONE,
) -> Iterator[dict[str, Times]]:
    """Times the models interleaved, without end; each round has an order of its own.

    Args:
        models: .tflite files by name. Each gets one random input.
        threads: of the runtime, for each model.
        warmup_seconds: how long each runs before the first round.
        round_ms: how long each runs in a round, but at least once.
        seed: of the inputs and of the order.
        others: functions to time as well, by names that are no model's.

    Yields:
        A round: for each name, `models`' before `others`', the nanoseconds of each call. A model's
        is `Interpreter.invoke()`, so Python's call, below a microsecond, is part of it.

    Raises:
        InputError: a file is missing or the runtime cannot run it.
    """
    generator = np.random.default_rng(seed)
    invocations: dict[str, Callable[[], object]] = {
        name: _ready(path, threads, generator, int(warmup_seconds * 1e9))
        for name, path in models.items()
    }
    for name, function in others.items():
        timed(function, int(warmup_seconds * 1e9))
        invocations[name] = function
    yield from interleaved(invocations, round_ms, generator)


def until_narrow(
    rounds: Iterable[Mapping[str, Times]],
    slower: str,
    faster: str,
    *,
    min_rounds: int,
    interval_width: float,
    budget_seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> list[Mapping[str, Times]]:
    """Takes rounds until the interval of the ratio of two models is narrow enough.

    Args:
        rounds: such as `interleaved_rounds` gives.
        slower: the model whose latency is divided by that of `faster`.
        faster: the other.
        min_rounds: the fewest rounds to stop at for a narrow interval.
        interval_width: the widest interval, as a share of the ratio, to stop at.
        budget_seconds: the longest time from the first round's end on.
        clock: gives seconds.

    Returns:
        The rounds taken, at least `FEWEST_ROUNDS`, whatever the budget.
    """
    taken: list[Mapping[str, Times]] = []
    check, end = max(min_rounds, FEWEST_ROUNDS), 0.0
    for times in rounds:
        taken.append(times)
        end = end or clock() + budget_seconds
        if len(taken) < FEWEST_ROUNDS:
            continue
        if clock() >= end:
            break
        if len(taken) >= check:
            if ratio(taken, slower, faster).interval_width <= interval_width:
                break
            # Growing steps keep the bootstrap's share of the time small.
            check = len(taken) + max(10, len(taken) // 5)
    return taken


def ratio(rounds: Iterable[Mapping[str, Times]], slower: str, faster: str) -> Ratio:
    """The ratio of two models' latency, with a 95% interval.

    A round's two medians were taken within milliseconds of each other, so what slows the machine
    down for longer cancels in their ratio. The interval is the percentile bootstrap (Efron 1979)
    of the median over rounds, seeded.

    Args:
        rounds: such as `until_narrow` gives, at least two.
        slower: the numerator's name.
        faster: the denominator's.
    """
    ratios = np.array([np.median(times[slower]) / np.median(times[faster]) for times in rounds])
    middle = float(np.median(ratios))
    interval = stats.bootstrap(
        (ratios,),
        np.median,
        n_resamples=RESAMPLES,
        batch=max(1, 2_000_000 // len(ratios)),  # bounds the memory
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Ratio(middle, float(interval.low), float(interval.high))


def summary(rounds: Iterable[Mapping[str, Times]], name: str) -> dict[str, float]:
    """A model's latency in milliseconds.

    Returns:
        `median_ms`, the median round's median, with `median_low_ms` and `median_high_ms`, the ends
        of its 95% interval; over all invocations `mean_ms`, `p95_ms`, `p99_ms` (these include each
        round's first invocations, which find other models' data in the caches) and their number,
        `invocations`.
    """
    own = [times[name] for times in rounds]
    medians = [float(np.median(times) / 1e6) for times in own]
    interval = median_interval(medians)
    together = np.concatenate(own) / 1e6
    p95, p99 = np.percentile(together, [95, 99])
    return {
        "median_ms": float(np.median(medians)),
        "median_low_ms": interval[0],
        "median_high_ms": interval[1],
        "mean_ms": float(together.mean()),
        "p95_ms": float(p95),
        "p99_ms": float(p99),
        "invocations": len(together),
    }


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """A 95% interval of what the values are drawn from's median, whatever their distribution.

    Its ends are two of them, chosen so that the median lies between in 95% of all cases (Conover
    1999, Practical Nonparametric Statistics, section 3.2).

    Args:
        values: at least `FEWEST_ROUNDS`.
    """
    found: Any = stats.quantile_test(values, q=1, p=0.5).confidence_interval(0.95)
    return float(found.low), float(found.high)


def percentiles(rounds: Iterable[Mapping[str, Times]], name: str) -> list[tuple[int, float]]:
    """A model's latency: for each per cent from 1 to 99 the microseconds within which it is."""
    together = np.concatenate([times[name] for times in rounds]) / 1e3
    percents = range(1, 100)
    return list(zip(percents, np.percentile(together, percents).tolist(), strict=True))


def _ready(
    path: Path, threads: int, generator: np.random.Generator, nanoseconds: int
) -> Callable[[], None]:
    """Loads a model, gives it an input and warms it up."""
    interpreter = load_interpreter(path, threads)
    fill_inputs(interpreter, lambda details: noise(details, generator))
    invoke: Callable[[], None] = interpreter.invoke
    try:
        timed(invoke, nanoseconds)
    except RuntimeError as error:
        raise InputError(f"{path}: cannot be run: {error}") from error
    return invoke
