"""Picture files without what their pixels do not depend on.

Texts, colour profiles, thumbnails and notes can be damaged, unpack to gigabytes, or break a limit
of the decoder's, while the pixels are sound. So the decoder is shown none of them. Of EXIF and XMP
the orientation is read here, and nothing else.
"""

import os
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import IO, NamedTuple

from spotimes.preprocessing import tiff
from spotimes.preprocessing.joined import Part, Repeated, Span, joined
from spotimes.preprocessing.tiff import UPRIGHT
from spotimes.preprocessing.unread import ElaborateError, UnknownKindError

# Of each EXIF and XMP so many bytes are read, and unpacked.
MAX_METADATA = 1 << 20
MAX_PARTS = 65_536

_PNG_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_PNG_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_WEBP_PIXELS = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM"}
_JPEG_SCAN = 0xDA
_JPEG_COMMENT = 0xFE
_JPEG_SEGMENTS = range(0xE0, 0xF0)
_JPEG_ALONE = {0x01, *range(0xD0, 0xDA)}  # markers without a length
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


class Stripped(NamedTuple):
    """A picture file without what its pixels do not depend on.

    Attributes:
        stream: the rest, as a file of the same format.
        orientation: EXIF's, 1 to 8.
        animated: whether it holds several pictures; for a TIFF, several pages.
        missing: how many bytes it lacks at its end, as far as its structure tells.
    """

    stream: IO[bytes]
    orientation: int
    animated: bool
    missing: int


class _Found(NamedTuple):
    parts: Sequence[Part]
    exif: bytes = b""
    xmp: bytes = b""
    turned: int | None = None
    animated: bool = False
    missing: int = 0


def strip(name: str, stream: IO[bytes], filler: int = 0, tail: bytes = b"") -> Stripped:
    """Drops what the pixels do not depend on.

    Args:
        name: of the file's format.
        stream: the file. What is returned reads from it.
        filler: the byte that stands for each that is missing.
        tail: what is to follow.

    Raises:
        ElaborateError: the file has very many parts.
        UnknownKindError: it is of a kind that is not read.
        Exception: it is damaged.
    """
    size = stream.seek(0, os.SEEK_END)
    found = _STRIPPERS[name](stream, size) if name in _STRIPPERS else _Found([Span(0, size)])
    if found.missing > size:
        raise ValueError("not half of it is there")
    parts = [
        *(
            Repeated(filler, part.times) if isinstance(part, Repeated) else part
            for part in found.parts
        ),
        tail,
    ]
    rest = stream if parts == [Span(0, size), b""] else joined(stream, parts)
    rest.seek(0)
    return Stripped(rest, _orientation(found), found.animated, found.missing)


def _orientation(found: _Found) -> int:
    try:
        value = tiff.exif_orientation(found.exif) if found.turned is None else found.turned
    except Exception:  # it is damaged, and the pixels may still be sound
        return UPRIGHT
    if value is None and (digit := _XMP_ORIENTATION.search(found.xmp)):
        value = int(digit[1])
    return value if value is not None and 1 <= value <= 8 else UPRIGHT


class _Spans(list[Part]):
    """Adds spans of a file, which are one where they are neighbours."""

    def keep(self, begin: int, end: int) -> None:
        last = self[-1] if self else None
        if isinstance(last, Span) and last.end == begin:
            self[-1] = Span(last.begin, end)
        elif len(self) > MAX_PARTS:
            raise ElaborateError(f"has more than {MAX_PARTS:,} parts")
        else:
            self.append(Span(begin, end))


def _png(stream: IO[bytes], size: int) -> _Found:
    parts, exif, xmp, text_exif = _Spans([Span(0, 8)]), b"", b"", b""
    frames, is_first_apart, has_data = 0, True, False
    position = 8
    while position + 8 <= size:
        stream.seek(position)
        length, kind = struct.unpack(">I4s", stream.read(8))
        end = position + 12 + length
        if kind in _PNG_PIXELS:
            parts.keep(position, min(end, size))
            has_data |= kind == b"IDAT"
        elif kind == b"eXIf":
            exif = stream.read(min(length, MAX_METADATA))
        elif kind in _PNG_TEXTS:
            key, text = _png_text(kind, stream.read(min(length, MAX_METADATA)))
            if key == b"Raw profile type exif":  # as ImageMagick writes it
                text_exif = _from_hex(text)
            elif key == b"XML:com.adobe.xmp":
                xmp = text
        elif kind == b"acTL":
            (frames,) = struct.unpack(">I", stream.read(4))
        elif kind == b"fcTL":
            is_first_apart &= has_data
        elif kind == b"CgBI":
            raise UnknownKindError("Apple's own form of PNG")
        if kind == b"IEND" or not kind.isalpha():
            break
        position = end
    return _Found(
        parts, exif or text_exif, xmp, animated=frames > 0 and frames + is_first_apart > 1
    )


