"""The images to classify: picture files, .npy tensors, folders of both, and standard input."""

import functools
import io
import os
import stat
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from PIL import Image

from app.threads import PixelBudget
from spotimes.errors import InputError, TooManyPixelsError
from spotimes.inference.contract import Contract
from spotimes.pixels import Images
from spotimes.preprocessing.decode import decode_image, read_header
from spotimes.preprocessing.opening import MAX_PIXELS
from spotimes.preprocessing.picture_files import is_about_the_data, is_left_behind
from spotimes.preprocessing.resize import load_image

STANDARD_INPUT = "-"
LARGEST_STANDARD_INPUT = 256 * 2**20  # bytes, all of which are held
NPY = b"\x93NUMPY"
FEW_PIXELS = 1_000_000  # so many a thread may decode, whatever the others do

_budget = PixelBudget(MAX_PIXELS)


class Item(NamedTuple):
    """An image to classify.

    Attributes:
        name: of the image in the answer.
        load: reads the image as the model takes it, uint8 or int8 of shape (height, width,
            channels). Raises InputError if it cannot be read. Threads may read several at once.
        decode: reads the picture that `load` makes the image of, upright; None of a tensor.
    """

    name: str
    load: Callable[[], Images]
    decode: Callable[[], Image.Image] | None = None


class Found(NamedTuple):
    """What paths stand for.

    Attributes:
        items: the images to classify.
        ignored: for each folder that holds any, what lies in it and is not meant as data:
            paths from the folder.
    """

    items: list[Item]
    ignored: dict[str, list[str]]


def found(paths: list[str], contract: Contract) -> Found:
    """Finds the images that paths stand for.

    A folder stands for all files in it and its sub-folders, sorted by name, whatever their
    suffixes are; what is not meant as data is ignored, as `prepare` does. A .npy file of a
    batch stands for each image of the batch; `-` for standard input. What cannot be read becomes an
    item whose `load` raises the error, so that the others are classified.

    Args:
        paths: files, folders or `-`.
        contract: how the model wants its pictures.
    """
    every = Found([], {})
    for path in paths:
        ignored: list[str] = []
        every.items.extend(_at(path, contract, ignored))
        if ignored:
            every.ignored[path] = ignored
    return every


def _at(path: str, contract: Contract, ignored: list[str]) -> Iterator[Item]:
    if path == STANDARD_INPUT:
        name = "standard input"
        yield from _or_failing(name, _in_stream(name, contract))
    elif not path:
        yield _failing(path, InputError("an empty path; give . for the current folder"))
    elif os.path.isdir(path):  # noqa: PTH112  # Path's raises without permission
        items = list(_in_folder(Path(path), contract, ignored))
        reason = "no pictures and no .npy files in this folder; give one that holds some"
        yield from items or [_failing(path, InputError(f"{path}: {reason}"))]
    else:
        yield from _in_file(Path(path), contract)


def _or_failing(name: str, items: Iterator[Item]) -> Iterator[Item]:
    """Items, and if finding them fails, one whose `load` raises the error."""
    try:
        yield from items
    except InputError as error:
        yield _failing(name, error)


def _failing(name: str, error: InputError) -> Item:
    def load() -> Images:
        raise error

    return Item(name, load)


def _in_stream(name: str, contract: Contract) -> Iterator[Item]:
    content = io.BytesIO(_standard_input())
    if content.getvalue().startswith(NPY):
        yield from _tensors(content, name, contract)
    else:
        yield _of_picture(name, content, contract)


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise InputError("standard input: is closed")
    content: bytes = sys.stdin.buffer.read(LARGEST_STANDARD_INPUT + 1)
    if len(content) > LARGEST_STANDARD_INPUT:
        raise InputError(
            f"standard input: is larger than {LARGEST_STANDARD_INPUT >> 20} MiB; give a file"
        )
    return content


