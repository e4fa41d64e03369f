"""TIFF's directories: those of TIFF files, and of EXIF, which is one."""

import io
import struct
from typing import IO, NamedTuple

from PIL.TiffImagePlugin import COMPRESSION_INFO

from spotimes.preprocessing.joined import Part, Repeated, Span
from spotimes.preprocessing.unread import ElaborateError, UnknownKindError

ORIENTATION = 274
XMP = 700
UPRIGHT = 1  # as EXIF numbers orientations, 1 to 8

MAX_STRIPS = 65_536  # each costs time; cameras and editors write one for every few rows
MAX_ENTRIES = 65_535
MAX_VALUE = 1 << 20  # bytes of a tag that pixels depend on; a palette of 16 bits has 393,216

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}
_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q"}

_COMPRESSION = 259
_RAW, _OLD_JPEG = 1, 6
_OFFSETS, _COUNTS = (273, 324), (279, 325)  # of strips, of tiles
# Tags that pixels depend on.
_PIXELS = frozenset(
    {256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325}
    | {332, 338, 339, 347, *range(512, 522), 529, 530, 531, 532, 50674}
)


class _Entry(NamedTuple):
    kind: int
    values: int
    field: bytes  # the value, or where it is

    @property
    def size(self) -> int:
        return _SIZES[self.kind] * self.values


class Directory(NamedTuple):
    """A directory of tags, whose values are read when they are asked for.

    Attributes:
        stream: what it was read from.
        order: `struct`'s sign for the order of bytes.
        is_big: whether it is BigTIFF's.
        offset: where it begins.
        entries: by tag.
        following: where the next directory begins; 0 if there is none.
    """

    stream: IO[bytes]
    order: str
    is_big: bool
    offset: int
    entries: dict[int, _Entry]
    following: int

    def value(self, tag: int, at_most: int = MAX_VALUE) -> bytes:
        """A tag's bytes, the first so many; none if there is no such tag."""
        entry = self.entries.get(tag)
        if entry is None:
            return b""
        if entry.size <= len(entry.field):
            return entry.field[: entry.size]
        self.stream.seek(self.where(entry.field))
        return self.stream.read(min(entry.size, at_most))

    def numbers(self, tag: int) -> tuple[int, ...]:
        """A tag's whole numbers; none if it has no such."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in _WHOLE_NUMBERS:
            return ()
        value = self.value(tag)
        count = len(value) // _SIZES[entry.kind]
        layout = f"{self.order}{count}{_WHOLE_NUMBERS[entry.kind]}"
        return struct.unpack(layout, value[: struct.calcsize(layout)])

    def where(self, field: bytes) -> int:
        """The offset that an entry's field holds."""
        (offset,) = struct.unpack(self.order + ("Q" if self.is_big else "I"), field)
        return int(offset)


class StrippedTiff(NamedTuple):
    """A TIFF file's first page, without what its pixels do not depend on.

    Attributes:
        parts: the file and, behind it, a directory without metadata.
        orientation: EXIF's, 1 to 8, or another number.
        xmp: a packet of XMP, or its beginning.
        has_pages: whether there are more.
        missing: how many bytes of its pixels lie behind the end of the file.
    """

    parts: list[Part]
    orientation: int | None
    xmp: bytes
    has_pages: bool
    missing: int


