"""Divides images into folds, and those beside a fold into training and validation images."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.errors import InputError
from spotimes.ingestion.division import share_of
from spotimes.ingestion.group_division import set_groups_aside

FEWEST_FOLDS = 2
FEWEST_GROUPS = 4  # of two folds, the one that is not held out is training and validation

Numbers = npt.NDArray[np.int64]  # shape (images,)
Indices = npt.NDArray[np.intp]


class Fold(NamedTuple):
    """A training of a cross-validation; each attribute has indices of images, ascending.

    Attributes:
        train: what the network learns from.
        validation: what each epoch is measured on.
        held_out: what the trained network is tested on.
    """

    train: Indices
    validation: Indices
    held_out: Indices


def divide(
    labels: Numbers,
    groups: Numbers,
    count: int,
    *,
    seed: int,
    validation_fraction: float,
    class_names: Sequence[str],
) -> list[Fold]:
    """Divides images so that each is held out once, and those of a group at once.

    Of each class every fold holds out as many images as another, give or take one, or as nearly as
    whole groups allow. Of what is left `validation_fraction` of each class is for validation, by
    the rule of `spotimes.ingestion.division.set_aside`.

    Args:
        labels: int64, shape (images,); of each class there is an image.
        groups: int64, shape (images,): equal numbers stay together.
        count: how many folds.
        seed: of the choice; the same arguments, the same folds.
        validation_fraction: between 0 and 1.
        class_names: one for each label, for the message.

    Raises:
        InputError: there are to be fewer than two folds, or a class has too few images or groups.
    """
    _check_enough(labels, groups, count, class_names)
    fold_of = np.full(len(labels), count - 1)
    for number in range(count - 1):
        left = np.flatnonzero(fold_of == count - 1)
        folds_left = count - number
        shares = _first_of_those_dealt(np.bincount(labels[left]), folds_left)
        aside = set_groups_aside(labels[left], groups[left], shares, seed, folds_left - 1)
        fold_of[left[aside]] = number
    folds = []
    for number in range(count):
        left = np.flatnonzero(fold_of != number)
        shares = [share_of(images, validation_fraction) for images in np.bincount(labels[left])]
        aside = set_groups_aside(labels[left], groups[left], shares, seed, 1)
        folds.append(Fold(left[~aside], left[aside], np.flatnonzero(fold_of == number)))
    for fold in folds:
        for indices, purpose in (
            (fold.train, "to learn from"),
            (fold.validation, "to validate on"),
        ):
            _check_all_there(labels[indices], class_names, purpose)
    return folds


def _first_of_those_dealt(images: Numbers, folds: int) -> list[int]:
    """How many of each class one of the folds gets, if they take turns through all classes."""
    ends = np.cumsum(images)
    upto = -(-np.concatenate([[0], ends]) // folds)
    return [max(1, int(share)) for share in np.diff(upto)]


def _check_enough(labels: Numbers, groups: Numbers, count: int, class_names: Sequence[str]) -> None:
    if count < FEWEST_FOLDS:
        raise InputError(f"K={count} is not allowed: it takes {FEWEST_FOLDS} folds or more")
    of_class = np.unique(np.stack([groups, labels]), axis=1)[1]
    found = np.bincount(of_class, minlength=len(class_names))
    smallest = int(found.argmin())
    if (fewest := int(found[smallest])) >= max(count, FEWEST_GROUPS):
        return
    what = "pictures" if len(of_class) == len(labels) else "groups of pictures"
    remedy = f"; K can be {fewest} at most" if fewest >= FEWEST_GROUPS else ""
    raise InputError(
        f"K={count} is not allowed: the class {class_names[smallest]} has {fewest} {what}, and "
        f"needs {max(count, FEWEST_GROUPS)}{remedy}"
    )


def _check_all_there(labels: Numbers, class_names: Sequence[str], purpose: str) -> None:
    """Two folds of few groups, or classes that share theirs, can leave a class out."""
    for name, images in zip(
        class_names, np.bincount(labels, minlength=len(class_names)), strict=True
    ):
        if not images:
            raise InputError(
                f"no way is found to divide the groups of pictures into folds that leaves {name} "
                f"{purpose} beside each; take more folds, or make some groups smaller"
            )
