"""How well two classifiers do on the same images, and how sure that is."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

Labels = npt.NDArray[np.integer]
# Bool, shape (images,): which of them a classifier classifies correctly.
Correct = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.integer]
# For each class that has images, at least one, which of them are classified correctly.
ByClass = Sequence[Correct]


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
    """Whether two classifiers are correct equally often.

    Attributes:
        first_only: images that only the first classifies correctly.
        second_only: images that only the second classifies correctly.
        p_value: two-sided; how often chance alone makes them differ at least so much.
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


def wilson(correct: float, total: float, confidence: float = 0.95) -> Share:
    """The share `correct / total` with Wilson's interval (1927, J. Am. Stat. Assoc. 22:209).

    Args:
        correct: how many, 0 to `total`; an effective number need not be whole.
        total: of how many, above 0.
        confidence: of the interval.
    """
    share, z = correct / total, quantile(confidence)
    scale = 1 + z**2 / total
    middle = (share + z**2 / (2 * total)) / scale
    margin = z * math.sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2) / scale
    return Share(share, max(0.0, middle - margin), min(1.0, middle + margin))


def mcnemar(first: Correct, second: Correct) -> McNemar:
    """McNemar's test (1947, Psychometrika 12:153) in its exact, binomial form.

    Args:
        first: bool, shape (images,): what the first classifies correctly.
        second: the same of the second.
    """
    only_first = int(np.sum(first & ~second))
    only_second = int(np.sum(second & ~first))
    discordant = only_first + only_second
    p_value = stats.binomtest(only_first, discordant).pvalue if discordant else 1.0
    return McNemar(only_first, only_second, float(p_value))


def paired_difference(first: Correct, second: Correct, confidence: float = 0.95) -> Difference:
    """How much more often the second classifier is correct, on the same images.

    The interval is that of Agresti and Min (2005, Statistics in Medicine 24:729), Wald's once half
    an image is added to each cell of the table: none flipped does not mean that none ever will.

    Args:
        first: bool, shape (images,), at least one: what the first classifies correctly.
        second: the same of the second.
        confidence: of the interval.
    """
    lost, gained = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    count, more = len(first), gained - lost
    error = np.sqrt(lost + gained + 1 - more**2 / (count + 2)) / (count + 2)
    middle, margin = more / (count + 2), quantile(confidence) * float(error)
    return Difference(more / count, middle - margin, middle + margin)


def top1(classes: ByClass) -> float:
    """The share of all images that are classified correctly."""
    return float(np.concatenate(classes).mean())


def top1_difference(first: ByClass, second: ByClass) -> Difference:
    """How much larger the second classifier's top-1 is, by `paired_difference`."""
    return paired_difference(np.concatenate(first), np.concatenate(second))


def balanced_accuracy(classes: ByClass) -> float:
    """The mean of the classes' accuracies (Brodersen et al. 2010, ICPR, p. 3121)."""
    return fmean(float(correct.mean()) for correct in classes)


def balanced_accuracy_difference(first: ByClass, second: ByClass) -> Difference:
    """How much larger the second classifier's balanced accuracy is, on the same images.

    The classes are strata, whose images are drawn apart: so the squares of their intervals' margins
    add up (Cochran 1977, Sampling Techniques, chapter 5), each the interval of `paired_difference`.

    Args:
        first: what the first classifies correctly of each class.
        second: the same of the second.
    """
    pairs = [paired_difference(one, other) for one, other in zip(first, second, strict=True)]
    middle = fmean((pair.low + pair.high) / 2 for pair in pairs)
    margin = math.hypot(*((pair.high - pair.low) / 2 for pair in pairs)) / len(pairs)
    return Difference(fmean(pair.value for pair in pairs), middle - margin, middle + margin)


def worst_class(classes: ByClass) -> float:
    """The accuracy of the class that fares worst."""
    return min(float(correct.mean()) for correct in classes)


