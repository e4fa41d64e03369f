"""All images of the prepared dataset, whichever split they are in."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.dataset.image_file import ImageSource, Joined, Selected
from spotimes.dataset.prepared import PREPARED, SPLITS, LazySplit, load_groups, load_split
from spotimes.ingestion.exact_copies import exact_groups, image_digests

Numbers = npt.NDArray[np.int64]  # shape (images,)


class Pool(NamedTuple):
    """Labelled images.

    Attributes:
        images: uint8, shape (images, height, width, channels).
        labels: int64, shape (images,).
        groups: int64, shape (images,): equal numbers belong together. Exact copies do.
        sizes: how many are of each of the prepared splits, whose order they have.
    """

    images: ImageSource
    labels: Numbers
    groups: Numbers
    sizes: tuple[int, ...]

    @property
    def group_count(self) -> int | None:
        """How many groups there are, those of one image too; None if there are no others."""
        count = len(np.unique(self.groups))
        return count if count < len(self.groups) else None

    @property
    def validation_fraction(self) -> float:
        """How much of the training images, validation among them, prepare set aside."""
        train, validation, _ = self.sizes
        return validation / (train + validation)

    def split(self, indices: npt.NDArray[np.intp]) -> LazySplit:
        """Some of the images."""
        return LazySplit(Selected(self.images, indices), self.labels[indices])


def load_pool(folder: Path = PREPARED) -> Pool:
    """Reads all splits, the test split among them; images are read as they are used.

    Raises:
        InputError: a file is missing or is not what `prepare` writes.
    """
    splits = [load_split(name, folder) for name in SPLITS]
    train, validation, test = (split.images for split in splits)
    images = Joined(Joined(train, validation), test)
    groups = [found for name in SPLITS if (found := load_groups(name, folder)) is not None]
    return Pool(
        images,
        np.concatenate([split.labels for split in splits]),
        _with_copies(np.concatenate(groups) if groups else np.arange(len(images)), images),
        tuple(len(split.labels) for split in splits),
    )


def _with_copies(groups: Numbers, images: ImageSource) -> Numbers:
    """The groups, those with exact copies of the same image made one."""
    groups = groups.copy()
    for copies in exact_groups(image_digests(images)):
        groups[np.isin(groups, groups[copies])] = groups[copies[0]]
    return groups
