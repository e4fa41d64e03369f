"""Which of a source's images are used, and in which split."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.dataset.image_file import Selected
from spotimes.dataset.prepared import SPLITS
from spotimes.errors import InputError
from spotimes.ingestion.division import divided
from spotimes.ingestion.exact_copies import exact_groups
from spotimes.ingestion.near_copies import near_pairs
from spotimes.ingestion.source import Source
from spotimes.ingestion.split import EXCLUDED, NOT_GIVEN, TEST, TRAIN, VALIDATION
from spotimes.params.prepare import Prepare
from spotimes.preprocessing import cut_off

SHOWN = 3

REASONS = {
    "unreadable": "cannot be read",
    "duplicates": "a copy of another picture",
    "near_duplicates": "nearly the same as a picture in another split",
}

Indices = npt.NDArray[np.intp]


class Selection(NamedTuple):
    """Which of a source's images are used, where, and which of them are alike.

    Attributes:
        split_of: int8, shape (images,): an index into `prepared.SPLITS`, or `EXCLUDED`.
        excluded: the indices of what `prepare.leave_out` excluded, by its reason.
        exact: for each image that is used more than once, its indices.
        near: int64, shape (pairs, 2): used images in different splits that are nearly the same,
            but no exact copies.
        near_all: whether these are all; the search ends early if it finds very many.
    """

    split_of: npt.NDArray[np.int8]
    excluded: dict[str, Indices]
    exact: list[Indices]
    near: Indices
    near_all: bool

    def indices_of(self, split: int) -> Indices:
        """The images of a split, given as its index into `prepared.SPLITS`."""
        return np.flatnonzero(self.split_of == split)


def select(source: Source, params: Prepare) -> Selection:
    """Excludes what params say, and divides the rest.

    Args:
        source: whose images.
        params: what to exclude, and how to divide.

    Raises:
        InputError: something is unusable and not to be excluded, the same picture has two labels,
            or a class has too few images.
    """
    given = source.given.copy()
    excluded: dict[str, Indices] = {}
    if source.unreadable:
        refuse_unreadable(source.where, source.unreadable, len(source.labels), params)
        excluded["unreadable"] = np.array(list(source.unreadable), np.intp)
        given[excluded["unreadable"]] = EXCLUDED

    used = np.flatnonzero(given != EXCLUDED)
    exact = [used[group] for group in exact_groups(source.fingerprints.digests[used])]
    if "duplicates" in params.leave_out:
        excluded["duplicates"] = _copies(exact, given)
        given[excluded["duplicates"]] = EXCLUDED
    if not source.is_canonical:
        _refuse_pictures_of_two_classes(source, exact)
    for split in (VALIDATION, TEST):
        if (source.given == split).any() and not (given == split).any():
            raise InputError(f"{source.where}: no image for {SPLITS[split]} is left")
    split_of = divided(source, given, params)
    if not source.is_canonical:
        _refuse_copies_across_splits(source, exact, split_of)
    near, near_all = _near_pairs(source, split_of)
    if "near_duplicates" in params.leave_out:
        first_goes = split_of[near[:, 0]] < split_of[near[:, 1]]
        excluded["near_duplicates"] = np.unique(np.where(first_goes, near[:, 0], near[:, 1]))
        split_of[excluded["near_duplicates"]] = EXCLUDED
    _refuse_what_is_empty(source, split_of)
    exact = _used_copies(exact, split_of)
    return Selection(split_of, excluded, exact, _used_pairs(near, exact, split_of), near_all)


def _near_pairs(source: Source, split_of: npt.NDArray[np.int8]) -> tuple[Indices, bool]:
    used = np.flatnonzero(split_of != EXCLUDED)
    hashes = source.fingerprints.hashes[used]
    thumbnails = source.fingerprints.thumbnails
    known = {rank: thumbnails[index] for rank, index in enumerate(used) if index in thumbnails}
    pairs, is_all = near_pairs(Selected(source.images, used), hashes, split_of[used], known)
    return used[pairs].reshape(-1, 2), is_all


def _used_copies(exact: list[Indices], split_of: npt.NDArray[np.int8]) -> list[Indices]:
    used = [group[split_of[group] != EXCLUDED] for group in exact]
    return [group for group in used if len(group) > 1]


def _used_pairs(near: Indices, exact: list[Indices], split_of: npt.NDArray[np.int8]) -> Indices:
    """Those of used images that are not exact copies of each other."""
    group_of = np.full(len(split_of), -1)
    for number, group in enumerate(exact):
        group_of[group] = number
    first, second = group_of[near].T
    differ = (first != second) | (first == -1)
    used: Indices = near[differ & (split_of[near] != EXCLUDED).all(axis=1)]
    return used


def refuse_unreadable(
    where: str, unreadable: Mapping[int, str], files: int, params: Prepare
) -> None:
    """Refuses pictures that cannot be used, unless params exclude them.

    Args:
        where: the folder.
        unreadable: why, by the picture's index.
        files: how many there are in all.
        params: what to exclude.

    Raises:
        InputError: they are not to be excluded.
    """
    if "unreadable" in params.leave_out:
        return
    reasons = list(unreadable.values())
    some_cut_off = any(cut_off.TOLD in reason for reason in reasons)
    raise InputError(
        f"{where}: {len(reasons)} of {files} files cannot be used: "
        f"{'; '.join(reasons[:SHOWN])}{_more(len(reasons))}. Mend or remove them, or let "
        "prepare.leave_out have unreadable"
        + ", or set prepare.truncated to the share of rows that is enough"
        * some_cut_off
    )


def _copies(exact: list[Indices], given: npt.NDArray[np.int8]) -> Indices:
    """Of each group all but one, which is the first of those in the highest split."""
    copies = [np.delete(group, np.argmax(given[group])) for group in exact]
    return np.sort(np.concatenate(copies)) if copies else np.empty(0, np.intp)


def _refuse_pictures_of_two_classes(source: Source, exact: list[Indices]) -> None:
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
    source: Source, exact: list[Indices], split_of: npt.NDArray[np.int8]
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
        first = " and ".join(source.name_of(index) for index in harmful[0][:2])
        raise InputError(
            f"{source.where}: the same picture is there more than once and could come into "
            f"training and test both: {first}{_more(len(harmful), 1)}. Remove the copies, or let "
            "prepare.leave_out have duplicates"
        )


def _refuse_what_is_empty(source: Source, split_of: npt.NDArray[np.int8]) -> None:
    for index, split in enumerate(SPLITS):
        if not (split_of == index).any():
            raise InputError(f"{source.where}: no image for {split} is left")
    counts = np.bincount(source.labels[split_of == TRAIN], minlength=len(source.card.class_names))
    for name, count in zip(source.card.class_names, counts, strict=True):
        if count == 0:
            raise InputError(f"{source.where}: no training image of {name} is left")


def _more(count: int, shown: int = SHOWN) -> str:
    return f"; and {count - shown} more" if count > shown else ""
