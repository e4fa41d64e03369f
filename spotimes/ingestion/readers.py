"""Readers of formats: whatever a mirror delivers becomes the same canonical arrays.

A mirror's files come checked against their hashes, in the card's order. Which members they hold,
and the format's parameters, are the card's (`spotimes.ingestion.mirror`). Nothing is written to
disk.
"""

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from spotimes.dataset.prepared import Split
from spotimes.downloads import archive
from spotimes.errors import InputError
from spotimes.ingestion import idx
from spotimes.ingestion.catalog import Canonical, Catalog
from spotimes.ingestion.mirror import Idx, IdxSplit, Mirror, PngRows, PngRowsSplit, Records

MODES = {1: "L", 3: "RGB"}  # Pillow's, by the number of channels


class Member(NamedTuple):
    """What a format reads.

    Attributes:
        where: what a message begins with.
        content: all of it, decompressed.
    """

    where: str
    content: bytes


Members = dict[str, Member]
Shape = tuple[int, ...]  # of a split: images, height, width, channels


def read(catalog: Catalog, mirror: Mirror, files: Sequence[Path]) -> Canonical:
    """Reads a dataset in the format that the mirror names.

    Args:
        catalog: the dataset's card.
        mirror: one of its mirrors.
        files: the mirror's files, in its order.

    Raises:
        InputError: a file is damaged, lacks a member, or a member is not in the format.
    """
    members = _members(catalog, mirror, files)
    form = mirror.format
    train, test = (
        (split.images, *catalog.image_shape)
        for split in (catalog.splits.train, catalog.splits.test)
    )
    match form:
        case Records():
            return Canonical(
                _records(members, form, form.train, train), _records(members, form, form.test, test)
            )
        case Idx():
            return Canonical(_idx(members, form, form.train), _idx(members, form, form.test))
        case PngRows():
            return Canonical(
                _png_rows(members, form.train, train), _png_rows(members, form.test, test)
            )


def _members(catalog: Catalog, mirror: Mirror, files: Sequence[Path]) -> Members:
    # In no format is a member larger than twice the pixels of its split, but for a head.
    images = max(catalog.splits.train.images, catalog.splits.test.images)
    limit = 2 * images * math.prod(catalog.image_shape) + 65_536
    kind = mirror.files[0].archive
    if kind is None:
        pairs = zip(mirror.files, files, strict=True)
        found = {file.name: Member(str(path), path.read_bytes()) for file, path in pairs}
    else:
        (path,) = files
        contents = archive.members(path, kind, mirror.format.members, limit)
        found = {name: Member(f"{path}: {name}", content) for name, content in contents}
    return {
        name: Member(where, archive.gunzip(content, limit, where))
        if name.endswith(".gz")
        else Member(where, content)
        for name, (where, content) in found.items()
    }


def _records(members: Members, form: Records, names: Sequence[str], shape: Shape) -> Split:
    _, height, width, channels = shape
    count = len(form.labels)
    size = count + height * width * channels
    images, labels = [], []
    for where, content in map(members.pop, names):
        if len(content) % size:
            raise InputError(f"{where}: {len(content)} bytes, no multiple of {size}")
        records = np.frombuffer(content, np.uint8).reshape(-1, size)
        planes = records[:, count:].reshape(-1, channels, height, width)
        images.append(planes.transpose(0, 2, 3, 1))
        labels.append(records[:, form.labels.index(form.label)])
    return Split(np.concatenate(images), np.concatenate(labels).astype(np.int64))


def _idx(members: Members, form: Idx, split: IdxSplit) -> Split:
    images = idx.images(members[split.images].content, members[split.images].where)
    labels = idx.labels(members[split.labels].content, members[split.labels].where)
    _check_counts(images, labels, members[split.labels].where)
    return Split(images.swapaxes(1, 2) if form.transposed else images, labels - form.first_label)


def _png_rows(members: Members, split: PngRowsSplit, shape: Shape) -> Split:
    images = np.concatenate([_sheet(members.pop(name), shape) for name in split.images])
    labels = _json_labels(members[split.labels])
    _check_counts(images, labels, members[split.labels].where)
    return Split(images, labels)


def _check_counts(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], where: str) -> None:
    if len(images) != len(labels):
        raise InputError(f"{where}: {len(labels)} labels, but {len(images)} images")


def _sheet(member: Member, shape: Shape) -> npt.NDArray[np.uint8]:
    images, height, width, channels = shape
    mode, pixels = MODES.get(channels), height * width
    try:
        with Image.open(io.BytesIO(member.content), formats=["PNG"]) as sheet:
            # The header says the size before a pixel is decoded.
            if sheet.mode != mode or sheet.width != pixels or sheet.height > images:
                raise InputError(
                    f"{member.where}: {sheet.mode} of {sheet.width} x {sheet.height} pixels, not "
                    f"{mode} of {pixels} x at most {images}"
                )
            return np.asarray(sheet).reshape(-1, height, width, channels)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{member.where}: is no whole PNG: {error}") from error


def _json_labels(member: Member) -> npt.NDArray[np.int64]:
    try:
        values = json.loads(member.content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{member.where}: is not JSON: {error}") from error
    if not isinstance(values, list) or any(
        type(value) is not int or not 0 <= value < 256 for value in values
    ):
        raise InputError(f"{member.where}: is not a list of labels, whole numbers from 0")
    return np.array(values, np.int64)