def _png_text(kind: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Its key and, if that is of use, the beginning of the text."""
    key, _, text = body.partition(b"\0")
    if key not in (b"Raw profile type exif", b"XML:com.adobe.xmp"):
        return key, b""
    packed = kind == b"zTXt"
    if kind == b"iTXt":
        packed, text = text[:1] == b"\1", b"\0" + b"".join(text[2:].split(b"\0", 2)[2:])
        text = text if packed else text[1:]
    if packed:
        try:
            text = zlib.decompressobj().decompress(text[1:], MAX_METADATA)
        except zlib.error:
            text = b""
    return key, text


def _from_hex(text: bytes) -> bytes:
    try:
        return bytes.fromhex("".join(text.decode("latin-1").split("\n")[3:]))
    except ValueError:
        return b""


def _jpeg(stream: IO[bytes], size: int) -> _Found:
    parts, exif, xmp = _Spans([Span(0, 2)]), b"", b""
    position = 2
    while True:
        stream.seek(position)
        block = stream.read(4)
        if len(block) < 4:
            break
        if block[0] != 0xFF or block[1] in (0x00, 0xFF):  # junk, or a marker's padding
            stream.seek(position + 1)
            junk = stream.read(1 << 16)
            at = junk.find(b"\xff")
            position += 1 + (len(junk) if at < 0 else at)
            continue
        marker, (length,) = block[1], struct.unpack_from(">H", block, 2)
        if marker == _JPEG_SCAN:
            parts.keep(position, size)
            break
        if marker in _JPEG_ALONE:
            parts.keep(position, position + 2)
            position += 2
            continue
        end = position + 2 + max(length, 2)
        if marker in _JPEG_SEGMENTS:
            body = stream.read(length - 2 if length > 2 else 0)
            if _tells_colours(marker, body):
                parts.keep(position, end)
            elif marker == 0xE1 and body.startswith(b"Exif\0\0"):
                exif = (exif + body[6:])[:MAX_METADATA]
            elif marker == 0xE1 and body.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
                xmp = body
        elif marker != _JPEG_COMMENT:
            parts.keep(position, min(end, size))
        position = end
    return _Found(parts, exif, xmp)


def _tells_colours(marker: int, body: bytes) -> bool:
    """Whether libjpeg reads from the segment what its components are."""
    jfif = marker == 0xE0 and len(body) >= 14 and body.startswith(b"JFIF\0")
    return jfif or (marker == 0xEE and len(body) >= 12 and body.startswith(b"Adobe"))


def _gif(stream: IO[bytes], size: int) -> _Found:
    stream.seek(0)
    begin = 13 + _gif_colours(stream.read(13)[10:11])
    parts = _Spans([Span(0, begin)])
    position, frames = begin, 0
    while position < size:
        stream.seek(position)
        kind = stream.read(1)
        if kind == b"!":
            is_control = stream.read(1) == b"\xf9"
            end = _gif_blocks_end(stream, position + 2)
            if is_control and not frames:
                parts.keep(position, min(end, size))
        elif kind == b",":
            frames += 1
            if frames > 1:
                break
            begin = position + 10 + _gif_colours(stream.read(9)[8:9])
            end = _gif_blocks_end(stream, begin + 1)
            parts.keep(position, min(end, size))
        elif kind == b";":
            break
        else:
            end = position + 1
        position = end
    return _Found([*parts, b";"] if position <= size else parts, animated=frames > 1)


def _gif_colours(flags: bytes) -> int:
    """The size of the palette that follows, in bytes."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 128 else 0


def _gif_blocks_end(stream: IO[bytes], position: int) -> int:
    """Where blocks end that begin with their lengths, up to one of none."""
    while True:
        stream.seek(position)
        length = stream.read(1)
        position += 1
        if not length or not length[0]:
            return position
        position += length[0]


def _webp(stream: IO[bytes], size: int) -> _Found:
    parts, exif, xmp, frames, missing = _Spans(), b"", b"", 0, 0
    position = 12
    while position + 8 <= size and not missing:
        stream.seek(position)
        kind, length = struct.unpack("<4sI", stream.read(8))
        end = position + 8 + length + length % 2
        if kind in _WEBP_PIXELS or (kind == b"ANMF" and not frames):
            parts.keep(position, min(end, size))
            missing = max(0, end - size)
        elif kind == b"EXIF":
            exif = stream.read(min(length, MAX_METADATA))
        elif kind == b"XMP ":
            xmp = stream.read(min(length, MAX_METADATA))
        frames += kind == b"ANMF"
        position = end
    rest: list[Part] = [*parts, Repeated(0, missing)]
    whole = 4 + missing + sum(part.end - part.begin for part in parts if isinstance(part, Span))
    rest.insert(0, b"RIFF" + struct.pack("<I", whole) + b"WEBP")
    return _Found(rest, exif, xmp, animated=frames > 1, missing=missing)


def _tiff(stream: IO[bytes], size: int) -> _Found:
    found = tiff.strip_tiff(stream, size)
    return _Found(
        found.parts,
        xmp=found.xmp,
        turned=found.orientation,
        animated=found.has_pages,
        missing=found.missing,
    )


def _boxes(stream: IO[bytes], size: int) -> _Found:
    """Whole, as its parts refer to one another by offsets."""
    position = 0
    while position + 16 <= size:
        stream.seek(position)
        length, large = struct.unpack(">I4xQ", stream.read(16))
        if length == 1:
            length = large
        if length < 8:  # 0: up to the file's end
            break
        position += length
    missing = max(0, position - size)
    return _Found(
        [Span(0, size), Repeated(0, missing)] if missing else [Span(0, size)], missing=missing
    )


_STRIPPERS: dict[str, Callable[[IO[bytes], int], _Found]] = {
    "PNG": _png,
    "JPEG": _jpeg,
    "WEBP": _webp,
    "GIF": _gif,
    "TIFF": _tiff,
    "AVIF": _boxes,
    "HEIC": _boxes,
}
