"""What can be said of a figure that had one value and has another: better, worse, or neither."""

from enum import Enum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.benchmarking.latency import Ratio
from spotimes.evaluation.statistics import Difference, mcnemar, paired_difference, quantile

SIGNIFICANCE = 0.05
# A difference whose whole interval is within this, as a share of all images, is called none.
SAME_ACCURACY = 0.01


class Outcome(Enum):
    """What a comparison of two values comes to."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "no measurable difference"
    NOISY = "too noisy to say"
    UNKNOWN = "not measured"


class Verdict(NamedTuple):
    """A verdict.

    Attributes:
        outcome: what it comes to.
        reason: of `NOISY`, what would settle it; of `UNKNOWN`, why not. Empty otherwise.
    """

    outcome: Outcome
    reason: str = ""


class Paired(NamedTuple):
    """How two classifiers do on the same images.

    Attributes:
        difference: the second's accuracy less the first's.
        first_only: images that only the first classifies correctly.
        second_only: images that only the second does.
        p_value: of McNemar's test.
    """

    difference: Difference
    first_only: int
    second_only: int
    p_value: float


def of_cost(before: float, after: float, spread: float = 0) -> Verdict:
    """Of a cost that is counted.

    Args:
        before: what it was, above 0.
        after: what it is.
        spread: the share of it by which counts of one model differ.
    """
    if abs(after - before) <= spread * before:
        return Verdict(Outcome.SAME)
    return Verdict(Outcome.BETTER if after < before else Outcome.WORSE)


def of_latency(ratio: Ratio, smallest: float) -> Verdict:
    """Of the ratio of the latency after to that before.

    Args:
        ratio: with its interval.
        smallest: above 1. A ratio whose whole interval is farther from 1 is better or worse; one
            whose whole interval is nearer to 1 than twice that far is no difference.
    """
    same = 2 * smallest - 1
    if ratio.low > smallest:
        return Verdict(Outcome.WORSE)
    if ratio.high < 1 / smallest:
        return Verdict(Outcome.BETTER)
    if ratio.low >= 1 / same and ratio.high <= same:
        return Verdict(Outcome.SAME)
    middle = ratio.median
    room = max(middle - smallest, 1 / smallest - middle, min(same - middle, middle - 1 / same))
    more = _times_as_many(ratio.low, ratio.high, room)
    return Verdict(Outcome.NOISY, f"an idle machine would settle it, or about {more} loads")


def of_accuracy(paired: Paired, among: int = 1) -> Verdict:
    """Of two classifiers' accuracy on the same images.

    Args:
        paired: how they do.
        among: of so many such verdicts; chance is not to make any of them, so each has its share
            of the significance (Bonferroni).
    """
    significant = paired.p_value < SIGNIFICANCE / among
    return _of_difference(paired.difference, significant, among)


def of_difference(difference: Difference) -> Verdict:
    """Of a difference of accuracies: what its whole interval agrees on."""
    return _of_difference(difference, difference.low > 0 or difference.high < 0, 1)


def _of_difference(difference: Difference, significant: bool, among: int) -> Verdict:
    value, low, high = difference
    if significant:
        return Verdict(Outcome.BETTER if value > 0 else Outcome.WORSE)
    if low >= -SAME_ACCURACY and high <= SAME_ACCURACY:
        return Verdict(Outcome.SAME)
    wider = quantile(1 - SIGNIFICANCE / among) / quantile(1 - SIGNIFICANCE)
    room = max(abs(value) / wider, SAME_ACCURACY - abs(value))
    more = _times_as_many(low, high, room)
    return Verdict(Outcome.NOISY, f"about {more} images would settle it")


def _times_as_many(low: float, high: float, room: float) -> str:
    """How many times the sample halves of the interval fit into `room`: it narrows with the root.

    An interval off its middle's centre may be narrow enough and yet say nothing, hence 1.1 at
    least.
    """
    return f"{max(((high - low) / 2 / room) ** 2, 1.1):,.1f} times as many"


def paired(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> Paired:
    """Compares which images two classifiers classify correctly.

    Args:
        first: bool, shape (images,), at least one.
        second: the same of the second.
    """
    test = mcnemar(first, second)
    return Paired(paired_difference(first, second), test.first_only, test.second_only, test.p_value)
