"""Which of a source's images are used, and in which split."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.dataset.image_file import Selected
from spotimes.dataset.prepared import SPLITS
from spotimes.errors import InputError
from spotimes.ingestion.exact_copies import exact_groups
from spotimes.ingestion.near_copies import near_pairs
from spotimes.ingestion.source import Source
from spotimes.ingestion.split import (
    EXCLUDED,
    NOT_GIVEN,
    TEST,
    TRAIN,
    VALIDATION,
    divided,
    first_of_each_class,
)
from spotimes.params.prepare import Prepare

SHOWN = 3

Places = npt.NDArray[np.intp]


class Selection(NamedTuple):
    """What of a source goes where.

    Attributes:
        split_of: int8, shape (images,): the place in `prepared.SPLITS`, or `EXCLUDED`.
        left_out: the places of what was left out as `prepare.leave_out` asks, by its reason.
        exact: groups of places with the same image, those that were left out among them.
        near: int, shape (pairs, 2): places in different splits with nearly the same image.
        near_all: whether these are all; of very many the search is ended.
    """

    split_of: npt.NDArray[np.int8]
    left_out: dict[str, Places]
    exact: list[Places]
    near: Places
    near_all: bool


def select(source: Source, params: Prepare) -> Selection:
    """Leaves out what is to be, and divides the rest.

    Args:
        source: whose images.
        params: what to leave out, and how to divide.

    Raises:
        InputError: something is unusable and not to be left out, the same picture has two labels,
            or a class has too few images.
    """
    given = source.given.copy()
    left_out: dict[str, Places] = {}
    if source.unreadable:
        _refuse_unreadable(source, params)
        left_out["unreadable"] = np.array(list(source.unreadable), np.intp)
        given[left_out["unreadable"]] = EXCLUDED

    used = np.flatnonzero(given != EXCLUDED)
    exact = [used[group] for group in exact_groups(source.digests[used])]
    if "duplicates" in params.leave_out:
        left_out["duplicates"] = _copies(exact, given)
        given[left_out["duplicates"]] = EXCLUDED
    if not source.is_canonical:
        _refuse_pictures_of_two_classes(source, exact)

    _take_first_of_each_class(source, given, params.images_per_class)
    for split in (VALIDATION, TEST):
        if (source.given == split).any() and not (given == split).any():
            raise InputError(f"{source.where}: no image for {SPLITS[split]} is left")
    split_of = divided(
        source.labels,
        given,
        source.card.class_names,
        source.where,
        params.test_fraction,
        params.validation_fraction,
        params.seed,
    )
    if not source.is_canonical:
        _refuse_copies_across_splits(source, exact, split_of)
    used = np.flatnonzero(split_of != EXCLUDED)
    pairs, near_all = near_pairs(Selected(source.images, used), source.hashes[used], split_of[used])
    near = used[pairs].reshape(-1, 2)
    if "near_duplicates" in params.leave_out:
        first_goes = split_of[near[:, 0]] < split_of[near[:, 1]]
        left_out["near_duplicates"] = np.unique(np.where(first_goes, near[:, 0], near[:, 1]))
        split_of[left_out["near_duplicates"]] = EXCLUDED
    _refuse_what_is_empty(source, split_of)
    return Selection(split_of, left_out, exact, near, near_all)


def _refuse_unreadable(source: Source, params: Prepare) -> None:
    if "unreadable" in params.leave_out:
        return
    reasons = list(source.unreadable.values())
    raise InputError(
        f"{source.where}: {len(reasons)} of {len(source.labels)} files cannot be used: "
        f"{'; '.join(reasons[:SHOWN])}{_more(len(reasons))}. Mend or remove them, or let "
        "prepare.leave_out have unreadable"
    )


def _copies(exact: list[Places], given: npt.NDArray[np.int8]) -> Places:
    """Of each group all but one, which is the first of those in the highest split."""
    copies = [np.delete(group, np.argmax(given[group])) for group in exact]
    return np.sort(np.concatenate(copies)) if copies else np.empty(0, np.intp)


def _refuse_pictures_of_two_classes(source: Source, exact: list[Places]) -> None:
    for group in exact:
        labels = source.labels[group]
        if (other := np.flatnonzero(labels != labels[0])).size:
            raise InputError(
                f"{source.where}: {source.name_of(group[0])} and "
                f"{source.name_of(group[other[0]])} are the same picture, but of the classes "
                f"{source.card.class_names[labels[0]]} and "
                f"{source.card.class_names[labels[other[0]]]}; remove one of them"
            )


def _refuse_copies_across_splits(
    source: Source, exact: list[Places], split_of: npt.NDArray[np.int8]
) -> None:
    """Copies within one split harm no figure where the source itself made the splits."""
    is_drawn = not all((source.given == split).any() for split in (VALIDATION, TEST))
    harmful = []
    for group in exact:
        used = group[split_of[group] != EXCLUDED]
        # What one seed leaves together, another takes apart.
        drawn = is_drawn * np.count_nonzero(np.isin(source.given[used], (TRAIN, NOT_GIVEN)))
        if drawn > 1 or len(np.unique(split_of[used])) > 1:
            harmful.append(used)
    if harmful:
        first = " and ".join(source.name_of(place) for place in harmful[0][:2])
        raise InputError(
            f"{source.where}: the same picture is there more than once and could come into "
            f"training and test both: {first}{_more(len(harmful), 1)}. Remove the copies, or let "
            "prepare.leave_out have duplicates"
        )


def _take_first_of_each_class(
    source: Source, given: npt.NDArray[np.int8], images_per_class: int | None
) -> None:
    if images_per_class is None:
        return
    for splits, name in (((TRAIN, NOT_GIVEN), "train"), ((TEST,), "test")):
        places = np.flatnonzero(np.isin(given, splits))
        if places.size:
            taken = first_of_each_class(
                source.labels[places], images_per_class, source.card.class_names, name
            )
            given[np.delete(places, taken)] = EXCLUDED


def _refuse_what_is_empty(source: Source, split_of: npt.NDArray[np.int8]) -> None:
    for place, split in enumerate(SPLITS):
        if not (split_of == place).any():
            raise InputError(f"{source.where}: no image for {split} is left")
    counts = np.bincount(source.labels[split_of == TRAIN], minlength=len(source.card.class_names))
    for name, count in zip(source.card.class_names, counts, strict=True):
        if count == 0:
            raise InputError(f"{source.where}: no training image of {name} is left")


def _more(count: int, shown: int = SHOWN) -> str:
    return f"; and {count - shown} more" if count > shown else ""
