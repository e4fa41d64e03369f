"""Pictures without labels, of a folder of their own: read as the others are, less those tested on.

The folder's sub-folders mean nothing. What was divided before is left as it is: where a picture
is also in validation or test, it is not learned from.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from spotimes.dataset.image_file import Joined, Selected
from spotimes.dataset.prepared import SPLITS
from spotimes.errors import InputError
from spotimes.ingestion.exact_copies import exact_groups
from spotimes.ingestion.file_names import shown
from spotimes.ingestion.near_copies import near_pairs
from spotimes.ingestion.own_images import Pictures, read_as
from spotimes.ingestion.selection import REASONS, Indices, Selection, refuse_unreadable
from spotimes.ingestion.source import Source, least_rows
from spotimes.ingestion.split import EXCLUDED, TRAIN
from spotimes.ingestion.tree import Tree
from spotimes.params.optional_file import NONE, optional_folder
from spotimes.params.prepare import Prepare
from spotimes.preprocessing.picture_files import LABELS_CSV


class UnlabelledFiles(NamedTuple):
    """Files that are meant as pictures.

    Attributes:
        root: the folder.
        paths: relative to it, `/` between parts, sorted.
        ignored: relative paths of what is not meant as data, unprintable characters escaped.
    """

    root: Path
    paths: list[str]
    ignored: list[str]


class Unlabelled(NamedTuple):
    """Pictures without labels, and which of them are used.

    Attributes:
        pictures: all of the folder.
        used: the indices of those that are learned from.
        excluded: why another is not, by its index.
        copies: how many of those that are used are copies of training images, or of each other.
        near: by the index of one that is used, an image of validation or test that is nearly the
            same, as messages call it.
        near_all: whether these are all; the search ends early if it finds very many.
    """

    pictures: Pictures[UnlabelledFiles]
    used: Indices
    excluded: dict[int, str]
    copies: int
    near: dict[int, str]
    near_all: bool

    @property
    def images(self) -> Selected:
        """Those that are used: uint8, shape (images, height, width, channels)."""
        return Selected(self.pictures.images, self.used)


def find(params: Prepare) -> UnlabelledFiles | None:
    """Finds the pictures of the folder that `prepare.unlabelled` names; None where it names none.

    Raises:
        InputError: there is no such folder, it lies where all folders are classes, or is empty.
    """
    root = optional_folder(params.unlabelled, "prepare.unlabelled")
    if root is None:
        return None
    _refuse_within_the_source(root, Path(params.source))
    return _found(root)


def read(
    files: UnlabelledFiles,
    source: Source,
    selection: Selection,
    params: Prepare,
    images_npy: Path,
) -> Unlabelled:
    """Reads pictures without labels.

    Args:
        files: the pictures.
        source: the labelled ones, whose size, colour and range these get.
        selection: which of those are used, and where.
        params: what to do with what cannot be used.
        images_npy: a file that the images can be written to; it must stay while they are read.

    Raises:
        InputError: something is unusable and not to be excluded, or no picture is left.
    """
    root = files.root
    wide = source.files.wide if source.files else None
    pictures = read_as(files, source.target, images_npy, least_rows(params), wide)
    unreadable = pictures.headers.unreadable
    if unreadable:
        refuse_unreadable(str(root), unreadable, len(pictures.files.paths), params)
    excluded = {
        index: why.removeprefix(f"{pictures.files.paths[index]}: ")
        for index, why in unreadable.items()
    }
    copied, copies = _copies(source, selection, params, pictures)
    excluded |= copied
    near, near_all = _near(source, selection, pictures, excluded)
    if "near_duplicates" in params.leave_out:
        excluded |= {index: f"nearly the same as {name}" for index, name in near.items()}
        near = {}
    used = _others(pictures, excluded)
    if not used.size:
        first = min(excluded)
        raise InputError(
            f"{shown(root)}: no picture is left to learn from ({pictures.files.paths[first]}: "
            f"{excluded[first]}); add others, or let prepare.unlabelled be {NONE}"
        )
    return Unlabelled(pictures, used, dict(sorted(excluded.items())), copies, near, near_all)


def _refuse_within_the_source(root: Path, source: Path) -> None:
    """Its pictures would be of a class there, unless labels.csv says which are."""
    within = source.resolve() in root.resolve().parents
    if within and not (source / LABELS_CSV).exists():
        raise InputError(
            f"{shown(root)}: lies in prepare.source, {shown(source)}, all of whose folders are "
            "classes; move it out"
        )


def _found(root: Path) -> UnlabelledFiles:
    tree = Tree(root)
    paths = sorted(tree.files_within(tree.top()))
    if not paths:
        raise InputError(
            f"{shown(root)}: holds no pictures; put some there, or let prepare.unlabelled be {NONE}"
        )
    return UnlabelledFiles(root, paths, sorted(tree.ignored))


def _others(pictures: Pictures[UnlabelledFiles], excluded: dict[int, str]) -> Indices:
    return np.setdiff1d(np.arange(len(pictures.files.paths)), np.array([*excluded], np.intp))


def _copies(
    source: Source, selection: Selection, params: Prepare, pictures: Pictures[UnlabelledFiles]
) -> tuple[dict[int, str], int]:
    """Why copies are not used, by their index, and how many others there are that are."""
    labelled = np.flatnonzero(selection.split_of != EXCLUDED)
    own = _others(pictures, pictures.headers.unreadable)
    every = [source.fingerprints.digests[labelled], pictures.fingerprints.digests[own]]
    excluded: dict[int, str] = {}
    used = 0
    for group in exact_groups(np.concatenate(every)):
        of_labelled = labelled[group[group < len(labelled)]]
        of_own = own[group[group >= len(labelled)] - len(labelled)].tolist()
        held_out = of_labelled[selection.split_of[of_labelled] != TRAIN]
        if held_out.size:
            why = f"the same picture as {_named(source, selection, held_out[0])}"
            excluded |= dict.fromkeys(of_own, why)
            continue
        copies = of_own if of_labelled.size else of_own[1:]
        if "duplicates" in params.leave_out:
            excluded |= dict.fromkeys(copies, REASONS["duplicates"])
        else:
            used += len(copies)
    return excluded, used


def _near(
    source: Source,
    selection: Selection,
    pictures: Pictures[UnlabelledFiles],
    excluded: dict[int, str],
) -> tuple[dict[int, str], bool]:
    """By index, the name of an image of validation or test that is nearly the same."""
    held_out = np.flatnonzero((selection.split_of != EXCLUDED) & (selection.split_of != TRAIN))
    own = _others(pictures, excluded)
    parts = ((source, held_out), (pictures, own))
    images = Joined(*(Selected(each.images, indices) for each, indices in parts))
    hashes = np.concatenate([each.fingerprints.hashes[indices] for each, indices in parts])
    thumbnails = [
        each.fingerprints.thumbnails.get(index) for each, indices in parts for index in indices
    ]
    known = {rank: each for rank, each in enumerate(thumbnails) if each is not None}
    side_of = np.repeat(np.array([0, 1], np.int8), [len(held_out), len(own)])
    pairs, is_all = near_pairs(images, hashes, side_of, known)
    near = {
        int(own[later - len(held_out)]): _named(source, selection, held_out[earlier])
        for earlier, later in pairs[::-1]
    }
    return dict(sorted(near.items())), is_all


def _named(source: Source, selection: Selection, index: int) -> str:
    return f"{source.name_of(index)} ({SPLITS[selection.split_of[index]]})"