def _in_folder(root: Path, contract: Contract, ignored: list[str]) -> Iterator[Item]:
    """Follows links to folders, too, but not one to a folder that it lies in."""
    waiting = [(root, frozenset(map(_identity, root.resolve().parents)))]
    while waiting:
        folder, above = waiting.pop()
        try:
            identity = _identity(folder)
            names = sorted(path.name for path in folder.iterdir())
        except OSError as error:
            reason = f"cannot be read ({error.strerror}); see to its permissions and its disk"
            yield _failing(str(folder), InputError(f"{folder}: {reason}"))
            continue
        if identity in above:
            reason = "is a link to a folder that it lies in, a loop; remove it"
            yield _failing(str(folder), InputError(f"{folder}: {reason}"))
            continue
        folders = []
        for name in names:
            path = folder / name
            is_folder = os.path.isdir(path)  # noqa: PTH112  # Path's raises without permission
            about = folder == root and not is_folder and is_about_the_data(name)
            if is_left_behind(name) or about:
                ignored.append(path.relative_to(root).as_posix())
            elif is_folder:
                folders.append((path, above | {identity}))
            elif _would_block(path):
                reason = "is neither a file nor a folder; remove it"
                yield _failing(str(path), InputError(f"{path}: {reason}"))
            else:
                yield from _in_file(path, contract)
        waiting += reversed(folders)


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _would_block(path: Path) -> bool:
    """Whether it is a pipe, for example. Other errors are reported when the file is opened."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _in_file(path: Path, contract: Contract) -> Iterator[Item]:
    if _is_tensor(path):
        yield from _or_failing(str(path), _tensors(path, str(path), contract))
    else:
        yield _of_picture(str(path), path, contract)


def _of_picture(name: str, source: Path | BinaryIO, contract: Contract) -> Item:
    return Item(
        name,
        functools.partial(_load_picture, source, name, contract),
        functools.partial(decode_image, source, name, chosen_range=contract.range),
    )


def _load_picture(source: Path | BinaryIO, name: str, contract: Contract) -> Images:
    """As `load_image`; all threads together decode no more than one picture of the largest size."""
    try:
        return load_image(source, name, contract, max_pixels=FEW_PIXELS)
    except TooManyPixelsError:
        header = read_header(source, name)
    with _budget.taken(header.width * header.height):
        return load_image(source, name, contract)


def _is_tensor(path: Path) -> bool:
    """Whether it is a .npy file by its content."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # what a pipe gives can be read once
            return False
        with path.open("rb") as file:
            return file.read(len(NPY)) == NPY
    except (OSError, ValueError):  # reported when it is read as a picture
        return False


def _tensors(source: Path | BinaryIO, name: str, contract: Contract) -> Iterator[Item]:
    images = _read_tensors(source, name, contract)
    read: Callable[[], Images]
    if isinstance(source, Path):
        # A map of a file keeps it open, and a process may have a thousand open: so one at a time.
        read = functools.partial(_mapped, _Tensors.of(source, images), name)
    else:
        read = functools.partial(np.asarray, images)
    dimensions, count = images.ndim, len(images)
    del images
    if dimensions == 3:
        yield Item(name, functools.partial(_whole, read))
    else:
        for index in range(count):
            yield Item(f"{name}[{index}]", functools.partial(_one_of, read, index))


def _whole(read: Callable[[], Images]) -> Images:
    return cast(Images, np.array(read()))  # a copy without the map


def _one_of(read: Callable[[], Images], index: int) -> Images:
    return cast(Images, np.array(read()[index]))


class _Tensors(NamedTuple):
    """Where the images of a .npy file are.

    Attributes:
        path: of the file.
        state: of the file, which is another when it has been written anew.
        map: what `numpy.memmap` takes to map them.
    """

    path: Path
    state: tuple[int, ...]
    map: dict[str, Any]

    @classmethod
    def of(cls, path: Path, images: Images) -> "_Tensors":
        """Of a file that has been mapped by NumPy."""
        order = "C" if images.flags.c_contiguous else "F"
        offset = images.offset if isinstance(images, np.memmap) else 0
        what = {"dtype": images.dtype, "offset": offset, "shape": images.shape, "order": order}
        return cls(path, _state(path), what)


def _state(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _mapped(tensors: _Tensors, name: str) -> Images:
    """Maps a file's images again, without its header: NumPy's reader is not safe with threads."""
    try:
        images: Images = np.memmap(tensors.path, mode="r", **tensors.map)
        if _state(tensors.path) == tensors.state:
            return images
    except (OSError, ValueError):  # it is gone or shorter
        pass
    raise InputError(f"{name}: has changed while it was read; try again")


def _read_tensors(source: Path | BinaryIO, name: str, contract: Contract) -> Images:
    """Images of a .npy file; a file on disk is mapped, not read."""
    mapped = isinstance(source, Path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files that Python 2 wrote
            images = np.load(source, mmap_mode="r" if mapped else None, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{name}: there is no such file") from error
    except MemoryError as error:
        raise InputError(f"{name}: needs more memory than there is") from error
    except Exception as error:  # a damaged header makes NumPy raise nearly anything
        raise InputError(
            f"{name}: cannot be read as .npy ({' '.join(str(error).split())})"
        ) from error
    shape = contract.image_shape
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
    if not images.size:
        raise InputError(f"{name}: holds no images")
    return images
