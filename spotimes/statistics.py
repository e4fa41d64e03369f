"""How well two classifiers do on the same images, and how sure that is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

Labels = npt.NDArray[np.integer]
Right = npt.NDArray[np.bool_]

RESAMPLES = 2000


class Share(NamedTuple):
    """A share of images.

    Attributes:
        value: the share itself, 0 to 1.
        low: lower end of its 95% interval.
        high: upper end.
    """

    value: float
    low: float
    high: float


class McNemar(NamedTuple):
    """Whether two classifiers are right equally often.

    Attributes:
        first_only: images that only the first gets right.
        second_only: images that only the second gets right.
        p_value: two-sided; how often chance alone parts them at least so far.
    """

    first_only: int
    second_only: int
    p_value: float


class Difference(NamedTuple):
    """How much larger one share is than another.

    Attributes:
        value: the difference itself, -1 to 1.
        low: lower end of its 95% interval.
        high: upper end.
    """

    value: float
    low: float
    high: float


def wilson(right: int, total: int) -> Share:
    """The share `right / total` with Wilson's 95% interval (1927, J. Am. Stat. Assoc. 22:209).

    Args:
        right: how many, 0 to `total`.
        total: of how many, at least 1.
    """
    interval = stats.binomtest(right, total).proportion_ci(0.95, method="wilson")
    return Share(right / total, float(interval.low), float(interval.high))


def mcnemar(first: Right, second: Right) -> McNemar:
    """McNemar's test (1947, Psychometrika 12:153) in its exact, binomial form.

    Args:
        first: bool, shape (images,): what the first classifier gets right.
        second: the same of the second.
    """
    only_first = int(np.sum(first & ~second))
    only_second = int(np.sum(second & ~first))
    discordant = only_first + only_second
    p_value = stats.binomtest(only_first, discordant).pvalue if discordant else 1.0
    return McNemar(only_first, only_second, float(p_value))


def worst_class_difference(first: Sequence[Right], second: Sequence[Right]) -> Difference:
    """How much better the second classifier does in its worst class than the first in its own.

    The worst classes need not be the same, and either may be the worst by chance alone. So the
    interval is the bootstrap's (percentiles; Efron and Tibshirani 1993, An Introduction to the
    Bootstrap, section 13.3): of images drawn anew from each class, pairs together. As to what no
    image shows, half an image is added to each way in which a pair can come out.

    Args:
        first: for each class, bool, shape (images of the class,), at least one: what the first
            classifier gets right.
        second: the same of the second.

    Returns:
        The same for the same answers.
    """
    generator = np.random.Generator(np.random.PCG64(1))
    worst_first: npt.NDArray[np.float64] = np.ones(RESAMPLES)
    worst_second: npt.NDArray[np.float64] = np.ones(RESAMPLES)
    for one, other in zip(first, second, strict=True):
        cells = np.bincount(2 * one + other, minlength=4) + 0.5
        drawn = generator.multinomial(len(one), cells / cells.sum(), RESAMPLES) / len(one)
        worst_first = np.minimum(worst_first, drawn[:, 2] + drawn[:, 3])
        worst_second = np.minimum(worst_second, drawn[:, 1] + drawn[:, 3])
    low, high = np.percentile(worst_second - worst_first, (2.5, 97.5))
    value = min(float(each.mean()) for each in second) - min(float(each.mean()) for each in first)
    return Difference(value, float(low), float(high))


def expected_calibration_error(
    probabilities: npt.NDArray[np.floating], labels: Labels, bins: int
) -> float:
    """How far confidence is from accuracy (Guo et al. 2017, arXiv:1706.04599, equation 3).

    Each image falls into one of `bins` equal bins ((b - 1) / bins, b / bins] by its highest
    probability; the error is the mean over images of their bin's |accuracy - mean confidence|.

    Args:
        probabilities: shape (images, classes).
        labels: shape (images,).
        bins: at least 1.

    Returns:
        0, calibrated, to 1.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(bin_of, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def class_accuracy(predicted: Labels, labels: Labels, classes: int) -> npt.NDArray[np.float64]:
    """The share of each class's images that is predicted right.

    Args:
        predicted: shape (images,).
        labels: shape (images,).
        classes: how many there are.

    Returns:
        float64, shape (classes,); NaN where a class has no image.
    """
    confusion = confusion_matrix(predicted, labels, classes)
    images = confusion.sum(axis=1)
    return np.where(images > 0, confusion.diagonal() / np.maximum(images, 1), np.nan)


def confusion_matrix(predicted: Labels, labels: Labels, classes: int) -> npt.NDArray[np.int64]:
    """Counts images by label and prediction.

    Returns:
        int64, shape (classes, classes): a row for each label, a column for each prediction.
    """
    pairs = labels.astype(np.int64) * classes + predicted
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
