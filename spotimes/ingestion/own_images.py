"""A folder of labelled pictures as the network's images, a few pictures at a time.

What it holds in memory of each picture are its name and some numbers, about 200 bytes; the images
go to a file. However many cores there are, no more pixels are decoded at once than one picture of
the largest size has.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from spotimes.dataset.image_file import BYTES_AT_ONCE, ImageFile, ImageWriter
from spotimes.errors import InputError
from spotimes.ingestion.fingerprints import Fingerprints, concatenated, fingerprints_of
from spotimes.ingestion.headers import Headers
from spotimes.ingestion.labelled_files import AS_IT_IS, LabelledFiles, Reading, find
from spotimes.params.prepare import Image
from spotimes.preprocessing.decode import MAX_PIXELS, Header, read_header
from spotimes.preprocessing.resize import Target, load_image

AT_ONCE = 256  # pictures, or fewer if their images are large
DEFAULT_SIDE = 96
LARGEST_OWN_SIDE = 224

Item = TypeVar("Item")
Result = TypeVar("Result")


class Pictures(NamedTuple):
    """A folder's pictures, as the network takes them.

    Attributes:
        files: where they come from; all that follows is in the order of its paths.
        headers: what the files' headers say, and which of them cannot be used.
        images: uint8, shape (files, height, width, channels), on disk; black where unreadable.
        fingerprints: of the images.
    """

    files: LabelledFiles
    headers: Headers
    images: ImageFile
    fingerprints: Fingerprints


def read_folder(source: Path, wanted: Image, images_npy: Path, how: Reading = AS_IT_IS) -> Pictures:
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
        headers = _read_headers(files, pool)
        while len(headers.unreadable) < len(files.paths):
            target = _target(wanted, headers)
            pictures = _decoded(files, headers, target, images_npy, pool)
            headers = pictures.headers
            # A header was sound and its picture was not: it is to have no say in the size.
            if target == _target(wanted, headers):
                return pictures
        raise InputError(
            f"{source}: no file in it can be read as a picture; the first: {headers.unreadable[0]}"
        )


def _target(wanted: Image, headers: Headers) -> Target:
    """What the images become; `params.prepare.Image` states the rule."""
    colour = wanted.colour or ("grey" if headers.grey.all() else "rgb")
    return Target(*_size(wanted, headers), colour, wanted.resize)


def _size(wanted: Image, headers: Headers) -> tuple[int, int]:
    if wanted.height is not None and wanted.width is not None:
        return wanted.height, wanted.width
    sizes = np.unique(headers.sizes[headers.sizes.any(axis=1)], axis=0)
    if len(sizes) == 1 and sizes.min() >= 2 and sizes.max() <= LARGEST_OWN_SIDE:
        return int(sizes[0, 1]), int(sizes[0, 0])
    return DEFAULT_SIDE, DEFAULT_SIDE


def _read_headers(files: LabelledFiles, pool: ThreadPoolExecutor) -> Headers:
    def header(path: str) -> Header | str:
        try:
            return read_header(files.root / path, path)
        except InputError as error:
            return str(error)

    sizes = np.zeros((len(files.paths), 2), np.int32)
    mode_of = np.full(len(files.paths), -1, np.int16)
    animated = np.zeros(len(files.paths), np.bool_)
    modes: dict[str, int] = {}
    grey = np.ones(len(files.paths), np.bool_)
    unreadable = {}
    for index, found in enumerate(_mapped(pool, header, files.paths, "reading headers", AT_ONCE)):
        if isinstance(found, str):
            unreadable[index] = found
            continue
        sizes[index] = found.width, found.height
        mode_of[index] = modes.setdefault(found.mode, len(modes))
        animated[index] = found.animated
        grey[index] = found.grey
    return Headers(sizes, list(modes), mode_of, animated, grey, unreadable)


def _decoded(
    files: LabelledFiles,
    headers: Headers,
    target: Target,
    images_npy: Path,
    pool: ThreadPoolExecutor,
) -> Pictures:
    at_once = max(1, min(AT_ONCE, BYTES_AT_ONCE // int(np.prod(target.shape))))
    unreadable: dict[int, str] = {}
    budget = _PixelBudget(MAX_PIXELS)

    def image(index: int) -> npt.NDArray[np.uint8] | str:
        if index in headers.unreadable:
            return headers.unreadable[index]
        path = files.paths[index]
        try:
            with budget.taken(int(headers.sizes[index].prod(dtype=np.int64))):
                return load_image(files.root / path, path, target)
        except InputError as error:
            return str(error)

    count = len(files.paths)
    fingerprints: list[Fingerprints] = []
    with ImageWriter(images_npy, (count, *target.shape)) as writer:
        block: list[npt.NDArray[np.uint8]] = []
        for index, found in enumerate(
            _mapped(pool, image, range(count), "reading pictures", at_once)
        ):
            if isinstance(found, str):
                unreadable[index] = found
            block.append(np.zeros(target.shape, np.uint8) if isinstance(found, str) else found)
            if len(block) == at_once or index == count - 1:
                images = np.stack(block)
                writer.append(images)
                fingerprints.append(fingerprints_of(images))
                block.clear()
    return Pictures(
        files, headers.without(unreadable), ImageFile(images_npy), concatenated(fingerprints)
    )


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
