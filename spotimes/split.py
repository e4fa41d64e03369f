"""Which images go where: a subset of each class, and validation images taken from train."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import numpy.typing as npt

from spotimes.dataset import Split
from spotimes.errors import InputError


def first_of_each_class(
    split: Split, images_per_class: int, class_names: Sequence[str], where: str
) -> Split:
    """Takes the first images of each class, in the order in which they stand.

    Args:
        split: the images, of shape (images, height, width, channels), and labels.
        images_per_class: how many of each class.
        class_names: one for each label.
        where: the split's name, for the message.

    Returns:
        `images_per_class * len(class_names)` images with their labels.

    Raises:
        InputError: a class has fewer.
    """
    chosen = []
    for label, name in enumerate(class_names):
        of_class = np.flatnonzero(split.labels == label)
        if len(of_class) < images_per_class:
            raise InputError(
                f"prepare.images_per_class: is {images_per_class}, but {where} has only "
                f"{len(of_class)} images of {name}"
            )
        chosen.append(of_class[:images_per_class])
    return _take(split, np.sort(np.concatenate(chosen)))


def split_validation(
    train: Split, fraction: float, seed: int, class_names: Sequence[str]
) -> tuple[Split, Split]:
    """Sets aside the same share of each class, chosen at random, for validation.

    Of a class with n images, `fraction * n` go to validation: the fraction as it is written in
    decimal, the product rounded to the nearest whole number, halves up, but at least 1 and at most
    n - 1. A class's choice for a smaller fraction is part of its choice for a larger one.

    Args:
        train: the images, of shape (images, height, width, channels), and labels.
        fraction: between 0 and 1.
        seed: of the choice; the same seed, the same choice.
        class_names: one for each label.

    Returns:
        What is left of train, and validation; both keep the order of the images.

    Raises:
        InputError: a class has fewer than two images.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    is_validation = np.zeros(len(train.labels), np.bool_)
    for label, name in enumerate(class_names):
        of_class = np.flatnonzero(train.labels == label)
        if len(of_class) < 2:
            raise InputError(
                f"train has {len(of_class)} images of {name}; a class needs 2 or more, so that "
                "validation has one as well"
            )
        count = validation_count(len(of_class), fraction)
        is_validation[generator.permutation(of_class)[:count]] = True
    return _take(train, ~is_validation), _take(train, is_validation)


def validation_count(images: int, fraction: float) -> int:
    """How many of a class's images go to validation; `split_validation` states the rule."""
    exact = Decimal(repr(fraction)) * images
    nearest = int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    return min(max(nearest, 1), images - 1)


def _take(split: Split, which: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Split:
    return Split(split.images[which], split.labels[which])
