"""What accuracy may depend on: brightness, sharpness, and the size of the picture itself."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.dataset.image_file import ImageSource
from spotimes.evaluation import statistics
from spotimes.evaluation.accuracy import Predictions
from spotimes.ingestion.dataset_report import SourcePicture

AT_ONCE = 500  # images
GROUPS = 5
PAIRS = 20
LUMA = (0.299, 0.587, 0.114)  # ITU-R 601-2

Values = npt.NDArray[np.float64]  # shape (images,)


class Pair(NamedTuple):
    """Images of a class that are taken for another one.

    Attributes:
        actual: the class' index.
        predicted: that of the answer.
        images: how many.
        share: of the class' images.
    """

    actual: int
    predicted: int
    images: int
    share: float


class Group(NamedTuple):
    """Images whose values are alike.

    Attributes:
        low: the least value.
        high: the largest.
        images: how many they are.
        top1: the share that is classified correctly.
    """

    low: float
    high: float
    images: int
    top1: statistics.Share


class Tables(NamedTuple):
    """What the page says beside the pictures.

    Attributes:
        pairs: of classes, those that are confused most first.
        groups: by what the images were divided by, the lowest values first.
    """

    pairs: list[Pair]
    groups: dict[str, list[Group]]


def tables(predictions: Predictions, tested: Sequence[SourcePicture] | None) -> Tables:
    """Counts what goes wrong.

    Args:
        predictions: of all test images.
        tested: their pictures, in their order; None where they have no files of their own.
    """
    test = predictions.test
    correct = predictions.int8.argmax(axis=1) == test.labels
    bright, sharp = brightness_and_sharpness(test.images)
    by = {
        "brightness (mean luma, 0 to 255)": bright,
        "sharpness (variance of the Laplacian)": sharp,
    }
    if tested is not None:
        sides = [max(picture.width, picture.height) for picture in tested]
        by["longer side of the picture itself (pixels)"] = np.array(sides, np.float64)
    groups = {name: grouped(values, correct) for name, values in by.items()}
    return Tables(
        worst_pairs(predictions.confusion),
        {name: found for name, found in groups.items() if len(found) > 1},
    )


def worst_pairs(confusion: npt.NDArray[np.int64]) -> list[Pair]:
    """The pairs of classes that are confused most often, at most `PAIRS`.

    Args:
        confusion: shape (classes, classes); a row for each label, a column for each answer.
    """
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]
    return [
        Pair(int(actual), int(predicted), int(images), float(images / confusion[actual].sum()))
        for actual, predicted in zip(*np.unravel_index(order, wrong.shape), strict=True)
        if (images := wrong[actual, predicted])
    ]


def grouped(values: Values, correct: statistics.Correct) -> list[Group]:
    """Divides images into at most `GROUPS` of about the same number, by a value of each.

    Images of one value are in one group, so there are fewer groups where there are few values.
    """
    shares = np.linspace(0, 1, GROUPS + 1)[:-1]
    lowest = np.unique(np.quantile(values, shares, method="higher"))
    of = np.searchsorted(lowest, values, side="right") - 1
    return [
        Group(
            float(values[inside].min()),
            float(values[inside].max()),
            int(inside.sum()),
            statistics.wilson(int(correct[inside].sum()), int(inside.sum())),
        )
        for inside in (of == group for group in range(len(lowest)))
    ]


def brightness_and_sharpness(images: ImageSource) -> tuple[Values, Values]:
    """Of each image, as the network takes it, its mean luma and the variance of its Laplacian.

    The second is low of blurred images (Pech-Pacheco et al. 2000, ICPR 3:314); of images without an
    inner pixel it is 0.

    Args:
        images: uint8, shape (images, height, width, channels).
    """
    bright, sharp = [], []
    for first in range(0, len(images), AT_ONCE):
        pixels = np.asarray(images[first : first + AT_ONCE], np.float64)
        luma = pixels @ LUMA if pixels.shape[3] == len(LUMA) else pixels[..., 0]
        bright.append(luma.mean(axis=(1, 2)))
        around = luma[:, :-2, 1:-1] + luma[:, 2:, 1:-1] + luma[:, 1:-1, :-2] + luma[:, 1:-1, 2:]
        laplacian = around - 4 * luma[:, 1:-1, 1:-1]
        is_small = not laplacian[0].size
        sharp.append(np.zeros(len(luma)) if is_small else laplacian.var(axis=(1, 2)))
    return np.concatenate(bright), np.concatenate(sharp)
