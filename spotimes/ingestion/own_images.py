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
from spotimes.ingestion.exact_copies import image_digests
from spotimes.ingestion.labelled_files import LabelledFiles, find
from spotimes.ingestion.near_copies import difference_hashes
from spotimes.params.prepare import Image
from spotimes.preprocessing.decode import MAX_PIXELS, Header, read_header
from spotimes.preprocessing.resize import Target, load_image

AT_ONCE = 256  # pictures, or fewer if their images are large
DEFAULT_SIDE = 96
LARGEST_OWN_SIDE = 224

Item = TypeVar("Item")
Result = TypeVar("Result")


class Looks(NamedTuple):
    """What the files' headers say, of those that can be read.

    Attributes:
        sizes: int32, shape (files, 2): width and height; 0 where a file is unreadable.
        modes: Pillow's names for the kinds of pixels that occur.
        mode_of: int16, shape (files,): an index into `modes`; -1 where a file is unreadable.
        animated: bool, shape (files,): more than one frame, of which the first is taken.
        grey: bool, shape (files,): no colour; True where a file is unreadable.
        unreadable: why a file cannot be used, by its place.
    """

    sizes: npt.NDArray[np.int32]
    modes: list[str]
    mode_of: npt.NDArray[np.int16]
    animated: npt.NDArray[np.bool_]
    grey: npt.NDArray[np.bool_]
    unreadable: dict[int, str]

    def without(self, unreadable: dict[int, str]) -> "Looks":
        """The same, of fewer files: those that are found to be unreadable after all go."""
        gone = np.zeros(len(self.grey), np.bool_)
        gone[list(unreadable)] = True
        return Looks(
            sizes=np.where(gone[:, None], np.int32(0), self.sizes),
            modes=self.modes,
            mode_of=np.where(gone, np.int16(-1), self.mode_of),
            animated=self.animated & ~gone,
            grey=self.grey | gone,
            unreadable=dict(sorted((self.unreadable | unreadable).items())),
        )


class Pictures(NamedTuple):
    """A folder's pictures, as the network takes them.

    Attributes:
        files: where they come from; the places of all that follows are those of its paths.
        looks: what the files' headers say, and which of them cannot be used.
        images: uint8, shape (files, height, width, channels), on disk; black where unreadable.
        digests: of the images, as `duplicates.fingerprints` gives them.
        hashes: likewise.
    """

    files: LabelledFiles
    looks: Looks
    images: ImageFile
    digests: npt.NDArray[np.uint64]
    hashes: npt.NDArray[np.uint64]


def read_folder(source: Path, wanted: Image, images_npy: Path) -> Pictures:
    """Reads all pictures of a folder.

    Args:
        source: the folder; `labelled_files.find` says how it can be laid out.
        wanted: size, colour and resize mode.
        images_npy: the file that the images are written to.

    Raises:
        InputError: the folder is none of labelled pictures, or holds not one that can be read.
    """
    files = find(source)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looks = _looks(files, pool)
        while len(looks.unreadable) < len(files.paths):
            target = _target(wanted, looks)
            pictures = _decoded(files, looks, target, images_npy, pool)
            looks = pictures.looks
            # A header was sound and its picture was not: it is to have no say in the size.
            if target == _target(wanted, looks):
                return pictures
        raise InputError(
            f"{source}: no file in it can be read as a picture; the first: {looks.unreadable[0]}"
        )


def _target(wanted: Image, looks: Looks) -> Target:
    """What the images become; `params.prepare.Image` states the rule."""
    colour = wanted.colour or ("grey" if looks.grey.all() else "rgb")
    return Target(*_size(wanted, looks), colour, wanted.resize)


def _size(wanted: Image, looks: Looks) -> tuple[int, int]:
    if wanted.height is not None and wanted.width is not None:
        return wanted.height, wanted.width
    sizes = np.unique(looks.sizes[looks.sizes.any(axis=1)], axis=0)
    if len(sizes) == 1 and sizes.min() >= 2 and sizes.max() <= LARGEST_OWN_SIDE:
        return int(sizes[0, 1]), int(sizes[0, 0])
    return DEFAULT_SIDE, DEFAULT_SIDE


def _looks(files: LabelledFiles, pool: ThreadPoolExecutor) -> Looks:
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
    for place, found in enumerate(_mapped(pool, header, files.paths, "looking at files", AT_ONCE)):
        if isinstance(found, str):
            unreadable[place] = found
            continue
        sizes[place] = found.width, found.height
        mode_of[place] = modes.setdefault(found.mode, len(modes))
        animated[place] = found.animated
        grey[place] = found.grey
    return Looks(sizes, list(modes), mode_of, animated, grey, unreadable)


def _decoded(
    files: LabelledFiles,
    looks: Looks,
    target: Target,
    images_npy: Path,
    pool: ThreadPoolExecutor,
) -> Pictures:
    at_once = max(1, min(AT_ONCE, BYTES_AT_ONCE // int(np.prod(target.shape))))
    unreadable: dict[int, str] = {}
    room = _Room(MAX_PIXELS)

    def image(place: int) -> npt.NDArray[np.uint8] | str:
        if place in looks.unreadable:
            return looks.unreadable[place]
        path = files.paths[place]
        try:
            with room.taken(int(looks.sizes[place].prod(dtype=np.int64))):
                return load_image(files.root / path, path, target)
        except InputError as error:
            return str(error)

    count = len(files.paths)
    digests: list[npt.NDArray[np.uint64]] = []
    hashes: list[npt.NDArray[np.uint64]] = []
    with ImageWriter(images_npy, (count, *target.shape)) as writer:
        block: list[npt.NDArray[np.uint8]] = []
        for place, found in enumerate(
            _mapped(pool, image, range(count), "reading pictures", at_once)
        ):
            if isinstance(found, str):
                unreadable[place] = found
            block.append(np.zeros(target.shape, np.uint8) if isinstance(found, str) else found)
            if len(block) == at_once or place == count - 1:
                images = np.stack(block)
                writer.append(images)
                digests.append(image_digests(images))
                hashes.append(difference_hashes(images))
                block.clear()
    return Pictures(
        files,
        looks.without(unreadable),
        ImageFile(images_npy),
        np.concatenate(digests),
        np.concatenate(hashes),
    )


class _Room:
    """Room for so many pixels, which threads share; one that finds too little waits."""

    def __init__(self, pixels: int) -> None:
        self._all = self._free = pixels
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Takes room for so many pixels, at most all that there is, for as long as it lasts."""
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
