"""Divides images into splits: a subset of each class, and images that are set aside from train."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import numpy.typing as npt

from spotimes.dataset.prepared import SPLITS
from spotimes.errors import InputError
from spotimes.ingestion.group_division import set_groups_aside
from spotimes.ingestion.source import Source
from spotimes.ingestion.split import EXCLUDED, NOT_GIVEN, TEST, TRAIN, VALIDATION
from spotimes.params.prepare import Prepare

Labels = npt.NDArray[np.int64]


def divided(source: Source, given: npt.NDArray[np.int8], params: Prepare) -> npt.NDArray[np.int8]:
    """Puts every image into a split.

    What the source says stands. A test split that it lacks is set aside from train, and from what
    is then left the validation split that it lacks. A group of images stays together. Before
    validation is set aside, `images_per_class` takes some of train and of test.

    Args:
        source: whose images.
        given: shape (images,): the split that the source puts an image into, `NOT_GIVEN`, which is
            taken as train, or `EXCLUDED`.
        params: which shares, and the seed of the choice.

    Returns:
        Shape (images,): `TRAIN`, `VALIDATION`, `TEST` or `EXCLUDED`.

    Raises:
        InputError: a class has too few images or groups.
    """
    split_of = np.where(given == NOT_GIVEN, np.int8(TRAIN), given)
    lacking = [split for split in (TEST, VALIDATION) if not (given == split).any()]
    if lacking:
        _check_all_enough(source, split_of == TRAIN, len(lacking) + 1)
    if TEST in lacking:
        _set_split_aside(source, split_of, TEST, params, kept=len(lacking))
    for split, count in (
        (TEST, params.images_per_class.test),
        (TRAIN, params.images_per_class.train),
    ):
        if count is not None:
            _take(source, split_of, split, count, params.seed)
    if VALIDATION in lacking:
        _set_split_aside(source, split_of, VALIDATION, params, kept=1)
    return split_of


def _set_split_aside(
    source: Source, split_of: npt.NDArray[np.int8], split: int, params: Prepare, *, kept: int
) -> None:
    """Makes a split of some of train, of which `kept` groups of each class stay at least."""
    fraction = params.test_fraction if split == TEST else params.validation_fraction
    train = np.flatnonzero(split_of == TRAIN)
    labels = source.labels[train]
    if source.groups is None:
        aside = set_aside(labels, fraction, params.seed, len(source.card.class_names))
    else:
        shares = [share_of(count, fraction) for count in np.bincount(labels).tolist()]
        aside = set_groups_aside(labels, source.groups[train], shares, params.seed, kept)
        _check_groups(source, labels, aside, split)
    split_of[train[aside]] = split


def _take(
    source: Source, split_of: npt.NDArray[np.int8], split: int, count: int, seed: int
) -> None:
    """Excludes all but so many images of each class from a split."""
    inside = np.flatnonzero(split_of == split)
    taken = some_of_each_class(
        source.labels[inside], count, seed, source.card.class_names, SPLITS[split]
    )
    split_of[np.delete(inside, taken)] = EXCLUDED


def _check_all_enough(source: Source, train: npt.NDArray[np.bool_], needed: int) -> None:
    labels, groups = source.labels, source.groups
    _check_enough(source, "images", labels[train], needed)
    if groups is not None:
        _, firsts = np.unique(np.stack([groups, labels])[:, train], axis=1, return_index=True)
        _check_enough(source, "groups of images", labels[train][firsts], needed)


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


def some_of_each_class(
    labels: Labels, count: int, seed: int, class_names: Sequence[str], split: str
) -> npt.NDArray[np.intp]:
    """Chooses at random the same number of images of each class.

    A class's choice of fewer is part of its choice of more.

    Args:
        labels: int64, shape (images,).
        count: how many of each class.
        seed: of the choice; the same seed, the same choice.
        class_names: one for each label.
        split: its name, for the message.

    Returns:
        `count * len(class_names)` indices, ascending.

    Raises:
        InputError: a class has fewer.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    chosen = []
    for label, name in enumerate(class_names):
        of_class = np.flatnonzero(labels == label)
        if len(of_class) < count:
            raise InputError(
                f"params.yaml: prepare.images_per_class.{split}: {count} is not allowed: {split} "
                f"has only {len(of_class)} images of {name}"
            )
        chosen.append(generator.permutation(of_class)[:count])
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
