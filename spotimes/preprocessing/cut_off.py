"""Pictures whose files are cut off: which of their rows are there.

A pixel is there if it depends neither on what follows the cut nor on what the memory held before.
So such a picture is decoded twice, each time with others of both.
"""

import re
import zlib
from collections.abc import Callable

from PIL.ImageFile import ImageFile

TOLD = "is cut off"  # what the message about one says
_END = b"\xff\xd9"
# Of a format whose decoder is given a tail, rows behind the first that differs may be alike, and
# hold nothing of the picture.
_TAILED = {"JPEG", "WEBP", "AVIF", "HEIC"}
_ROWS = 64  # at once
_SCAN = re.compile(rb"\xff\xda..", re.DOTALL)
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


def jpeg_tail(content: bytes, components: int, filler: int) -> bytes:
    """What is to follow a JPEG that has no end: an end, or something else before it.

    Args:
        content: the file, without metadata, as thumbnails in it are JPEGs of their own.
        components: how many it has, such as three of colours.
        filler: one of `FILLERS`.

    Raises:
        ValueError: whole scans are missing, so that there is no row of it all.
    """
    exact: dict[int, set[int]] = {}  # by component the coefficients that have come with all bits
    for found in _SCAN.finditer(content):
        count = content[found.end()]
        header = content[found.end() + 1 : found.end() + 4 + 2 * count]
        first, last, bits = header[-3:]
        if not bits & 15:
            for component in header[0 : 2 * count : 2]:
                exact.setdefault(component, set()).update(range(first, last + 1))
    if sum(len(coefficients) for coefficients in exact.values()) < 64 * components:
        raise ValueError("scans are missing")
    if not filler:
        return _END
    scan = content.rfind(b"\xff\xda")
    restarts = sum(content.count(bytes((0xFF, 0xD0 + index)), scan) for index in range(8))
    other = bytes(254 - index * 37 % 251 for index in range(64))
    # Where the cut is between restarts, only what follows the next would differ.
    within = b"\0" if content.endswith(b"\xff") else b""
    return within + other + bytes((0xFF, 0xD0 + restarts % 8)) + other + _END
