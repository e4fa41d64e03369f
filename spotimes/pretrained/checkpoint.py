"""Reads variables of a TensorFlow checkpoint without TensorFlow.

The format is what TensorFlow calls a tensor bundle (`tensorflow/core/util/tensor_bundle`). Of its
files one, `PREFIX.index`, is a table as LevelDB has them (its `doc/table_format.md`): sorted keys,
each of which says how many bytes it shares with the one before, in blocks with a checksum; a block
of blocks; and a footer that says where that is. The empty key's value is a BundleHeaderProto, that
of a variable's name a BundleEntryProto (`tensorflow/core/protobuf/tensor_bundle.proto`): type,
shape, and where the bytes are in the other file, `PREFIX.data-00000-of-00001`.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.errors import InputError
from spotimes.pretrained.crc32c import crc32c, masked

FOOTER_BYTES = 48
MAGIC_NUMBER = bytes.fromhex("57fb808b247547db")
TRAILER_BYTES = 5  # behind a block: the compression, the checksum
SNAPPY = 1
FLOAT = 1  # of TensorFlow's DataType
ITEM_BYTES = 4
# The reader's own limits: names are shorter, tensors have fewer axes, and an index of a thousand
# variables has less than 100 KB.
LONGEST_KEY = 256
MOST_AXES = 8
MOST_INDEX_BYTES = 1 << 20

Array = npt.NDArray[np.float32]


def read_tensors(index: bytes, data: bytes, names: Sequence[str], where: str) -> list[Array]:
    """Reads the named variables.

    Args:
        index: the content of `PREFIX.index`.
        data: that of `PREFIX.data-00000-of-00001`.
        names: of float32 variables.
        where: what a message begins with.

    Returns:
        Their values in that order: read-only, in the shape and the order of axes that TensorFlow
        has.

    Raises:
        InputError: the files are in another format or damaged, or lack one of the variables.
    """
    try:
        table = _table(index)
        _check_header(table.get(b"", b""))
        entries = [_entry(table, name) for name in names]
        if sum(entry.size for entry in entries) > len(data):
            raise ValueError("the data have fewer bytes than the variables")
        return [_tensor(data, entry) for entry in entries]
    except ValueError as error:
        raise InputError(f"{where}: cannot be read as TensorFlow's checkpoint: {error}") from error


class _Entry(NamedTuple):
    """A variable: where its bytes are, and the stored form of their checksum."""

    name: str
    shape: tuple[int, ...]
    offset: int
    size: int
    checksum: int


class _Cursor:
    """What comes next in some bytes."""

    def __init__(self, content: bytes) -> None:
        self._content, self._position = content, 0

    def __bool__(self) -> bool:
        return self._position < len(self._content)

    def take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._content):
            raise ValueError("the index is truncated or damaged")
        taken = self._content[self._position : end]
        self._position = end
        return taken

    def varint(self) -> int:
        """A number of which each byte holds seven bits, the lowest first."""
        value = 0
        for shift in range(0, 64, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise ValueError("the index holds a number of more than 64 bits")


def _table(content: bytes) -> dict[bytes, bytes]:
    """All keys and values."""
    if len(content) > MOST_INDEX_BYTES:
        raise ValueError(f"the index has {len(content)} bytes, more than {MOST_INDEX_BYTES}")
    if content[-len(MAGIC_NUMBER) :] != MAGIC_NUMBER or len(content) < FOOTER_BYTES:
        raise ValueError("the index does not end as one")
    footer = _Cursor(content[-FOOTER_BYTES:])
    if any(_block(content, *_handle(footer))):
        raise ValueError("the index has blocks about blocks, which TensorFlow does not write")
    found: dict[bytes, bytes] = {}
    end, last = 0, None
    for _, value in _block(content, *_handle(footer)):
        offset, size = _handle(_Cursor(value))
        if offset < end:
            raise ValueError("the index has blocks that overlap")
        end = offset + size + TRAILER_BYTES
        for key, value_of_key in _block(content, offset, size):
            if last is not None and key <= last:
                raise ValueError("the index is not sorted")
            found[key], last = value_of_key, key
    return found


def _handle(cursor: _Cursor) -> tuple[int, int]:
    """A block's offset and bytes."""
    return cursor.varint(), cursor.varint()


