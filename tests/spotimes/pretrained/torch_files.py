"""Files as PyTorch saved them before its version 1.6, written without PyTorch."""

import io
import pickle
import struct
import sys
import types
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any
from unittest import mock

import numpy.typing as npt

from spotimes.pretrained.torch_file import DTYPES, MAGIC_NUMBER, PROTOCOL_VERSION

Arrays = Mapping[str, npt.NDArray[Any]]


def _rebuild_tensor_v2(*_: object) -> None:
    """Stands for PyTorch's; only its name is written."""


class Tensor:
    """An array that is pickled as PyTorch pickles a tensor."""

    def __init__(self, array: npt.NDArray[Any], key: str, offset: int) -> None:
        self.array, self.key, self.offset = array, key, offset

    def __reduce__(self) -> tuple[Any, ...]:
        array = self.array
        strides = tuple(stride // array.itemsize for stride in array.strides)
        arguments: tuple[Any, ...] = (self, self.offset, array.shape, strides, False, OrderedDict())
        return sys.modules["torch._utils"]._rebuild_tensor_v2, arguments


class _Pickler(pickle.Pickler):
    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, protocol=2)
        self._in_tensor: set[int] = set()

    def persistent_id(self, value: Any) -> Any:
        # A tensor's first argument is its storage, for which the tensor itself stands here.
        if not isinstance(value, Tensor):
            return None
        if id(value) not in self._in_tensor:
            self._in_tensor.add(id(value))
            return None
        kind = next(name for name, dtype in DTYPES.items() if dtype == value.array.dtype)
        storage = getattr(sys.modules["torch"], kind)
        return "storage", storage, value.key, "cpu", value.offset + value.array.size, None


def _modules() -> dict[str, types.ModuleType]:
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in DTYPES:
        setattr(torch, name, type(name, (), {"__module__": "torch"}))
    _rebuild_tensor_v2.__module__ = "torch._utils"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    return {"torch": torch, "torch._utils": utils}


def saved(arrays: Arrays, *, offset: int = 0, order: Iterable[str] = ()) -> bytes:
    """A state dictionary as `torch.save` wrote it.

    Args:
        arrays: by name; transposed ones keep their strides.
        offset: how many elements of each storage come before the tensor's.
        order: of the storages; by default that of the arrays.
    """
    tensors = OrderedDict(
        (name, Tensor(array, f"key {name}", offset)) for name, array in arrays.items()
    )
    machine = {"protocol_version": PROTOCOL_VERSION, "little_endian": True}
    stream = io.BytesIO()
    with mock.patch.dict(sys.modules, _modules()):
        for value in (MAGIC_NUMBER, PROTOCOL_VERSION, machine, tensors):
            _Pickler(stream).dump(value)
    names = list(order) or list(arrays)
    pickle.dump([f"key {name}" for name in names], stream, protocol=2)
    for name in names:
        array = arrays[name]
        stream.write(struct.pack("<q", offset + array.size))
        stream.write(bytes(offset * array.itemsize))
        stream.write(array.tobytes(order="A"))
    return stream.getvalue()
