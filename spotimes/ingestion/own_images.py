"""A folder of labelled pictures as the network's images, a few pictures at a time.

What it holds in memory of each picture are its name and some numbers, about 200 bytes, or 1,000 of
one of more than 8 bits a channel; the images go to a file. However many processes share the work,
no more pixels are decoded at once than one picture of the largest size has.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Generic, NamedTuple, NoReturn, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from spotimes.dataset.image_file import BYTES_AT_ONCE, ImageFile, ImageWriter
from spotimes.errors import InputError
from spotimes.ingestion.fingerprints import Fingerprint, Fingerprints, concatenated
from spotimes.ingestion.headers import Headers
from spotimes.ingestion.labelled_files import AS_IT_IS, LabelledFiles, Reading, find
from spotimes.ingestion.picture_tasks import HeaderTask, ImageTask, ValueTask
from spotimes.ingestion.processes import Processes
from spotimes.ingestion.wide_values import WideValues, together
from spotimes.params.prepare import Image
from spotimes.preprocessing.opening import MAX_PIXELS
from spotimes.preprocessing.resize import Target
from spotimes.preprocessing.wide import Values
from spotimes.system import cores

# A task's pictures: fewer if their images are large, or if they have more pixels together.
AT_ONCE = 256
PIXELS_A_TASK = 4_000_000
# Beside one for each pixel, as `Processes.results` counts; a header takes 0.3 ms.
PICTURE_COST = 30_000
HEADER_COST = 15_000
DEFAULT_SIDE = 96
LARGEST_OWN_SIDE = 224

Item = TypeVar("Item")


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


def read_folder(
    source: Path,
    wanted: Image,
    images_npy: Path,
    how: Reading = AS_IT_IS,
    before: Callable[[LabelledFiles, Target], None] = lambda *_: None,
) -> Pictures[LabelledFiles]:
    """Reads all pictures of a folder.

    Args:
        source: the folder; `labelled_files.find` says how it can be laid out.
        wanted: size, colour and resize mode.
        images_npy: the file that the images are written to.
        how: the folder is to be read.
        before: is called before images are written, with what they are made of and become.

    Raises:
        InputError: the folder is none of labelled pictures, or holds not one that can be read.
    """
    files = find(source, how)
    with Processes(cores.allowed(), MAX_PIXELS) as processes:
        reader = _Reader(files, how.least_rows, processes)
        headers, values = reader.values(reader.headers())
        while len(headers.unreadable) < len(files.paths):
            wide = together(str(source), values, wanted.range)
            target = _target(wanted, headers, wide)
            digests = {index: each.digest for index, each in values.items()}
            before(files, target)
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
    with Processes(cores.allowed(), MAX_PIXELS) as processes:
        reader = _Reader(files, least_rows, processes)
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

    def __init__(self, files: AnyFiles, least_rows: float, processes: Processes) -> None:
        self._files = files
        self._least_rows = least_rows
        self._processes = processes

    def headers(self) -> Headers:
        """What the files' headers say."""
        paths = self._files.paths
        sizes = np.zeros((len(paths), 2), np.int32)
        mode_of = np.full(len(paths), -1, np.int16)
        animated = np.zeros(len(paths), np.bool_)
        modes: dict[str, int] = {}
        grey = np.ones(len(paths), np.bool_)
        wide = np.zeros(len(paths), np.bool_)
        unreadable = {}
        tasks = (
            HeaderTask(root=self._files.root, paths=paths[begin : begin + AT_ONCE])
            for begin in range(0, len(paths), AT_ONCE)
        )
        blocks = self._processes.results(tasks, HEADER_COST * len(paths))
        every = chain.from_iterable(blocks)
        for index, found in enumerate(_shown(every, "reading headers", len(paths))):
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
        indices = np.flatnonzero(headers.wide)
        if not indices.size:
            return headers, {}
        pixels = _pixels(headers)[indices]
        tasks = (
            ValueTask(
                root=self._files.root,
                paths=[self._files.paths[index] for index in indices[begin:end]],
                pixels=int(pixels[begin:end].max()),
                least_rows=self._least_rows,
            )
            for begin, end in _runs(pixels, AT_ONCE)
        )
        blocks = self._processes.results(tasks, _cost(pixels))
        every = _shown(chain.from_iterable(blocks), "reading values", len(indices))
        values, unreadable = {}, {}
        for index, found in zip(indices.tolist(), every, strict=True):
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
        count = len(self._files.paths)
        unreadable = dict(headers.unreadable)
        fingerprints: list[Fingerprints] = []
        of_values: dict[int, Fingerprint] = {}
        missing_rows: dict[int, int] = {}
        pixels = _pixels(headers)
        tasks = self._image_tasks(headers, target, digests, wide)
        blocks = self._processes.results(tasks, _cost(pixels))
        first = 0
        with (
            ImageWriter(images_npy, (count, *target.shape)) as writer,
            _bar("reading pictures", count) as bar,
        ):
            for block in blocks:
                writer.append(block.images)
                fingerprints.append(block.fingerprints)
                of_values.update(_placed(block.of_values, first))
                missing_rows.update(_placed(block.missing_rows, first))
                unreadable.update(_placed(block.unreadable, first))
                first += len(block.images)
                bar.update(len(block.images))
        return Pictures(
            self._files,
            headers.without(unreadable),
            ImageFile(images_npy),
            concatenated(fingerprints).replaced(of_values),
            wide,
            missing_rows,
        )

    def _image_tasks(
        self,
        headers: Headers,
        target: Target,
        digests: Mapping[int, bytes],
        wide: WideValues | None,
    ) -> Iterator[ImageTask]:
        held = BYTES_AT_ONCE // self._processes.at_once // int(np.prod(target.shape))
        by_all_values = target._replace(range=wide.of_data or wide.chosen) if wide else target
        pixels = _pixels(headers)
        for begin, end in _runs(pixels, max(1, min(AT_ONCE, held))):
            indices = range(begin, end)
            yield ImageTask(
                root=self._files.root,
                paths=[
                    None if index in headers.unreadable else self._files.paths[index]
                    for index in indices
                ],
                pixels=int(pixels[begin:end].max()),
                least_rows=self._least_rows,
                target=target,
                by_all_values=by_all_values,
                digests={index - begin: digests[index] for index in indices if index in digests},
            )


