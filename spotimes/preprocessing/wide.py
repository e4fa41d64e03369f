"""Pixels of more than 8 bits a channel, and how a range of their values becomes 8 bits."""

import re
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.ImageFile import ImageFile

from spotimes.preprocessing import cut_off
from spotimes.preprocessing.opening import Opened

Range = tuple[float, float]  # the values that become black and white
Numbers = npt.NDArray[Any]  # shape (height, width), or (height, width, 3) in colour

WHITE = 255
_ROWS = 256  # at once
# Of these Pillow keeps the upper 8 bits. It calls their order B, L, or N for the machine's own.
_COLOUR = re.compile(r"(RGB[AX]?;16)([BLN])")
_GREY_AND_ALPHA = "LA;16B"
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0


class Values(NamedTuple):
    """The values that a picture's pixels have in its file.

    Attributes:
        low: The lowest; NaN if none is a number.
        high: The highest.
        of_type: What black and white would be by the kind of pixels alone; None if it does not say.
        digest: 16 bytes, which are equal for pictures with the same values alone.
    """

    low: float
    high: float
    of_type: Range | None
    digest: bytes


def is_wide(picture: Opened) -> bool:
    """Whether it has more than 8 bits a channel, and so a range that can be chosen."""
    grey = picture.file.mode in ("I", "F") or picture.file.mode.startswith("I;16")
    coding = picture.coding
    return grey or coding == _GREY_AND_ALPHA or _COLOUR.fullmatch(coding) is not None


def range_of_type(picture: Opened) -> Range | None:
    """What black and white are by the kind of pixels alone; None if it does not say.

    A PPM file tells its own white, by which Pillow brings its values to those of 16 bits.
    """
    if picture.file.mode == "F" or (
        picture.file.mode == "I" and picture.file.format not in ("PPM", "PNG")
    ):
        return None
    return 0, 4095 if picture.coding == "I;12" else 65535


def white_is_zero(picture: Opened) -> bool:
    """Whether a TIFF's lowest value is white."""
    return getattr(picture.file, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO


def values_of(picture: Opened, file: ImageFile) -> Values:
    """The extremes and the digest of all values.

    Args:
        picture: the file as it was opened.
        file: the same with its pixels.
    """
    # It loads OpenSSL, 5 MB, and only prepare comes here.
    from hashlib import blake2b  # noqa: PLC0415

    low, high, digest = np.inf, -np.inf, blake2b(digest_size=16)
    described = (file.size, picture.orientation, white_is_zero(picture), _key(file))
    digest.update(repr(described).encode())
    for numbers, alpha in _bands(picture, file):
        digest.update(numbers.astype("<f8").tobytes() + (alpha.tobytes() if alpha else b""))
        finite = numbers[np.isfinite(numbers)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        low = high = np.nan
    return Values(low, high, range_of_type(picture), digest.digest())


def in_eight_bits(picture: Opened, file: ImageFile, chosen: Range) -> Image.Image:
    """Brings values to the nearest of 8 bits; those outside of the range to its ends.

    What is no number becomes black.

    Args:
        picture: the file as it was opened.
        file: the same with its pixels.
        chosen: The values that become black and white.

    Returns:
        A picture in mode "L" or "RGB", with white behind what is transparent.
    """
    key, inverted = _key(file), white_is_zero(picture)
    result = Image.new("L" if picture.grey else "RGB", file.size, WHITE if picture.grey else None)
    top = 0
    for numbers, alpha in _bands(picture, file):
        levels = _levels(numbers, chosen)
        if inverted:
            levels = WHITE - levels
        if key is not None:
            levels[_all_channels(numbers == key)] = WHITE
        band = Image.fromarray(levels)
        if alpha is not None:
            opaque = band
            band = Image.new(band.mode, band.size, (WHITE,) * len(band.getbands()))
            band.paste(opaque, mask=alpha)
        result.paste(band, (0, top))
        top += len(numbers)
    return result


def _levels(numbers: Numbers, chosen: Range) -> npt.NDArray[np.uint8]:
    black, white = chosen
    inside = np.nan_to_num(numbers.astype(np.float64), nan=black, posinf=white, neginf=black)
    inside = np.clip(inside, black, white) - black
    return np.rint(inside * (WHITE / (white - black))).astype(np.uint8)


def _all_channels(hit: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return hit if hit.ndim == 2 else np.asarray(hit.all(axis=2))


def _key(file: ImageFile) -> int | tuple[int, ...] | None:
    """The value that is transparent."""
    key = file.info.get("transparency")
    return key if isinstance(key, (int, tuple)) else None


def _bands(picture: Opened, file: ImageFile) -> Iterator[tuple[Numbers, Image.Image | None]]:
    """Some rows at a time, their values and what they have of alpha, in 8 bits."""
    other = _other_half(picture)
    width, height = file.size
    for top in range(0, height, _ROWS):
        box = (0, top, width, min(height, top + _ROWS))
        rows, others = file.crop(box), None if other is None else other.crop(box)
        if others is None:
            numbers = np.asarray(rows)
            yield numbers.view(np.uint32) if picture.coding == "I;32N" else numbers, None
        elif picture.coding == _GREY_AND_ALPHA:  # each pixel's four bytes, as they are
            halves = np.asarray(others).astype(np.uint16)
            yield halves[..., 0] << 8 | halves[..., 1], rows.getchannel("A")
        else:
            alpha = rows.getchannel("A") if rows.mode == "RGBA" else None
            upper, lower = (np.asarray(half)[..., :3].astype(np.uint16) for half in (rows, others))
            yield upper << 8 | lower, alpha


def _other_half(picture: Opened) -> ImageFile | None:
    """The bytes of pixels that Pillow drops: decoded as if their bytes were in the other order."""
    found = _COLOUR.fullmatch(picture.coding)
    if found:
        order = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
        coding = found[1] + order[found[2]]
    elif picture.coding == _GREY_AND_ALPHA:
        coding = "RGBA"
    else:
        return None
    other = picture.reopened(0)
    other.tile = [
        tile._replace(args=(coding, *tile.args[1:]) if isinstance(tile.args, tuple) else coding)
        for tile in other.tile
    ]
    cut_off.load(other, 0)
    return other