def _block(content: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of a block, whose end says where the keys are that share no bytes."""
    stored = content[offset : offset + size + TRAILER_BYTES]
    if len(stored) != size + TRAILER_BYTES:
        raise ValueError("the index has a block that lies outside it")
    if masked(crc32c(stored[: size + 1])) != int.from_bytes(stored[size + 1 :], "little"):
        raise ValueError("the index is damaged: a block's checksum is wrong")
    if compression := stored[size]:
        name = "by Snappy" if compression == SNAPPY else f"in way {compression}"
        raise ValueError(f"the index is compressed {name}, which is not read here")
    restarts = int.from_bytes(stored[max(size - 4, 0) : size], "little")
    entries = size - 4 * (restarts + 1)
    if entries < 0:
        raise ValueError("the index has a block that is too short")
    cursor, key = _Cursor(stored[:entries]), b""
    while cursor:
        shared, own, length = cursor.varint(), cursor.varint(), cursor.varint()
        if shared > len(key) or shared + own > LONGEST_KEY:
            raise ValueError(f"the index has a key of more than {LONGEST_KEY} bytes")
        key = key[:shared] + cursor.take(own)
        yield key, cursor.take(length)


def _check_header(header: bytes) -> None:
    fields = _fields(header)
    if _number(fields, 1) != 1:
        raise ValueError(f"the data are in {_number(fields, 1)} files, and only one is read here")
    if _number(fields, 2) != 0:
        raise ValueError("the data are big-endian, which is not read here")


def _entry(table: dict[bytes, bytes], name: str) -> _Entry:
    if name.encode() not in table:
        raise ValueError(f"has no variable {name}")
    fields = _fields(table[name.encode()])
    if _number(fields, 1) != FLOAT or _number(fields, 3) != 0 or 7 in fields:
        raise ValueError(f"{name} is not float32, or is in parts")
    shape = tuple(
        _number(_fields(axis), 1)
        for each in _messages(fields, 2)
        for axis in _messages(_fields(each), 2)
    )
    size = _number(fields, 5)
    if len(shape) > MOST_AXES or 0 in shape or size != math.prod(shape) * ITEM_BYTES:
        raise ValueError(f"{name} has {size} bytes, which its shape does not need")
    return _Entry(name, shape, _number(fields, 4), size, _number(fields, 6))


def _tensor(data: bytes, entry: _Entry) -> Array:
    stored = data[entry.offset : entry.offset + entry.size]
    if len(stored) != entry.size:
        raise ValueError(f"the data are truncated: {entry.name} lies outside them")
    if masked(crc32c(stored)) != entry.checksum:
        raise ValueError(f"the data are damaged: the checksum of {entry.name} is wrong")
    return np.frombuffer(stored, "<f4").reshape(entry.shape)


# Of a protobuf message: numbers, or the bytes of a text or message within, by their fields.
_Fields = dict[int, list[int | bytes]]


def _fields(message: bytes) -> _Fields:
    cursor = _Cursor(message)
    found: _Fields = {}
    while cursor:
        field, kind = divmod(cursor.varint(), 8)
        if kind == 0:
            value: int | bytes = cursor.varint()
        elif kind == 2:
            value = cursor.take(cursor.varint())
        elif kind in (1, 5):
            value = int.from_bytes(cursor.take(8 if kind == 1 else 4), "little")
        else:
            raise ValueError("the index holds what is no message of protobuf")
        found.setdefault(field, []).append(value)
    return found


def _number(fields: _Fields, field: int) -> int:
    """Zero where it is not given, as protobuf has it."""
    value = fields.get(field, [0])[-1]
    if isinstance(value, bytes):
        raise ValueError("the index holds bytes where a number belongs")
    return value


def _messages(fields: _Fields, field: int) -> Iterator[bytes]:
    for value in fields.get(field, []):
        if not isinstance(value, bytes):
            raise ValueError("the index holds a number where a message belongs")
        yield value
