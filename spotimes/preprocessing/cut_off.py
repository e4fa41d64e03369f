"""Pictures whose files are cut off: which of their rows are there.

A pixel is there if it depends neither on what follows the cut nor on what the memory held before.
So such a picture is decoded twice, each time with others of both.

A JPEG may have its end marker and still lack data before it. libjpeg then takes every coefficient
to be 0, which gives a mid-grey, and says so only in a warning that Pillow does not pass on. So one
whose last pixel is such a grey is held to be suspect, and decoded twice, too.
"""

import os
import re
import zlib
from collections.abc import Callable
from typing import IO

from PIL.ImageFile import ImageFile

TOLD = "is cut off"  # what the message about one says
_END = b"\xff\xd9"
# Of a format whose decoder is given a tail, rows behind the first that differs may be alike, and
# hold nothing of the picture.
_TAILED = {"JPEG", "WEBP", "AVIF", "HEIC"}
_ROWS = 64  # at once
_SCAN = re.compile(rb"\xff\xda..", re.DOTALL)
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # those that end a scan's data
_ZEROS = 64  # a scan's data does not end with so many, as its last byte is filled up with ones
_MID_GREY = (127, 128, 129)
_CUT_OFF = re.compile("truncated|not enough image data")
FILLERS = (255, 0)  # the second is what is shown of the rows that are not there


def is_cut_off(error: Exception) -> bool:
    """Whether Pillow says so."""
    return _CUT_OFF.search(str(error)) is not None


def decode(name: str, reopen: Callable[[int], ImageFile]) -> tuple[ImageFile, int]:
    """Decodes what is there of a picture.

    Args:
        name: of the file's format.
        reopen: opens the file, with a filler for what it lacks.

    Returns:
        The picture, and how many of its rows are there.

    Raises:
        Exception: there is nothing.
    """
    sums = []
    for filler in FILLERS:
        picture = reopen(filler)
        load(picture, filler)
        sums.append(_row_sums(picture))
    same = [one == other for one, other in zip(*sums, strict=True)]
    leading = name in _TAILED and False in same
    return picture, same.index(False) if leading else sum(same)


def load(picture: ImageFile, filler: int) -> None:
    """Decodes what is there, and leaves a filler for the rest.

    Raises:
        Exception: there is nothing.
    """
    prepare = picture.load_prepare

    def prepare_filled() -> None:
        prepare()
        bands = len(picture.getbands())
        ink = filler if bands == 1 else (filler,) * bands
        for tile in picture.tile:
            if tile.extents is not None:
                picture.im.paste(ink, tile.extents)

    picture.load_prepare = prepare_filled  # type: ignore[method-assign]
    try:
        picture.load()
    except (OSError, ValueError):
        if picture._im is None:
            raise
        picture.tile = []


def _row_sums(picture: ImageFile) -> list[int]:
    width, height = picture.size
    sums = []
    for top in range(0, height, _ROWS):
        rows = min(_ROWS, height - top)
        pixels = picture.crop((0, top, width, top + rows)).tobytes()
        each = len(pixels) // rows
        sums += [zlib.crc32(pixels[row * each : (row + 1) * each]) for row in range(rows)]
    return sums


def ends_grey(picture: ImageFile) -> bool:
    """Whether the last pixel of a JPEG is as libjpeg leaves it where data is missing."""
    if picture.format != "JPEG":
        return False
    last = picture.getpixel((picture.width - 1, picture.height - 1))
    if isinstance(last, tuple):
        # Of CMYK the black. Colours are those of the brightness and of neighbours.
        last = (
            last[3] if len(last) == 4 else (299 * last[0] + 587 * last[1] + 114 * last[2]) // 1000
        )
    return last in _MID_GREY


def is_zero_filled(stream: IO[bytes]) -> bool:
    """Whether a JPEG has zeros in place of its end, as of a download that was broken off."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _ZEROS))
    if stream.read() != bytes(_ZEROS):
        return False
    stream.seek(0)
    return _end_of_jpeg(stream.read()) < 0


def jpeg_data(content: bytes) -> bytes:
    """A JPEG without its end marker and what follows, or without the zeros in place of them."""
    end = _end_of_jpeg(content)
    return content[:end] if end >= 0 else content.rstrip(b"\0")


def _end_of_jpeg(content: bytes) -> int:
    """Where the end marker is, -1 if there is none."""
    if content.find(_END) == len(content) - 2:  # as of most
        return len(content) - 2
    position = 2
    while found := _MARKER.search(content, position):
        if found[0] == _END:
            return found.start()
        length = int.from_bytes(content[found.end() : found.end() + 2], "big")
        position = found.end() + length
    return -1


def lacks_scans(content: bytes, components: int) -> bool:
    """Whether the scans of a JPEG leave out a part of its detail, and so of every row.

    Args:
        content: by `jpeg_data`, without metadata, as thumbnails in it are JPEGs of their own.
        components: how many it has, such as three of colours.
    """
    exact: dict[int, set[int]] = {}  # by component the coefficients that have come with all bits
    for found in _SCAN.finditer(content):
        count = content[found.end()]
        header = content[found.end() + 1 : found.end() + 4 + 2 * count]
        first, last, bits = header[-3:]
        if not bits & 15:
            for component in header[0 : 2 * count : 2]:
                exact.setdefault(component, set()).update(range(first, last + 1))
    return sum(len(coefficients) for coefficients in exact.values()) < 64 * components


def jpeg_tail(content: bytes, filler: int) -> bytes:
    """What is to follow a JPEG's data: an end, or something else before it.

    Args:
        content: by `jpeg_data`.
        filler: one of `FILLERS`.
    """
    if not filler:
        return _END
    scan = content.rfind(b"\xff\xda")
    restarts = sum(content.count(bytes((0xFF, 0xD0 + index)), scan) for index in range(8))
    other = bytes(254 - index * 37 % 251 for index in range(64))
    # Where the cut is between restarts, only what follows the next would differ.
    within = b"\0" if content.endswith(b"\xff") else b""
    return within + other + bytes((0xFF, 0xD0 + restarts % 8)) + other + _END
