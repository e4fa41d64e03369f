"""How well two classifiers do on the same images, and how sure that is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

Labels = npt.NDArray[np.integer]
Right = npt.NDArray[np.bool_]


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


def wilson(right: int, total: int, confidence: float = 0.95) -> Share:
    """The share `right / total` with Wilson's interval (1927, J. Am. Stat. Assoc. 22:209).

    Args:
        right: how many, 0 to `total`.
        total: of how many, at least 1.
        confidence: of the interval.
    """
    interval = stats.binomtest(right, total).proportion_ci(confidence, method="wilson")
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


def paired_difference(first: Right, second: Right, confidence: float = 0.95) -> Difference:
    """How much more often the second classifier is right, on the same images.

    The interval is that of Agresti and Min (2005, Statistics in Medicine 24:729), Wald's once half
    an image is added to each cell of the table: none flipped does not mean that none ever will.

    Args:
        first: bool, shape (images,), at least one: what the first classifier gets right.
        second: the same of the second.
        confidence: of the interval.
    """
    lost, gained = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    count, more = len(first), gained - lost
    error = np.sqrt(lost + gained + 1 - more**2 / (count + 2)) / (count + 2)
    middle, margin = more / (count + 2), float(quantile(confidence) * error)
    return Difference(more / count, middle - margin, middle + margin)


def quantile(confidence: float) -> float:
    """How many standard errors a normal interval reaches to each side: 1.96 of 95%."""
    return float(stats.norm.ppf((1 + confidence) / 2))


def worst_class_difference(first: Sequence[Right], second: Sequence[Right]) -> Difference:
    """How much better the second classifier does in its worst class than the first in its own.

    The worst classes need not be the same, and either may be the worst by chance alone: the least
    of many shares is biased, and so is the bootstrap of it. So intervals are made that hold all
    classes' shares, and all their differences, at once (Bonferroni). The least share lies between
    the least low end and the least high end, and the difference of the least between the least and
    the largest difference; both bounds hold together in 95% of all cases, or more.

    Args:
        first: for each class, bool, shape (images of the class,), at least one: what the first
            classifier gets right.
        second: the same of the second.
    """
    confidence = 1 - 0.05 / (3 * len(first))
    shares = [
        [wilson(int(right.sum()), len(right), confidence) for right in side]
        for side in (first, second)
    ]
    (value, low, high), (value_after, low_after, high_after) = (
        (min(column) for column in zip(*side, strict=True)) for side in shares
    )
    paired = [
        paired_difference(one, other, confidence) for one, other in zip(first, second, strict=True)
    ]
    return Difference(
        value_after - value,
        max(low_after - high, min(each.low for each in paired)),
        min(high_after - low, max(each.high for each in paired)),
    )


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
