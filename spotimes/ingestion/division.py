"""Divides images into splits: a subset of each class, and images that are set aside from train."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import numpy.typing as npt

from spotimes.dataset.prepared import SPLITS
from spotimes.errors import InputError
from spotimes.ingestion.group_division import set_groups_aside
from spotimes.ingestion.source import Source
from spotimes.ingestion.split import NOT_GIVEN, TEST, TRAIN, VALIDATION
from spotimes.params.prepare import Prepare

Labels = npt.NDArray[np.int64]


def divided(source: Source, given: npt.NDArray[np.int8], params: Prepare) -> npt.NDArray[np.int8]:
    """Puts every image into a split.

    What the source says stands. A test split that it lacks is set aside from train, and from what
    is then left the validation split that it lacks. A group of images stays together.

    Args:
        source: whose images.
        given: shape (images,): the split that the source puts an image into, `NOT_GIVEN`, which is
            taken as train, or `EXCLUDED`.
        params: which shares, and the seed of the choice.

    Returns:
        Shape (images,): `TRAIN`, `VALIDATION`, `TEST`, or still `EXCLUDED`.

    Raises:
        InputError: a class has too few images or groups.
    """
    labels, class_names = source.labels, source.card.class_names
    split_of = np.where(given == NOT_GIVEN, np.int8(TRAIN), given)
    lacking = [
        (split, fraction)
        for split, fraction in (
            (TEST, params.test_fraction),
            (VALIDATION, params.validation_fraction),
        )
        if not (given == split).any()
    ]
    groups = source.groups
    if lacking:
        train = split_of == TRAIN
        _check_enough(source, "images", labels[train], len(lacking) + 1)
        if groups is not None:
            _, firsts = np.unique(np.stack([groups, labels])[:, train], axis=1, return_index=True)
            _check_enough(source, "groups of images", labels[train][firsts], len(lacking) + 1)
    for made, (split, fraction) in enumerate(lacking, start=1):
        train = np.flatnonzero(split_of == TRAIN)
        if groups is None:
            aside = set_aside(labels[train], fraction, params.seed, len(class_names))
        else:
            shares = [share_of(count, fraction) for count in np.bincount(labels[train]).tolist()]
            kept = len(lacking) - made + 1
            aside = set_groups_aside(labels[train], groups[train], shares, params.seed, kept)
            _check_groups(source, labels[train], aside, split)
        split_of[train[aside]] = split
    return split_of


def _check_enough(source: Source, what: str, labels: Labels, needed: int) -> None:
    class_names = source.card.class_names
    counts = np.bincount(labels, minlength=len(class_names))
    for name, count in zip(class_names, counts, strict=True):
        if count < needed:
            raise InputError(
                f"{source.where}: the class {name} has too few {what} for the splits that are made "
                f"of them: {count}; it needs {needed} or more, one for each"
            )


def _check_groups(source: Source, labels: Labels, aside: npt.NDArray[np.bool_], split: int) -> None:
    """Classes that share their groups can be such that no choice suits them all."""
    for label, name in enumerate(source.card.class_names):
        for is_there, where in ((aside, SPLITS[split]), (~aside, "train")):
            if not (labels[is_there] == label).any():
                raise InputError(
                    f"{source.where}: no way is found to divide the groups that leaves images of "
                    f"{name} for {where}; make some groups smaller, or say in labels.csv which "
                    "split each is in"
                )


def first_of_each_class(
    labels: Labels, images_per_class: int, class_names: Sequence[str], where: str
) -> npt.NDArray[np.intp]:
    """Takes the first images of each class.

    Args:
        labels: int64, shape (images,).
        images_per_class: how many of each class.
        class_names: one for each label.
        where: the split's name, for the message.

    Returns:
        `images_per_class * len(class_names)` indices, ascending.

    Raises:
        InputError: a class has fewer.
    """
    chosen = []
    for label, name in enumerate(class_names):
        of_class = np.flatnonzero(labels == label)
        if len(of_class) < images_per_class:
            raise InputError(
                f"prepare.images_per_class: is {images_per_class}, but {where} has only "
                f"{len(of_class)} images of {name}"
            )
        chosen.append(of_class[:images_per_class])
    return np.sort(np.concatenate(chosen))


def set_aside(labels: Labels, fraction: float, seed: int, classes: int) -> npt.NDArray[np.bool_]:
    """Chooses at random the same share of each class.

    Of a class with n images, `fraction * n` are chosen: the fraction as it is written in decimal,
    the product rounded to the nearest whole number, halves up, but at least 1 and at most n - 1.
    A class's choice for a smaller fraction is part of its choice for a larger one.

    Args:
        labels: int64, shape (images,); each class has two or more.
        fraction: between 0 and 1.
        seed: of the choice; the same seed, the same choice.
        classes: how many there are.

    Returns:
        Shape (images,): whether an image is chosen.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    chosen = np.zeros(len(labels), np.bool_)
    for label in range(classes):
        of_class = np.flatnonzero(labels == label)
        count = share_of(len(of_class), fraction)
        chosen[generator.permutation(of_class)[:count]] = True
    return chosen


def share_of(images: int, fraction: float) -> int:
    """How many of a class's images are chosen; `set_aside` states the rule."""
    exact = Decimal(repr(fraction)) * images
    nearest = int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    return min(max(nearest, 1), images - 1)
