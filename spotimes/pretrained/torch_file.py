"""Reads the tensors of a PyTorch file without PyTorch.

The format is that of `torch.save` before PyTorch 1.6 (2020), which its source calls legacy: three
pickles (a magic number, the format's version, facts of the machine), the pickled object, whose
tensors refer to storages by a key, a pickled list of the keys, and for each of them, in the list's
order, the number of elements, int64, and the elements themselves.

A pickle can call any function. Here it may call two, by name, of which neither does harm; any other
name is refused before anything of it is imported.
"""

import collections
import io
import pickle
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.errors import InputError

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
DTYPES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ByteStorage": np.dtype("u1"),
}

Tensors = dict[str, npt.NDArray[Any]]


class _Storage(NamedTuple):
    """A tensor's memory, which follows in the file."""

    key: str
    dtype: np.dtype[Any]
    elements: int


class _View(NamedTuple):
    """A tensor, as elements of a storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_tensors(content: bytes, where: str) -> Tensors:
    """Reads a state dictionary, for example of `torch.save(network.state_dict(), path)`.

    Args:
        content: of the file.
        where: what a message begins with.

    Returns:
        Each tensor by its name: read-only, in the shape and the order of axes that PyTorch has.

    Raises:
        InputError: the file is not in the format, holds anything but tensors, or is damaged.
    """
    stream = io.BytesIO(content)
    try:
        magic, version, machine = (_unpickled(stream) for _ in range(3))
        if magic != MAGIC_NUMBER or version != PROTOCOL_VERSION or not machine["little_endian"]:
            raise ValueError("is not in the format of torch.save before PyTorch 1.6")
        views = _unpickled(stream)
        keys = _unpickled(stream)
        storages = _storages(stream, keys, views)
        return {name: _tensor(storages[view.storage.key], view) for name, view in views.items()}
    except Exception as error:  # a damaged pickle raises whatever its damage makes Python raise
        raise InputError(f"{where}: cannot be read as tensors of PyTorch: {error}") from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _view
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        raise pickle.UnpicklingError(f"refers to {module}.{name}, which is no tensor's")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _device, elements, view = pid
        if kind != "storage" or view is not None:
            raise pickle.UnpicklingError(f"refers to {kind!r}, which is no storage of a tensor")
        return _Storage(key, dtype, elements)


def _unpickled(stream: io.BytesIO) -> Any:
    return _Unpickler(stream).load()


def _view(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _View:
    return _View(storage, offset, shape, strides)


def _storages(
    stream: io.BytesIO, keys: list[str], views: dict[str, _View]
) -> dict[str, npt.NDArray[Any]]:
    declared = {view.storage.key: view.storage for view in views.values()}
    found = {}
    for key in keys:
        _, dtype, elements = declared[key]
        (count,) = np.frombuffer(stream.read(8), "<i8")
        if count != elements:
            raise ValueError(f"the storage {key} has {count} elements, not {elements}")
        found[key] = np.frombuffer(stream.read(count * dtype.itemsize), dtype)
        if len(found[key]) != elements:
            raise ValueError(f"is truncated in the storage {key}")
    return found


def _tensor(storage: npt.NDArray[Any], view: _View) -> npt.NDArray[Any]:
    steps = sum((side - 1) * stride for side, stride in zip(view.shape, view.strides, strict=True))
    needed = 0 if 0 in view.shape else view.offset + steps + 1
    if min(*view.shape, *view.strides, view.offset, 0) < 0 or needed > len(storage):
        raise ValueError(f"a tensor of {view.shape} lies outside its storage")
    strides = [stride * storage.itemsize for stride in view.strides]
    return np.lib.stride_tricks.as_strided(
        storage[view.offset :], view.shape, strides, writeable=False
    )
