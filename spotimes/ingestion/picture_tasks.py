"""What is done to a folder's pictures, some at a time: a task each of `processes`.

A process that runs them imports this module, so it imports little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.errors import InputError, printable
from spotimes.ingestion.fingerprints import (
    Fingerprint,
    Fingerprints,
    fingerprint_of,
    fingerprints_of,
)
from spotimes.preprocessing.decode import Header, read_header, read_values
from spotimes.preprocessing.resize import Loaded, Target, load
from spotimes.preprocessing.wide import Values


@dataclass(frozen=True, kw_only=True)
class PictureTask:
    """Something to do to pictures that follow each other.

    Attributes:
        root: their folder.
        paths: relative to it; None of one that is not to be read.
        pixels: as many as are decoded at once, at most.
    """

    root: Path
    paths: Sequence[str | None]
    pixels: int = 0

    @property
    def where(self) -> str:
        """The folder, and the first and the last that is read, for messages."""
        named = [printable(path) for path in self.paths if path is not None] or ["none"]
        return f"{printable(str(self.root))}: {' to '.join(dict.fromkeys((named[0], named[-1])))}"


class HeaderTask(PictureTask):
    """Reads headers."""

    def run(self) -> list[Header | str]:
        """What each header says, or why it cannot be read."""
        return [self._header(path) for path in self.paths if path is not None]

    def _header(self, path: str) -> Header | str:
        try:
            return read_header(self.root / path, path)
        except InputError as error:
            return str(error)


@dataclass(frozen=True, kw_only=True)
class ValueTask(PictureTask):
    """Reads the values of pictures of more than 8 bits.

    Attributes:
        least_rows: the share of a picture's rows that its file must have.
    """

    least_rows: float

    def run(self) -> list[Values | str]:
        """What each picture's values are, or why they cannot be read."""
        return [self._values(path) for path in self.paths if path is not None]

    def _values(self, path: str) -> Values | str:
        try:
            return read_values(self.root / path, path, least_rows=self.least_rows)
        except InputError as error:
            return str(error)


class ImageBlock(NamedTuple):
    """Images of pictures that follow each other.

    Attributes:
        images: uint8, shape (pictures, height, width, channels); black where one is unreadable.
        fingerprints: of the images.
        of_values: of those of more than 8 bits, by their place among these.
        missing_rows: how many rows a picture lacks, by its place, if it does.
        unreadable: why a picture cannot be read, by its place.
    """

    images: npt.NDArray[np.uint8]
    fingerprints: Fingerprints
    of_values: dict[int, Fingerprint]
    missing_rows: dict[int, int]
    unreadable: dict[int, str]


@dataclass(frozen=True, kw_only=True)
class ImageTask(PictureTask):
    """Reads pictures as images.

    Attributes:
        least_rows: the share of a picture's rows that its file must have.
        target: what the images become.
        by_all_values: what images become by which pictures of more than 8 bits are compared.
        digests: of the values of such pictures, by their place among these.
    """

    least_rows: float
    target: Target
    by_all_values: Target
    digests: Mapping[int, bytes]

    def run(self) -> ImageBlock:
        """The images, and what was found."""
        images = np.zeros((len(self.paths), *self.target.shape), np.uint8)
        of_values: dict[int, Fingerprint] = {}
        missing_rows: dict[int, int] = {}
        unreadable: dict[int, str] = {}
        for place, path in enumerate(self.paths):
            if path is None:
                continue
            try:
                loaded = self._load(path, self.target)
                if place in self.digests:
                    same = self.by_all_values == self.target
                    other = loaded if same else self._load(path, self.by_all_values)
                    of_values[place] = fingerprint_of(self.digests[place], other.image)
            except InputError as error:
                unreadable[place] = str(error)
                continue
            images[place] = loaded.image
            if loaded.missing_rows:
                missing_rows[place] = loaded.missing_rows
        return ImageBlock(images, fingerprints_of(images), of_values, missing_rows, unreadable)

    def _load(self, path: str, target: Target) -> Loaded:
        return load(self.root / path, path, target, least_rows=self.least_rows)