def _pixels(headers: Headers) -> npt.NDArray[np.int64]:
    """How many each picture has."""
    count: npt.NDArray[np.int64] = headers.sizes.prod(axis=1, dtype=np.int64)
    return count


def _placed(found: Mapping[int, Item], first: int) -> dict[int, Item]:
    """What was found of a task's pictures by their indices, given that of the first."""
    return {first + place: each for place, each in found.items()}


def _cost(pixels: npt.NDArray[np.int64]) -> int:
    """Of decoding pictures, as `Processes.results` counts."""
    return int(pixels.sum()) + PICTURE_COST * len(pixels)


def _runs(pixels: npt.NDArray[np.int64], most: int) -> Iterator[tuple[int, int]]:
    """Where runs of pictures begin and end: so many, of `PIXELS_A_TASK` together or of one."""
    ends = np.cumsum(pixels)
    begin = 0
    while begin < len(pixels):
        before = ends[begin - 1] if begin else 0
        end = int(np.searchsorted(ends, before + PIXELS_A_TASK, side="right"))
        end = min(max(end, begin + 1), begin + most, len(pixels))
        yield begin, end
        begin = end


def _bar(what: str, total: int) -> "tqdm[NoReturn]":
    return tqdm(total=total, desc=what, unit="img", unit_scale=True, disable=None)


def _shown(results: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """The results, with a progress bar."""
    with _bar(what, total) as bar:
        for result in results:
            yield result
            bar.update()