def read_directory(stream: IO[bytes]) -> Directory:
    """Reads the first directory, as far as the stream has it.

    Raises:
        ElaborateError: it has very many entries.
        ValueError: there is none.
    """
    stream.seek(0)
    head = stream.read(16)
    orders = {b"II": "<", b"MM": ">"}
    if head[:2] not in orders or len(head) < 8:
        raise ValueError("its header names no directory")
    order = orders[head[:2]]
    (version,) = struct.unpack_from(order + "H", head, 2)
    is_big = version == 43
    count_layout, entry_layout, offset_layout = (
        order + layout for layout in (("Q", "HHQ8s", "Q") if is_big else ("H", "HHI4s", "I"))
    )
    (offset,) = struct.unpack_from(offset_layout, head, 8 if is_big else 4)
    stream.seek(offset)
    found = stream.read(struct.calcsize(count_layout))
    if len(found) < struct.calcsize(count_layout):
        raise ValueError("it ends before its directory")
    (count,) = struct.unpack(count_layout, found)
    if count > MAX_ENTRIES:
        raise ElaborateError(f"has {count:,} tags, and at most {MAX_ENTRIES:,} are read")
    each = struct.calcsize(entry_layout)
    table = stream.read(count * each)
    table = table[: len(table) // each * each]
    entries = {
        tag: _Entry(kind, number, field)
        for tag, kind, number, field in struct.iter_unpack(entry_layout, table)
        if kind in _SIZES
    }
    end = stream.read(struct.calcsize(offset_layout))
    whole = len(end) == struct.calcsize(offset_layout)
    following = struct.unpack(offset_layout, end)[0] if whole else 0
    return Directory(stream, order, is_big, offset, entries, following)


def exif_orientation(exif: bytes) -> int | None:
    """The orientation that EXIF gives, if any.

    Raises:
        ValueError: it is damaged.
    """
    while exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    found = read_directory(io.BytesIO(exif)).numbers(ORIENTATION) if exif else ()
    return found[0] if found else None


def strip_tiff(stream: IO[bytes], size: int) -> StrippedTiff:
    """Drops what the pixels of the first page do not depend on.

    Otherwise Pillow would hold the bytes of all tags, and libtiff likewise: of 65,535 tags which
    share the bytes of a file of 1 MiB, 64 GiB.

    Args:
        stream: the file.
        size: of the file, in bytes.

    Raises:
        ElaborateError: it has very many tags, strips or tiles.
        UnknownKindError: it is compressed by none of the ways that Pillow knows.
        ValueError: it is damaged.
    """
    directory = read_directory(stream)
    entries = {tag: entry for tag, entry in directory.entries.items() if tag in _PIXELS}
    for tag in (*_OFFSETS, *_COUNTS):
        if tag in entries and entries[tag].values > MAX_STRIPS:
            raise ElaborateError(
                f"has {entries[tag].values:,} strips or tiles, and at most {MAX_STRIPS:,} are read"
            )
    if any(entry.size > MAX_VALUE for entry in entries.values()):
        raise ElaborateError(f"has a tag of more than {MAX_VALUE:,} bytes")
    (compression, *_) = directory.numbers(_COMPRESSION) or (_RAW,)
    if compression not in COMPRESSION_INFO:
        raise UnknownKindError(f"compression {compression}")
    end, missing = _pixels_end(directory, size)
    if compression in (_RAW, _OLD_JPEG):
        # Their decoders read elsewhere, too. For others Pillow holds all that is before the end.
        end = size
    parts = _with_directory(directory, entries, end, missing)
    turned = directory.numbers(ORIENTATION)
    xmp = directory.value(XMP)
    has_pages = directory.following not in (0, directory.offset)
    return StrippedTiff(parts, turned[0] if turned else None, xmp, has_pages, missing)


def _pixels_end(directory: Directory, size: int) -> tuple[int, int]:
    """Up to where the file is needed, and how many bytes it lacks."""
    end = 0
    for offsets_tag, counts_tag in zip(_OFFSETS, _COUNTS, strict=True):
        offsets, counts = directory.numbers(offsets_tag), directory.numbers(counts_tag)
        if len(offsets) != len(counts) or not all(counts):
            return size, 0
        end = max([end, *map(sum, zip(offsets, counts, strict=True))])
    return min(end, size), max(0, end - size)


def _with_directory(
    directory: Directory, entries: dict[int, _Entry], end: int, missing: int
) -> list[Part]:
    order, is_big = directory.order, directory.is_big
    begin = end + missing + (end + missing) % 2
    layout = order + ("HHQ8s" if is_big else "HHI4s")
    offset_layout = order + ("Q" if is_big else "I")
    counted = struct.pack(order + ("Q" if is_big else "H"), len(entries))
    values_begin = begin + len(counted) + len(entries) * struct.calcsize(layout)
    values_begin += struct.calcsize(offset_layout)
    table, values = counted, b""
    for tag, entry in sorted(entries.items()):
        field = entry.field
        if entry.size > len(field):
            value = directory.value(tag)
            if len(value) < entry.size:
                raise ValueError(f"its tag {tag} lies behind its end")
            field = struct.pack(offset_layout, values_begin + len(values))
            values += value + bytes(len(value) % 2)
        table += struct.pack(layout, tag, entry.kind, entry.values, field)
    table += bytes(struct.calcsize(offset_layout))  # no next directory
    # Of the header all but where the directory is.
    head = 8 if is_big else 4
    directory.stream.seek(0)
    header = directory.stream.read(head) + struct.pack(offset_layout, begin)
    return [
        header,
        Span(len(header), end),
        Repeated(0, missing + (end + missing) % 2),
        table + values,
    ]
