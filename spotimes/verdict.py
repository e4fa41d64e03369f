"""What can be said of a figure that was one thing and is another."""

from enum import Enum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.latency import Ratio
from spotimes.statistics import mcnemar

SIGNIFICANCE = 0.05
Z = 1.959964  # of a 95% interval
# Intervals that are wider than this say too little to speak of no difference.
WIDEST_RATIO = 0.05
WIDEST_ACCURACY = 0.01


class Word(Enum):
    """The verdict in a word."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "no measurable difference"
    NOISY = "too noisy to say"
    UNKNOWN = "not measured"


class Verdict(NamedTuple):
    """A verdict.

    Attributes:
        word: it.
        reason: of `NOISY`, what would settle it; of `UNKNOWN`, why not. Empty otherwise.
    """

    word: Word
    reason: str = ""


class Paired(NamedTuple):
    """How two classifiers do on the same images.

    Attributes:
        difference: the second's accuracy less the first's.
        low: lower end of its 95% interval.
        high: upper end.
        first_only: images that only the first gets right.
        second_only: images that only the second does.
        p_value: of McNemar's test.
    """

    difference: float
    low: float
    high: float
    first_only: int
    second_only: int
    p_value: float


def of_cost(before: float, after: float) -> Verdict:
    """Of a cost that is counted, not measured: any difference is one."""
    if after == before:
        return Verdict(Word.SAME)
    return Verdict(Word.BETTER if after < before else Word.WORSE)


def of_latency(ratio: Ratio, smallest: float) -> Verdict:
    """Of the ratio of the latency after to that before.

    Args:
        ratio: with its interval.
        smallest: a ratio nearer to 1 than this is no difference that matters; above 1.
    """
    if ratio.low > smallest:
        return Verdict(Word.WORSE)
    if ratio.high < 1 / smallest:
        return Verdict(Word.BETTER)
    if ratio.interval_width <= WIDEST_RATIO:
        return Verdict(Word.SAME)
    more = (ratio.interval_width / WIDEST_RATIO) ** 2
    return Verdict(
        Word.NOISY, f"an idle machine would settle it, or about {more:.1f} times as many loads"
    )


def of_accuracy(paired: Paired, among: int = 1) -> Verdict:
    """Of two classifiers' accuracy on the same images.

    Args:
        paired: how they do.
        among: of so many such verdicts; chance is not to make any of them, so each must be the
            surer (Bonferroni).
    """
    if paired.p_value < SIGNIFICANCE / among:
        return Verdict(Word.BETTER if paired.difference > 0 else Word.WORSE)
    width = paired.high - paired.low
    if width <= WIDEST_ACCURACY:
        return Verdict(Word.SAME)
    more = (width / WIDEST_ACCURACY) ** 2
    return Verdict(Word.NOISY, f"about {more:.1f} times as many images would settle it")


def paired(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> Paired:
    """Compares which images two classifiers get right.

    The interval is Wald's of a difference of paired shares (Agresti 2013, Categorical Data
    Analysis, section 11.1).

    Args:
        first: bool, shape (images,), at least one.
        second: the same of the second.
    """
    test, count = mcnemar(first, second), len(first)
    difference = (test.second_only - test.first_only) / count
    discordant = (test.second_only + test.first_only) / count
    error = np.sqrt(max(discordant - difference**2, 0) / count)
    return Paired(
        difference,
        difference - Z * float(error),
        difference + Z * float(error),
        test.first_only,
        test.second_only,
        test.p_value,
    )
