"""A folder of labelled pictures as the network's images, a few pictures at a time.

What it holds in memory of each picture are its name and some numbers, about 200 bytes, or 1,000 of
one of more than 8 bits a channel; the images go to a file. However many cores there are, no more
pixels are decoded at once than one picture of the largest size has.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from spotimes.dataset.image_file import BYTES_AT_ONCE, ImageFile, ImageWriter
from spotimes.errors import InputError
from spotimes.ingestion.fingerprints import (
    Fingerprint,
    Fingerprints,
    concatenated,
    fingerprint_of,
    fingerprints_of,
)
from spotimes.ingestion.headers import Headers
from spotimes.ingestion.labelled_files import AS_IT_IS, LabelledFiles, Reading, find
from spotimes.ingestion.wide_values import WideValues, together
from spotimes.params.prepare import Image
from spotimes.preprocessing.decode import Header, read_header, read_values
from spotimes.preprocessing.opening import MAX_PIXELS
from spotimes.preprocessing.resize import Loaded, Target, load
from spotimes.preprocessing.wide import Values

AT_ONCE = 256  # pictures, or fewer if their images are large
DEFAULT_SIDE = 96
LARGEST_OWN_SIDE = 224

Item = TypeVar("Item")
Result = TypeVar("Result")


class Files(Protocol):
    """Files that are meant as pictures."""

    @property
    def root(self) -> Path:
        """The folder."""

    @property
    def paths(self) -> list[str]:
        """Relative to it, `/` between parts."""


AnyFiles = TypeVar("AnyFiles", bound=Files)


class Pictures(NamedTuple, Generic[AnyFiles]):
    """A folder's pictures, as the network takes them.

    Attributes:
        files: where they come from; all that follows is in the order of its paths.
        headers: what the files' headers say, and which of them cannot be used.
        images: uint8, shape (files, height, width, channels), on disk; black where unreadable.
        fingerprints: of the images.
        wide: what there is of more than 8 bits; None if there is none.
        missing_rows: how many rows a picture lacks, by the index of its path, if it does.
    """

    files: AnyFiles
    headers: Headers
    images: ImageFile
    fingerprints: Fingerprints
    wide: WideValues | None
    missing_rows: dict[int, int]


class _Read(NamedTuple):
    """What was made of a picture."""

    loaded: Loaded
    fingerprint: Fingerprint | None


def read_folder(
    source: Path, wanted: Image, images_npy: Path, how: Reading = AS_IT_IS
) -> Pictures[LabelledFiles]:
    """Reads all pictures of a folder.

    Args:
        source: the folder; `labelled_files.find` says how it can be laid out.
        wanted: size, colour and resize mode.
        images_npy: the file that the images are written to.
        how: the folder is to be read.

    Raises:
        InputError: the folder is none of labelled pictures, or holds not one that can be read.
    """
    files = find(source, how)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        reader = _Reader(files, how.least_rows, pool)
        headers, values = reader.values(reader.headers())
        while len(headers.unreadable) < len(files.paths):
            wide = together(str(source), values, wanted.range)
            target = _target(wanted, headers, wide)
            digests = {index: each.digest for index, each in values.items()}
            pictures = reader.pictures(headers, target, images_npy, digests, wide)
            headers = pictures.headers
            # A header was sound and its picture was not: it is to have no say in the size.
            if target == _target(wanted, headers, wide):
                return pictures
        raise InputError(
            f"{source}: no file in it can be read as a picture; the first: {headers.unreadable[0]}"
        )


def read_as(
    files: AnyFiles, target: Target, images_npy: Path, least_rows: float, wide: WideValues | None
) -> Pictures[AnyFiles]:
    """Reads pictures as images like those of other pictures.

    Args:
        files: at least one.
        target: what the images become.
        images_npy: the file that they are written to.
        least_rows: the share of a picture's rows that its file must have.
        wide: what there is of more than 8 bits in the other pictures.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        reader = _Reader(files, least_rows, pool)
        headers, values = reader.values(reader.headers())
        digests = {index: each.digest for index, each in values.items()}
        return reader.pictures(headers, target, images_npy, digests, wide)


def _target(wanted: Image, headers: Headers, wide: WideValues | None) -> Target:
    """What the images become; `params.prepare.Image` states the rule."""
    colour = wanted.colour or ("grey" if headers.grey.all() else "rgb")
    chosen = None if isinstance(wanted.range, str) else (wanted.range[0], wanted.range[1])
    return Target(*_size(wanted, headers), colour, wanted.resize, wide.chosen if wide else chosen)


def _size(wanted: Image, headers: Headers) -> tuple[int, int]:
    if wanted.height is not None and wanted.width is not None:
        return wanted.height, wanted.width
    sizes = np.unique(headers.sizes[headers.sizes.any(axis=1)], axis=0)
    if len(sizes) == 1 and sizes.min() >= 2 and sizes.max() <= LARGEST_OWN_SIDE:
        return int(sizes[0, 1]), int(sizes[0, 0])
    return DEFAULT_SIDE, DEFAULT_SIDE


