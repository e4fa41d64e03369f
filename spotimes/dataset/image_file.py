"""Images in a .npy file that are read and written a few at a time.

They are not mapped into memory: a training run touches every page of a map, and all pages would
count as the process' memory. The system's cache holds what was read before, where it has room.
"""

import os
import weakref
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from spotimes.errors import InputError
from spotimes.system.validation import unread

BYTES_AT_ONCE = 1 << 24

Images = npt.NDArray[np.uint8]


class ImageSource(Protocol):
    """Images in an array, or in something that reads them when they are asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(images, height, width, channels)."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Any: ...


class ImageFile:
    """The images of a .npy file. Safe to use from several threads.

    Attributes:
        path: the file.
        shape: (images, height, width, channels).
    """

    def __init__(self, path: Path) -> None:
        """Opens the file.

        Raises:
            InputError: it is missing, or does not hold just such images.
        """
        self.path = path
        try:
            with path.open("rb") as stream:
                version = npy.read_magic(stream)  # type: ignore[no-untyped-call]
                if version != (1, 0):
                    raise ValueError(f"of version {version}")
                shape, fortran_order, dtype = npy.read_array_header_1_0(stream)  # type: ignore[no-untyped-call]
                self._start = stream.tell()
                size = os.fstat(stream.fileno()).st_size
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except (OSError, ValueError, EOFError) as error:
            raise unread(path, error, "prepare") from error
        weakref.finalize(self, os.close, self._file)
        if dtype != np.uint8 or len(shape) != 4 or fortran_order:
            order = " in Fortran's order" if fortran_order else ""
            raise InputError(
                f"{path}: is {dtype} of {len(shape)} dimensions{order}, not uint8 of 4; run "
                "`dvc repro -f prepare`"
            )
        self.shape: tuple[int, ...] = tuple(shape)
        self._bytes = int(np.prod(shape[1:]))
        if size != self._start + shape[0] * self._bytes:
            raise InputError(
                f"{path}: cannot be read (has {size:,} bytes, not the "
                f"{self._start + shape[0] * self._bytes:,} that its header promises); run "
                "`dvc repro -f prepare`"
            )

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Images:
        """Reads images.

        Args:
            index: as of an array's first axis: a number, a slice, or an array of numbers.

        Returns:
            uint8 of shape (images, height, width, channels), or for a number (height, width,
            channels); the caller's own.

        Raises:
            IndexError: there is no such image.
            InputError: the file was truncated since it was opened.
        """
        chosen = np.arange(len(self))[index]
        images = np.empty((chosen.size, *self.shape[1:]), np.uint8)
        runs = np.flatnonzero(np.diff(chosen.reshape(-1)) != 1) + 1
        bounds = [0, *runs.tolist(), chosen.size] if chosen.size else [0]
        for begin, end in pairwise(bounds):
            self._read(images[begin:end], int(chosen.reshape(-1)[begin]))
        return images.reshape(*chosen.shape, *self.shape[1:])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """All images, in memory."""
        return self[:].astype(dtype or np.uint8, copy=False)

    def _read(self, into: Images, first: int) -> None:
        # A system call reads at most 2 GiB.
        left, at = into.reshape(-1).data, self._start + first * self._bytes
        while left:
            count = os.preadv(self._file, [left], at)
            if count == 0:
                raise InputError(f"{self.path}: is truncated; do not change it while a stage runs")
            left, at = left[count:], at + count


class Selected:
    """Some images of a source, read when they are asked for.

    Attributes:
        shape: (images, height, width, channels).
    """

    def __init__(self, source: ImageSource, indices: npt.NDArray[np.intp]) -> None:
        """Selects the images at `indices`, in that order."""
        self._source, self._indices = source, indices
        self.shape: tuple[int, ...] = (len(indices), *source.shape[1:])

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: Any) -> Images:
        """Reads images; `index` as of an array's first axis."""
        images: Images = self._source[self._indices[index]]
        return images

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """All images, in memory."""
        return self[:].astype(dtype or np.uint8, copy=False)


class Joined:
    """The images of two sources, one after the other, read when they are asked for.

    Attributes:
        shape: (images, height, width, channels).
    """

    def __init__(self, first: ImageSource, second: ImageSource) -> None:
        """Joins sources of images of the same shape."""
        self._first, self._second = first, second
        self.shape: tuple[int, ...] = (len(first) + len(second), *first.shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Images:
        """Reads images; `index` as of an array's first axis."""
        chosen = np.arange(len(self))[index]
        flat = chosen.reshape(-1)
        second = flat >= len(self._first)
        images = np.empty((flat.size, *self.shape[1:]), np.uint8)
        images[~second] = self._first[flat[~second]]
        images[second] = self._second[flat[second] - len(self._first)]
        return images.reshape(*chosen.shape, *self.shape[1:])


class ImageWriter:
    """Writes images to a .npy file as NumPy would, some at a time; a context manager."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        """Begins the file; `shape` is (images, height, width, channels)."""
        self._path, self._shape = path, tuple(shape)

    def __enter__(self) -> "ImageWriter":
        self._stream = self._path.open("wb")
        header = {"descr": "|u1", "fortran_order": False, "shape": self._shape}
        npy.write_array_header_1_0(self._stream, header)  # type: ignore[no-untyped-call]
        return self

    def append(self, images: Images) -> None:
        """Writes the next images.

        Raises:
            OSError: the disk is full, say.
        """
        self._stream.write(np.ascontiguousarray(images).data)

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def write_images(path: Path, images: ImageSource) -> None:
    """Writes all images of a source, some at a time.

    Raises:
        OSError: the disk is full, say; the file is then incomplete.
    """
    with ImageWriter(path, images.shape) as writer:
        for some in chunks(images):
            writer.append(some)


def chunks(images: ImageSource) -> Iterator[Images]:
    """Reads all images of a source in their order, at most `BYTES_AT_ONCE` at a time."""
    at_once = max(1, BYTES_AT_ONCE // max(1, int(np.prod(images.shape[1:]))))
    for begin in range(0, len(images), at_once):
        yield images[begin : begin + at_once]
