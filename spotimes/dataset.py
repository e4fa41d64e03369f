"""The prepared dataset: what `prepare` writes and the other stages read.

A folder with `dataset.json`, the card, and for each split `SPLIT_images.npy`, uint8 of shape
(images, height, width, channels), and `SPLIT_labels.npy`, int64 of shape (images,).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from spotimes import atomic
from spotimes.errors import InputError
from spotimes.params.load import Frozen, load_yaml, validated

PREPARED = Path("data/prepared")

SplitName = Literal["train", "validation", "test"]
Scalar = TypeVar("Scalar", bound=np.generic)
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


class Split(NamedTuple):
    """Labelled images.

    Attributes:
        images: uint8, shape (images, height, width, channels).
        labels: int64, shape (images,); an index into the class names.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]


class Card(Frozen):
    """Where a dataset comes from and what it may be used for.

    Attributes:
        name: such as `CIFAR-10`.
        class_names: one for each label, in the labels' order.
        licence: the terms, or the authors' words where they state none.
        citation: the reference that its authors ask for.
        homepage: its official page.
    """

    name: str
    class_names: list[str]
    licence: str
    citation: str
    homepage: str


def write_prepared(folder: Path, card: Card, splits: Mapping[SplitName, Split]) -> None:
    """Writes a prepared dataset, whole or not at all; the same content gives the same bytes."""
    with atomic.replacing(folder) as beside:
        beside.mkdir()
        atomic.write_json(beside / "dataset.json", card.model_dump())
        for name in SPLITS:
            _save(beside / f"{name}_images.npy", splits[name].images)
            _save(beside / f"{name}_labels.npy", splits[name].labels)


def load_card(folder: Path = PREPARED) -> Card:
    """Reads a prepared dataset's card.

    Raises:
        InputError: it is missing or not what `prepare` writes.
    """
    path = folder / "dataset.json"
    return validated(load_yaml(path), Card, str(path))


def load_split(name: SplitName, folder: Path = PREPARED) -> Split:
    """Reads one split; the images stay on disk and are read as they are used.

    Raises:
        InputError: a file is missing or is not what `prepare` writes.
    """
    images = _load(folder / f"{name}_images.npy", np.uint8, 4)
    labels = _load(folder / f"{name}_labels.npy", np.int64, 1)
    classes = len(load_card(folder).class_names)
    if len(images) != len(labels) or len(labels) == 0:
        raise InputError(f"{folder}: {name}: {len(images)} images and {len(labels)} labels")
    if labels.min() < 0 or labels.max() >= classes:
        raise InputError(f"{folder}: {name}: a label is not within 0 to {classes - 1}")
    return Split(images, labels)


def _save(path: Path, array: npt.NDArray[Scalar]) -> None:
    # To a file opened for writing alone, NumPy writes by itself and loses a full disk's errno.
    with path.open("w+b") as stream:
        np.save(stream, array, allow_pickle=False)


def _load(path: Path, dtype: type[Scalar], dimensions: int) -> npt.NDArray[Scalar]:
    try:
        array: npt.NDArray[Scalar] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); run `dvc repro prepare`") from error
    if array.dtype != dtype or array.ndim != dimensions:
        raise InputError(
            f"{path}: is {array.dtype} of {array.ndim} dimensions, not "
            f"{np.dtype(dtype)} of {dimensions}; run `dvc repro -f prepare`"
        )
    return array