@functools.cache  # SciPy takes longer than all else in an interval
def quantile(confidence: float) -> float:
    """How many standard errors a normal interval reaches to each side: 1.96 of 95%."""
    return float(stats.norm.ppf((1 + confidence) / 2))


def worst_class_difference(first: ByClass, second: ByClass) -> Difference:
    """How much better the second classifier does in its worst class than the first in its own.

    The worst classes need not be the same, and either may be the worst by chance alone: the least
    of many shares is biased, and so is the bootstrap of it. So intervals are made that hold all
    classes' shares, and all their differences, at once (Bonferroni). The least share lies between
    the least low end and the least high end, and the difference of the least between the least and
    the largest difference; both bounds hold together in 95% of all cases, or more.

    Args:
        first: what the first classifies correctly of each class.
        second: the same of the second.
    """
    confidence = 1 - 0.05 / (3 * len(first))
    shares = [
        [wilson(int(correct.sum()), len(correct), confidence) for correct in side]
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


def auroc(known: Scores, foreign: Scores) -> float:
    """The area under the ROC curve: how often a known picture's score is above a foreign one's.

    Equal scores count as a half (Hanley and McNeil 1982, Radiology 143:29).

    Args:
        known: shape (pictures,), at least one.
        foreign: likewise.
    """
    return float(_shares_below(foreign, known).mean())


def auroc_difference(first: tuple[Scores, Scores], second: tuple[Scores, Scores]) -> Difference:
    """How much larger a second classifier's `auroc` is, on the same pictures.

    The interval is that of DeLong et al. (1988, Biometrics 44:837).

    Args:
        first: the first classifier's scores of known and of foreign pictures.
        second: the second's.
    """
    of_known, of_foreign = (
        _shares_below(second[1 - side], second[side]) - _shares_below(first[1 - side], first[side])
        for side in (0, 1)
    )
    value = float(of_known.mean())
    variance = sum(each.var() / max(len(each) - 1, 1) for each in (of_known, of_foreign))
    margin = quantile(0.95) * math.sqrt(variance)
    return Difference(value, value - margin, value + margin)


def _shares_below(others: Scores, scores: Scores) -> npt.NDArray[np.float64]:
    """For each score the share of others that are below it, equal ones by half."""
    ordered = np.sort(others)
    below, up_to = np.searchsorted(ordered, scores), np.searchsorted(ordered, scores, "right")
    shares: npt.NDArray[np.float64] = (below + up_to) / (2 * len(others))
    return shares


def correct_by_class(
    predicted: Labels, labels: Labels, class_names: Sequence[str]
) -> dict[str, Correct]:
    """Which images of each class are predicted correctly, of the classes that have images.

    Args:
        predicted: shape (images,).
        labels: shape (images,); of -1 the class is unknown, and the image is ignored.
        class_names: one for each class.
    """
    correct = predicted == labels
    of_class = {name: labels == index for index, name in enumerate(class_names)}
    return {name: correct[images] for name, images in of_class.items() if images.any()}


def confusion_matrix(predicted: Labels, labels: Labels, classes: int) -> npt.NDArray[np.int64]:
    """Counts images by label and prediction.

    Returns:
        int64, shape (classes, classes): a row for each label, a column for each prediction.
    """
    pairs = labels.astype(np.int64) * classes + predicted
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


class AccuracyStatistic(NamedTuple):
    """How one of `spotimes.figures.ACCURACIES` is made of what is correct in each class.

    Attributes:
        value: the accuracy itself.
        difference: how much larger it is of a second classifier, on the same images.
    """

    value: Callable[[ByClass], float]
    difference: Callable[[ByClass, ByClass], Difference]


ACCURACY_STATISTICS: Mapping[str, AccuracyStatistic] = {
    "top1": AccuracyStatistic(top1, top1_difference),
    "balanced_accuracy": AccuracyStatistic(balanced_accuracy, balanced_accuracy_difference),
    "worst_class": AccuracyStatistic(worst_class, worst_class_difference),
}
