"""The prepared dataset: what `prepare` writes and the other stages read.

A folder with `dataset.json`, the card, and for each split `SPLIT_images.npy`, uint8 of shape
(images, height, width, channels), and `SPLIT_labels.npy`, int64 of shape (images,). Where a source
has groups of pictures that belong together, `SPLIT_groups.npy` has a number for each image, int64
of shape (images,), that only those of its group have. Where there are pictures without labels,
`unlabelled_images.npy` has them. Images are written and read a few at a time: what a stage needs of
memory does not grow with their number.
Beside them `backbone.json` says what the network begins with, and `backbone.npz` has its weights,
if it has any (`spotimes.dataset.backbone`).
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from spotimes.dataset.backbone import NO_BACKBONE, Backbone, Tensors
from spotimes.dataset.image_file import ImageFile, ImageSource, write_images
from spotimes.errors import InputError
from spotimes.pixels import Resize
from spotimes.system import atomic
from spotimes.system.validation import Frozen, load_json, unread

Numbers = npt.NDArray[np.int64]  # shape (images,)

PREPARED = Path("data/prepared")
UNLABELLED = "unlabelled_images.npy"

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


class LabelledImages(Protocol):
    """A split, in memory or on disk."""

    @property
    def images(self) -> ImageSource:
        """uint8, shape (images, height, width, channels)."""

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """int64, shape (images,); an index into the class names."""


class Split(NamedTuple):
    """Labelled images in memory.

    Attributes:
        images: uint8, shape (images, height, width, channels).
        labels: int64, shape (images,); an index into the class names.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]


class LazySplit(NamedTuple):
    """Labelled images that are read as they are used.

    Attributes:
        images: uint8, shape (images, height, width, channels).
        labels: int64, shape (images,); an index into the class names.
    """

    images: ImageSource
    labels: npt.NDArray[np.int64]


class Card(Frozen):
    """Where a dataset comes from and what it may be used for.

    Attributes:
        name: such as `CIFAR-10`.
        class_names: one for each label, in the labels' order.
        licence: the terms, or the authors' words where they state none.
        citation: the reference that its authors ask for.
        homepage: its official page.
        resize: how its pictures were fitted to the images' size, and how whoever runs the model
            must fit theirs; `spotimes.preprocessing.resize` says what the modes do.
        range: of pictures of more than 8 bits a channel, the values that became 0 and 255; None if
            those were what 16 bits can hold, or there were none.
    """

    name: str
    class_names: list[str]
    licence: str
    citation: str
    homepage: str
    resize: Resize = "squash"
    range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None


def write_prepared(
    folder: Path,
    card: Card,
    splits: Mapping[SplitName, LabelledImages],
    backbone: Backbone = NO_BACKBONE,
    tensors: Tensors = MappingProxyType({}),
    *,
    groups: Mapping[SplitName, Numbers] = MappingProxyType({}),
    unlabelled: ImageSource | None = None,
) -> None:
    """Writes a prepared dataset, whole or not at all; the same content gives the same bytes.

    Args:
        folder: what is written.
        card: of the dataset.
        splits: all of `SPLITS`.
        backbone: what the network begins with.
        tensors: its weights.
        groups: of all splits, or of none.
        unlabelled: images without labels, of the same shape as the others; None if there are none.
    """
    with atomic.replacing(folder) as beside:
        beside.mkdir()
        atomic.write_json(beside / "dataset.json", card.model_dump(exclude_none=True))
        atomic.write_json(beside / "backbone.json", backbone.model_dump())
        if tensors:
            arrays: dict[str, Any] = {name: tensors[name] for name in sorted(tensors)}
            np.savez(beside / "backbone.npz", allow_pickle=False, **arrays)
        for name in SPLITS:
            write_images(beside / f"{name}_images.npy", splits[name].images)
            _save_numbers(beside / f"{name}_labels.npy", splits[name].labels)
            if name in groups:
                _save_numbers(beside / f"{name}_groups.npy", groups[name])
        if unlabelled is not None:
            write_images(beside / UNLABELLED, unlabelled)


def load_card(folder: Path = PREPARED) -> Card:
    """Reads a prepared dataset's card.

    Raises:
        InputError: it is missing or not what `prepare` writes.
    """
    return load_json(folder / "dataset.json", Card, "prepare")


def load_backbone(folder: Path = PREPARED) -> Backbone:
    """Reads what the backbone consists of.

    Raises:
        InputError: it is missing or not what `prepare` writes.
    """
    return load_json(folder / "backbone.json", Backbone, "prepare")


def load_tensors(folder: Path = PREPARED) -> dict[str, npt.NDArray[np.float32]]:
    """Reads the backbone's weights.

    Raises:
        InputError: they are missing or not what `prepare` writes.
    """
    path = folder / "backbone.npz"
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return dict(archive)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise unread(path, error, "prepare") from error


def load_kept_tensors(blocks: int, folder: Path = PREPARED) -> dict[str, npt.NDArray[np.float32]]:
    """Reads the weights of the backbone's first blocks; of no block there are none.

    Raises:
        InputError: as `load_tensors`.
    """
    if not blocks:
        return {}
    names = tuple(f"block{number + 1}_" for number in range(blocks))
    return {name: each for name, each in load_tensors(folder).items() if name.startswith(names)}


def load_split(name: SplitName, folder: Path = PREPARED) -> LazySplit:
    """Reads one split; the images stay on disk and are read as they are used.

    Raises:
        InputError: a file is missing or is not what `prepare` writes.
    """
    images = ImageFile(folder / f"{name}_images.npy")
    labels = _load_numbers(folder / f"{name}_labels.npy")
    classes = len(load_card(folder).class_names)
    if len(images) != len(labels) or len(labels) == 0:
        raise InputError(f"{folder}: {name}: {len(images)} images and {len(labels)} labels")
    if labels.min() < 0 or labels.max() >= classes:
        raise InputError(f"{folder}: {name}: a label is not within 0 to {classes - 1}")
    return LazySplit(images, labels)


def load_groups(name: SplitName, folder: Path = PREPARED) -> Numbers | None:
    """Reads which images of a split belong together; None where the source has no groups.

    Returns:
        int64, shape (images,): equal numbers, in whatever splits, are of one group.

    Raises:
        InputError: the file is not what `prepare` writes.
    """
    path = folder / f"{name}_groups.npy"
    return _load_numbers(path) if path.exists() else None


def load_unlabelled(folder: Path = PREPARED) -> ImageFile | None:
    """Opens the images without labels; None where there are none.

    Raises:
        InputError: the file is not what `prepare` writes.
    """
    path = folder / UNLABELLED
    return ImageFile(path) if path.exists() else None


def _save_numbers(path: Path, numbers: Numbers) -> None:
    # To a file opened for writing alone, NumPy writes by itself and loses a full disk's errno.
    with path.open("w+b") as stream:
        np.save(stream, numbers, allow_pickle=False)


def _load_numbers(path: Path) -> Numbers:
    try:
        numbers: Numbers = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise unread(path, error, "prepare") from error
    if numbers.dtype != np.int64 or numbers.ndim != 1:
        raise InputError(
            f"{path}: is {numbers.dtype} of {numbers.ndim} dimensions, not int64 of 1; run "
            "`dvc repro -f prepare`"
        )
    return numbers
