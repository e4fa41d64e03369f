"""Whether answers are correct as often as their probabilities say, and how sure that is."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.evaluation import metrics
from spotimes.evaluation.statistics import Correct, Difference, Labels

DRAWS = 500
Numbers = npt.NDArray[np.float64]


class Confidence(NamedTuple):
    """What a classifier says of how sure its answers are.

    Attributes:
        claimed: the highest probability of each image, float64, shape (images,).
        correct: which answers are, bool, shape (images,).
    """

    claimed: Numbers
    correct: Correct

    @classmethod
    def of(cls, probabilities: npt.NDArray[np.floating], labels: Labels) -> "Confidence":
        """Of probabilities of shape (images, classes), and labels of shape (images,)."""
        claimed = probabilities.max(axis=1).astype(np.float64)
        return cls(claimed, probabilities.argmax(axis=1) == labels)

    def bins(self, count: int) -> npt.NDArray[np.int64]:
        """The equal bin, ((b - 1) / count, b / count], that each image falls into, from 0."""
        found = np.ceil(self.claimed * count).astype(np.int64) - 1
        return np.clip(found, 0, count - 1)

    def error(self, bins: int) -> float:
        """The expected calibration error (Guo et al. 2017, arXiv:1706.04599, equation 3).

        It is the mean over images of their bin's |accuracy - mean confidence|: 0, calibrated, to 1.
        """
        return float(self._errors(np.ones((1, len(self.claimed))), bins)[0])

    def drawn_errors(self, bins: int) -> Numbers:
        """The errors of `DRAWS` bootstrap samples; of as many images always the same samples."""
        generator, count = np.random.default_rng(1), len(self.claimed)
        draws = (generator.integers(0, count, count) for _ in range(DRAWS))
        weights = (np.bincount(each, minlength=count) for each in draws)
        return np.concatenate([self._errors(each[np.newaxis], bins) for each in weights])

    def _errors(self, weights: npt.NDArray[np.generic], bins: int) -> Numbers:
        gaps, bin_of = self.correct - self.claimed, self.bins(bins)
        sums = [np.bincount(bin_of, weights=row * gaps, minlength=bins) for row in weights]
        errors: Numbers = np.abs(sums).sum(axis=1) / len(gaps)
        return errors


class Reliability(NamedTuple):
    """A bin of a reliability diagram that has images.

    Attributes:
        claimed: their mean highest probability.
        correct: the share of them that is classified correctly.
        images: how many.
    """

    claimed: float
    correct: float
    images: int


def measure(
    before: npt.NDArray[np.floating], after: npt.NDArray[np.floating], labels: Labels, bins: int
) -> metrics.Calibration:
    """Measures the INT8 model's calibration.

    Args:
        before: its probabilities at temperature 1, shape (images, classes).
        after: those at its own.
        labels: shape (images,).
        bins: at least 1.
    """
    first, second = (Confidence.of(each, labels) for each in (before, after))
    error, low, high = interval(second, bins)
    error_before, low_before, high_before = interval(first, bins)
    return metrics.Calibration(
        error=error,
        error_low=low,
        error_high=high,
        error_at_1=error_before,
        error_at_1_low=low_before,
        error_at_1_high=high_before,
    )


def interval(confidence: Confidence, bins: int) -> Difference:
    """The calibration error with its 95% interval.

    The error of a sample is larger than that of all images, by what chance adds to each bin, and a
    bootstrap sample's by as much again: so the interval is the basic bootstrap's, which takes it
    off (Davison and Hinkley 1997, Bootstrap Methods, section 5.2), and not the percentiles'.
    """
    error, drawn = confidence.error(bins), confidence.drawn_errors(bins)
    low, high = 2 * error - np.percentile(drawn, [97.5, 2.5])
    return Difference(error, max(0.0, float(low)), max(0.0, float(high)))


def difference(before: Confidence, after: Confidence, bins: int) -> Difference:
    """How much larger a second classifier's error is, on the same images, as `interval` has it."""
    value = after.error(bins) - before.error(bins)
    drawn = after.drawn_errors(bins) - before.drawn_errors(bins)
    low, high = 2 * value - np.percentile(drawn, [97.5, 2.5])
    return Difference(value, float(low), float(high))


def reliability(confidence: Confidence, bins: int) -> list[Reliability]:
    """The bins that have images, from the least sure to the surest."""
    bin_of = confidence.bins(bins)
    groups = [bin_of == number for number in range(bins)]
    return [
        Reliability(
            float(confidence.claimed[group].mean()),
            float(confidence.correct[group].mean()),
            int(group.sum()),
        )
        for group in groups
        if group.any()
    ]
