"""Catalog files: a dataset's card, the hashes of its canonical arrays, and where to fetch it."""

import hashlib
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field

from spotimes.dataset.prepared import Card, Split
from spotimes.downloads.remote_file import Sha256, Text
from spotimes.errors import InputError
from spotimes.ingestion.mirror import Mirror, unique
from spotimes.system.validation import Frozen, load_yaml, validated

Count = Annotated[int, Field(gt=0)]


class Canonical(NamedTuple):
    """A dataset in its authors' order and division.

    Attributes:
        train: images uint8 of shape (images, height, width, channels), labels int64.
        test: the same.
    """

    train: Split
    test: Split


class CanonicalSplit(Frozen):
    """What a split's canonical arrays must be.

    Attributes:
        images: how many there are.
        images_sha256: of the images' bytes: uint8, in C order, (images, height, width, channels).
        labels_sha256: of the labels' bytes: int64, little-endian, (images,).
    """

    images: Count
    images_sha256: Sha256
    labels_sha256: Sha256


class CanonicalSplits(Frozen):
    """The dataset's own division.

    Attributes:
        train: the training images.
        test: the test images.
    """

    train: CanonicalSplit
    test: CanonicalSplit


class Catalog(Card):
    """A dataset that can be fetched.

    Attributes:
        class_names: one for each label, in the labels' order; all different.
        image_shape: height, width and channels.
        splits: what the canonical arrays must be, whichever mirror delivers.
        mirrors: tried in this order; `spotimes.ingestion.mirror` says what one holds.
    """

    name: Text
    class_names: Annotated[list[Text], Field(min_length=2), AfterValidator(unique)]
    licence: Text
    citation: Text
    homepage: Text
    image_shape: Annotated[list[Count], Field(min_length=3, max_length=3)]
    splits: CanonicalSplits
    mirrors: Annotated[list[Mirror], Field(min_length=1)]

    def card(self) -> Card:
        """The part that goes with the prepared dataset."""
        return Card(**self.model_dump(include=set(Card.model_fields)))

    def check(self, canonical: Canonical, where: str) -> None:
        """Compares what a reader gave with what the catalog promises.

        Args:
            canonical: the reader's arrays.
            where: what the message begins with, such as the mirror.

        Raises:
            InputError: a shape, dtype or hash differs, or a label has no class name.
        """
        self._check_split(canonical.train, self.splits.train, f"{where}: train")
        self._check_split(canonical.test, self.splits.test, f"{where}: test")

    def _check_split(self, split: Split, promised: CanonicalSplit, where: str) -> None:
        shape = (promised.images, *self.image_shape)
        _check_array(split.images, "uint8", shape, promised.images_sha256, f"{where} images")
        _check_array(split.labels, "int64", shape[:1], promised.labels_sha256, f"{where} labels")
        if split.labels.min() < 0 or split.labels.max() >= len(self.class_names):
            raise InputError(
                f"{where} labels: go from {split.labels.min()} to {split.labels.max()}, but the "
                f"catalog names {len(self.class_names)} classes"
            )


def load_catalog(path: Path) -> Catalog:
    """Reads a catalog file, for example `load_catalog(Path("data/catalog/cifar10.yaml"))`.

    Raises:
        InputError: there is no such file, it is not YAML, or a value in it is not allowed.
    """
    example = (
        "let prepare.source name a catalog file, such as data/catalog/cifar10.yaml, or a folder of "
        "pictures"
    )
    if path.is_dir():
        raise InputError(f"{path}: is a folder; {example}")
    if not path.exists():
        raise InputError(f"{path}: no such file; {example}")
    if path.suffix not in {".yaml", ".yml"}:
        raise InputError(f"{path}: is not a .yaml file; {example}")
    return validated(load_yaml(path), Catalog, str(path))


def _check_array(
    array: npt.NDArray[Any], dtype: str, shape: tuple[int, ...], sha256: str, where: str
) -> None:
    if (array.dtype, array.shape) != (np.dtype(dtype), shape):
        raise InputError(f"{where}: {array.dtype} of {array.shape}, not {dtype} of {shape}")
    little_endian = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    found = hashlib.sha256(little_endian.data).hexdigest()
    if found != sha256:
        raise InputError(f"{where}: SHA-256 is {found}, but the catalog promises {sha256}")
