"""Reads a flatbuffer that may be damaged: nothing is read before its offset is verified.

The format: github.com/google/flatbuffers, docs/source/internals.md. The Python package
`flatbuffers` follows offsets wherever they lead, as the runtime does; only C++ has a verifier.
"""

import struct
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_NUMBERS = {
    "int8": struct.Struct("<b"),
    "uint8": struct.Struct("<B"),
    "bool": struct.Struct("<?"),
    "int32": struct.Struct("<i"),
    "uint32": struct.Struct("<I"),
    "float32": struct.Struct("<f"),
    "int64": struct.Struct("<q"),
    "uint64": struct.Struct("<Q"),
}
_DIRECTORY = struct.Struct("<HH")
_OFFSET = 4  # bytes of an offset or a length
MOST_TABLES = 20_000  # of some, the runtime compares each with each


class DamagedError(Exception):
    """A part of the flatbuffer does not lie where it could; the message is what and where."""


class Scalar(NamedTuple):
    """A field that lies in its table.

    Attributes:
        kind: such as `int32`.
        default: what it is where the table lacks it.
    """

    kind: str
    default: Any = 0


class Vector(NamedTuple):
    """A field that leads to numbers: a NumPy array, or None where it is missing.

    Attributes:
        kind: of its elements, such as `int32`.
    """

    kind: str


class Text(NamedTuple):
    """A field that leads to a string in UTF-8 without a NUL; None where it is missing."""


class Union(NamedTuple):
    """A field that leads to a table of a kind that another field tells.

    It is the position for `Reader.table`, or None where it is missing.
    """


class Refused(NamedTuple):
    """A field that must be missing, or 0.

    Attributes:
        kind: of the number, or `offset`.
    """

    kind: str = "offset"


class One(NamedTuple):
    """A field that leads to a table: a namespace, or None where it is missing.

    Attributes:
        table: its fields.
    """

    table: "Table"


class Many(NamedTuple):
    """A field that leads to a vector of tables: a sequence, empty where it is missing.

    Attributes:
        table: the fields of each.
    """

    table: "Table"


Field = Scalar | Vector | Text | Union | Refused | One | Many


class Table:
    """A kind of tables: its fields by name, in the order of the schema.

    Attributes:
        fields: with the bytes that each takes in its table.
        missing: what each is where the table lacks it.
    """

    def __init__(self, **fields: Field) -> None:
        self.fields = [(name, field, _width(field)) for name, field in fields.items()]
        self.missing = {name: _missing(field) for name, field in fields.items()}


class Reader:
    """A flatbuffer's tables.

    Args:
        content: the file; what lies behind the flatbuffer does no harm.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._tables = 0

    def root(self, identifier: bytes, table: Table) -> Any:
        """Reads the whole flatbuffer, but for tables behind a `Union`.

        Args:
            identifier: its bytes 4 to 7.
            table: the fields of its root.

        Returns:
            A namespace with an attribute for each field.

        Raises:
            DamagedError: it has another identifier, or a part of it does not lie within it.
        """
        if self._content[4:8] != identifier:
            raise DamagedError(f"does not begin as one, with {identifier.decode()} at byte 4")
        return self.table(self._follow(0, "root"), table, "root")

    def table(self, position: int, table: Table, where: str) -> Any:
        """Reads a table at a position.

        Raises:
            DamagedError: as for `root`.
        """
        self._tables += 1
        if self._tables > MOST_TABLES:
            raise DamagedError(f"{where}: there are more than {MOST_TABLES:,} tables")
        directory = position - self._number("int32", position, where)
        self._check(directory, _DIRECTORY.size, 2, where)
        size, length = _DIRECTORY.unpack_from(self._content, directory)
        if size < _DIRECTORY.size or size % 2 or length < _OFFSET:
            raise DamagedError(f"{where}: its directory has {size} bytes, its table {length}")
        self._check(directory, size, 2, where)
        self._check(position, length, 4, where)
        count = min(size // 2 - 2, len(table.fields))
        offsets = struct.unpack_from(f"<{count}H", self._content, directory + _DIRECTORY.size)
        read = dict(table.missing)
        for (name, field, width), offset in zip(table.fields, offsets, strict=False):
            if not offset:
                continue
            if not _OFFSET <= offset <= length - width:
                raise DamagedError(f"{where}.{name}: lies outside of its table")
            read[name] = self._field(field, position + offset, f"{where}.{name}")
        return SimpleNamespace(**read)

    def _field(self, field: Field, position: int, where: str) -> Any:
        if isinstance(field, Scalar):
            return self._number(field.kind, position, where)
        if isinstance(field, Refused):
            if field.kind == "offset" or self._number(field.kind, position, where):
                raise DamagedError(f"{where}: is nothing that is read here; it must not be there")
            return None
        target = self._follow(position, where)
        if isinstance(field, One):
            return self.table(target, field.table, where)
        if isinstance(field, Many):
            return self._many(target, field.table, where)
        if isinstance(field, Text):
            return self._text(target, where)
        return self._numbers(target, field.kind, where) if isinstance(field, Vector) else target

    def _many(self, target: int, table: Table, where: str) -> list[Any]:
        start, count = self._vector(target, _OFFSET, where)
        return [
            self.table(self._follow(start + _OFFSET * index, where), table, f"{where}[{index}]")
            for index in range(count)
        ]

    def _numbers(self, target: int, kind: str, where: str) -> npt.NDArray[Any]:
        start, count = self._vector(target, _NUMBERS[kind].size, where)
        dtype: np.dtype[Any] = np.dtype(kind).newbyteorder("<")
        return np.frombuffer(self._content, dtype, count, start)

    def _text(self, target: int, where: str) -> str:
        start, count = self._vector(target, 1, where)
        if self._content[start + count : start + count + 1] != b"\0":
            raise DamagedError(f"{where}: the string does not end with a NUL")
        try:
            text = self._content[start : start + count].decode()
        except UnicodeDecodeError as error:
            raise DamagedError(f"{where}: is not UTF-8") from error
        if "\0" in text:
            raise DamagedError(f"{where}: has a NUL")
        return text

    def _vector(self, target: int, size: int, where: str) -> tuple[int, int]:
        """Where its elements start, and how many there are."""
        count: int = self._number("uint32", target, where)
        if count and (target + _OFFSET) % size:
            raise DamagedError(f"{where}: begins at byte {target + _OFFSET}, no multiple of {size}")
        self._check(target + _OFFSET, count * size, 1, where)
        return target + _OFFSET, count

    def _follow(self, position: int, where: str) -> int:
        target: int = position + self._number("uint32", position, where)
        self._check(target, _OFFSET, _OFFSET, where)
        return target

    def _number(self, kind: str, position: int, where: str) -> Any:
        number = _NUMBERS[kind]
        self._check(position, number.size, number.size, where)
        return number.unpack_from(self._content, position)[0]

    def _check(self, position: int, size: int, alignment: int, where: str) -> None:
        if not 0 <= position <= len(self._content) - size:
            raise DamagedError(
                f"{where}: bytes {position:,} to {position + size:,} are not within the file's "
                f"{len(self._content):,}"
            )
        if position % alignment:
            raise DamagedError(f"{where}: begins at byte {position}, no multiple of {alignment}")


def _width(field: Field) -> int:
    if isinstance(field, Scalar | Refused) and field.kind != "offset":
        return _NUMBERS[field.kind].size
    return _OFFSET


def _missing(field: Field) -> Any:
    if isinstance(field, Scalar):
        return field.default
    return () if isinstance(field, Many) else None