class _Reader(Generic[AnyFiles]):
    """Reads a folder's pictures, some at a time."""

    def __init__(self, files: AnyFiles, least_rows: float, pool: ThreadPoolExecutor) -> None:
        self._files = files
        self._least_rows = least_rows
        self._pool = pool
        self._budget = _PixelBudget(MAX_PIXELS)

    def headers(self) -> Headers:
        """What the files' headers say."""
        paths = self._files.paths

        def header(path: str) -> Header | str:
            try:
                return read_header(self._files.root / path, path)
            except InputError as error:
                return str(error)

        sizes = np.zeros((len(paths), 2), np.int32)
        mode_of = np.full(len(paths), -1, np.int16)
        animated = np.zeros(len(paths), np.bool_)
        modes: dict[str, int] = {}
        grey = np.ones(len(paths), np.bool_)
        wide = np.zeros(len(paths), np.bool_)
        unreadable = {}
        for index, found in enumerate(
            _mapped(self._pool, header, paths, "reading headers", AT_ONCE)
        ):
            if isinstance(found, str):
                unreadable[index] = found
                continue
            sizes[index] = found.width, found.height
            mode_of[index] = modes.setdefault(found.mode, len(modes))
            animated[index] = found.animated
            grey[index] = found.grey
            wide[index] = found.wide
        return Headers(sizes, list(modes), mode_of, animated, grey, wide, unreadable)

    def values(self, headers: Headers) -> tuple[Headers, dict[int, Values]]:
        """The values of the pictures of more than 8 bits, and which of these can be read."""

        def read(index: int) -> Values | str:
            path = self._files.paths[index]
            try:
                with self._pixels_of(headers, index):
                    return read_values(self._files.root / path, path, least_rows=self._least_rows)
            except InputError as error:
                return str(error)

        indices = np.flatnonzero(headers.wide).tolist()
        values, unreadable = {}, {}
        results = _mapped(self._pool, read, indices, "reading values", AT_ONCE) if indices else ()
        for index, found in zip(indices, results, strict=True):
            if isinstance(found, str):
                unreadable[index] = found
            else:
                values[index] = found
        return headers.without(unreadable), values

    def pictures(
        self,
        headers: Headers,
        target: Target,
        images_npy: Path,
        digests: Mapping[int, bytes],
        wide: WideValues | None,
    ) -> Pictures[AnyFiles]:
        """Reads the pictures as images.

        Args:
            headers: of the files.
            target: what the images become.
            images_npy: the file that they are written to.
            digests: of the values of pictures of more than 8 bits.
            wide: of the same.
        """
        at_once = max(1, min(AT_ONCE, BYTES_AT_ONCE // int(np.prod(target.shape))))
        unreadable: dict[int, str] = {}
        by_all_values = target._replace(range=wide.of_data or wide.chosen) if wide else target

        def read(index: int) -> _Read | str:
            if index in headers.unreadable:
                return headers.unreadable[index]
            try:
                with self._pixels_of(headers, index):
                    loaded, fingerprint = self._load(index, target), None
                    if index in digests:
                        same = by_all_values == target
                        other = loaded if same else self._load(index, by_all_values)
                        fingerprint = fingerprint_of(digests[index], other.image)
                    return _Read(loaded, fingerprint)
            except InputError as error:
                return str(error)

        count = len(self._files.paths)
        fingerprints: list[Fingerprints] = []
        of_values: dict[int, Fingerprint] = {}
        missing_rows: dict[int, int] = {}
        black = np.zeros(target.shape, np.uint8)
        with ImageWriter(images_npy, (count, *target.shape)) as writer:
            block: list[npt.NDArray[np.uint8]] = []
            for index, found in enumerate(
                _mapped(self._pool, read, range(count), "reading pictures", at_once)
            ):
                if isinstance(found, str):
                    unreadable[index] = found
                    block.append(black)
                else:
                    block.append(found.loaded.image)
                    if found.loaded.missing_rows:
                        missing_rows[index] = found.loaded.missing_rows
                    if found.fingerprint is not None:
                        of_values[index] = found.fingerprint
                if len(block) == at_once or index == count - 1:
                    images = np.stack(block)
                    writer.append(images)
                    fingerprints.append(fingerprints_of(images))
                    block.clear()
        return Pictures(
            self._files,
            headers.without(unreadable),
            ImageFile(images_npy),
            concatenated(fingerprints).replaced(of_values),
            wide,
            missing_rows,
        )

    def _load(self, index: int, target: Target) -> Loaded:
        path = self._files.paths[index]
        return load(self._files.root / path, path, target, least_rows=self._least_rows)

    def _pixels_of(self, headers: Headers, index: int) -> AbstractContextManager[None]:
        return self._budget.taken(int(headers.sizes[index].prod(dtype=np.int64)))


class _PixelBudget:
    """So many pixels, which threads share; a thread that finds too few left waits."""

    def __init__(self, pixels: int) -> None:
        self._all = self._free = pixels
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Takes so many pixels, at most all that there are, and gives them back at the end."""
        pixels = min(pixels, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= pixels)
            self._free -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()


def _mapped(
    pool: ThreadPoolExecutor,
    function: Callable[[Item], Result],
    items: Sequence[Item],
    what: str,
    at_once: int,
) -> Iterator[Result]:
    """Results in order, so few at once that memory stays the same, with a progress bar."""
    with tqdm(total=len(items), desc=what, unit="img", unit_scale=True, disable=None) as bar:
        for begin in range(0, len(items), at_once):
            for result in pool.map(function, items[begin : begin + at_once]):
                yield result
                bar.update()
