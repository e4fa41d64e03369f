"""What is to be classified: picture files, .npy tensors, folders of both, and standard input."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes import picture
from spotimes.classifier import Images
from spotimes.contract import Contract
from spotimes.errors import InputError

STANDARD_INPUT = "-"
NPY = b"\x93NUMPY"


class Item(NamedTuple):
    """An image to be classified.

    Attributes:
        name: what it is called in the answer.
        load: reads it, as the model takes it: uint8 or int8, shape (height, width, channels).
            Raises InputError.
    """

    name: str
    load: Callable[[], Images]


def found(paths: list[str], contract: Contract) -> list[Item]:
    """Finds the images that are meant by paths.

    A folder stands for all pictures and .npy files in it and its sub-folders, in the order of their
    names; a .npy file of a batch for each image of the batch; `-` for standard input.

    Args:
        paths: files, folders or `-`.
        contract: how the model wants its pictures.
    """
    return [item for path in paths for item in _at(path, contract)]


def _at(path: str, contract: Contract) -> Iterator[Item]:
    if path == STANDARD_INPUT:
        content = io.BytesIO(sys.stdin.buffer.read())
        if content.getvalue().startswith(NPY):
            yield from _tensors(content, "standard input", contract)
        else:
            yield Item("standard input", _loader(content, "standard input", contract))
    elif Path(path).is_dir():
        files = list(_files(Path(path)))
        if not files:
            yield Item(path, _refusal(f"{path}: no pictures and no .npy files in this folder"))
        for file in files:
            yield from _in_file(file, contract)
    else:
        yield from _in_file(Path(path), contract)


def _files(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if Path(name).suffix.lower() in picture.SUFFIXES | {".npy"}:
                yield Path(where) / name


def _in_file(path: Path, contract: Contract) -> Iterator[Item]:
    if path.suffix.lower() == ".npy":
        yield from _tensors(path, str(path), contract)
    else:
        yield Item(str(path), _loader(path, str(path), contract))


def _tensors(source: Path | BinaryIO, name: str, contract: Contract) -> Iterator[Item]:
    try:
        images = _read_tensors(source, name, contract)
    except InputError as error:
        yield Item(name, _refusal(str(error)))
        return
    if images.ndim == 3:
        yield Item(name, lambda: images)
    else:
        for place in range(len(images)):
            yield Item(f"{name}[{place}]", lambda place=place: np.array(images[place]))  # type: ignore[misc]


def _read_tensors(source: Path | BinaryIO, name: str, contract: Contract) -> npt.NDArray[np.uint8]:
    """Images of a .npy file; those of a file on disk stay there until they are asked for."""
    mapped = isinstance(source, Path)
    try:
        images = np.load(source, mmap_mode="r" if mapped else None, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{name}: there is no such file") from error
    except MemoryError as error:
        raise InputError(f"{name}: needs more memory than there is") from error
    except Exception as error:  # a damaged header makes NumPy raise nearly anything
        raise InputError(
            f"{name}: cannot be read as .npy ({' '.join(str(error).split())})"
        ) from error
    shape = (contract.height, contract.width, {"rgb": 3, "grey": 1}[contract.colour])
    if (
        not isinstance(images, np.ndarray)
        or images.dtype not in (np.uint8, np.int8)
        or images.ndim not in (3, 4)
        or images.shape[-3:] != shape
    ):
        what = (
            f"{images.dtype} of shape {list(images.shape)}"
            if isinstance(images, np.ndarray)
            else "no array"
        )
        sides = ", ".join(map(str, shape))
        raise InputError(
            f"{name}: is {what}; the model takes uint8 pixels or int8, pixel - 128, of shape "
            f"[{sides}] or [images, {sides}]"
        )
    return images


def _loader(source: Path | BinaryIO, name: str, contract: Contract) -> Callable[[], Images]:
    return lambda: picture.load(
        source, name, contract.height, contract.width, contract.colour, contract.resize
    )


def _refusal(message: str) -> Callable[[], Images]:
    def refuse() -> Images:
        raise InputError(message)

    return refuse
