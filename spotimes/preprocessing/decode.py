"""Decodes a picture file of any kind into upright pixels, grey or RGB.

`prepare` and the app on the device both decode with these functions, so that a network sees the
pixels that it was trained with.
"""

from functools import cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image
from PIL.ImageFile import ImageFile

from spotimes.errors import InputError
from spotimes.preprocessing import wide
from spotimes.preprocessing.opening import MAX_PIXELS, Opened, loaded, opened
from spotimes.preprocessing.unread import UnknownKindError
from spotimes.preprocessing.wide import WHITE, Range, Values

_TURNS = {  # by EXIF's orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Header(NamedTuple):
    """What a picture file's header says.

    Attributes:
        width: In pixels, after the EXIF orientation is applied.
        height: Likewise.
        mode: Pillow's name for the kind of pixels in the file.
        animated: Whether the file holds several pictures; for a TIFF, several pages.
        grey: Whether the pixels have no colour. A palette counts as colour.
        wide: Whether they have more than 8 bits a channel, of which a range can be chosen.
    """

    width: int
    height: int
    mode: str
    animated: bool
    grey: bool
    wide: bool


class Decoded(NamedTuple):
    """A decoded picture.

    Attributes:
        picture: In mode "L" if the file is grey, else in "RGB", upright and without metadata.
        missing_rows: How many rows the file lacks, since it is cut off.
    """

    picture: Image.Image
    missing_rows: int


def read_header(source: Path | BinaryIO, where: str) -> Header:
    """Reads a picture file's header without decoding its pixels.

    For example, `read_header(Path("cat.jpg"), "cat.jpg").width`.

    Args:
        source: As for `decode`.
        where: The file's name in messages.

    Raises:
        InputError: As for `decode`, as far as the header shows it.
    """
    with opened(source, where) as picture:
        width, height = picture.file.size
        if picture.orientation >= 5:
            width, height = height, width
        mode, is_wide = picture.file.mode, wide.is_wide(picture)
        return Header(width, height, mode, picture.animated, picture.grey, is_wide)


def read_values(source: Path | BinaryIO, where: str, *, least_rows: float = 1) -> Values:
    """Reads what values the pixels have in the file of a picture whose header says `wide`.

    Args:
        source: As for `decode`.
        where: The file's name in messages.
        least_rows: As for `decode`.

    Raises:
        InputError: As for `decode`.
    """
    with opened(source, where) as picture:
        file, _ = loaded(picture, where, least_rows)
        return wide.values_of(picture, file)


def decode_image(
    source: Path | BinaryIO,
    where: str,
    max_pixels: int = MAX_PIXELS,
    *,
    chosen_range: Range | None = None,
) -> Image.Image:
    """Decodes a whole picture, as `decode` does.

    For example, `decode_image(Path("cat.jpg"), "cat.jpg")`.
    """
    return decode(source, where, max_pixels, chosen_range=chosen_range).picture


def decode(
    source: Path | BinaryIO,
    where: str,
    max_pixels: int = MAX_PIXELS,
    *,
    chosen_range: Range | None = None,
    least_rows: float = 1,
) -> Decoded:
    """Decodes a picture upright, with white behind what is transparent.

    An animated picture gives its first frame. Colour profiles are ignored. Safe to call from
    several threads; it silences Pillow's warnings in the whole process.

    Args:
        source: A file's path, or a stream, which is read from its beginning and left open.
        where: The file's name in messages.
        max_pixels: Larger pictures are refused; at most `MAX_PIXELS`.
        chosen_range: Of pixels of more than 8 bits, the values that become black and white; None
            takes those that 16 bits can have, in grey rounded to the nearest of 8 bits.
        least_rows: The share of a picture's rows, in the order of the file, which must be there if
            the file is cut off. A file that lacks only what follows its pixels has all.

    Raises:
        TooManyPixelsError: The picture has more than `max_pixels`.
        InputError: The file is missing, has none of the `FORMATS`, is damaged or cut off, or has
            pixels of more than 16 bits and no range is chosen.
    """
    with opened(source, where, max_pixels) as picture:
        is_wide = wide.is_wide(picture)
        if is_wide and chosen_range is None and wide.range_of_type(picture) is None:
            raise InputError(
                f"{where}: has pixels of 32 bits, signed or with fractions; save it with 8 or 16 "
                "bits a channel, or let prepare.image.range say what is black and white"
            )
        file, missing_rows = loaded(picture, where, least_rows)
        if is_wide and chosen_range is not None:
            decoded = wide.in_eight_bits(picture, file, chosen_range)
        else:
            decoded = _grey(picture, file) if picture.grey else _colour(picture, file)
        decoded.info.clear()
        turn = _TURNS.get(picture.orientation)
        return Decoded(decoded if turn is None else decoded.transpose(turn), missing_rows)


def _grey(picture: Opened, file: ImageFile) -> Image.Image:
    """In mode "L"."""
    if file.mode in ("LA", "RGBA"):
        bands = file.split()
        return _over_white(bands[0], bands[-1])
    key = file.info.get("transparency")
    if file.mode == "I" or file.mode.startswith("I;16"):
        # Pillow applies TIFF's WhiteIsZero to 8 bits alone.
        largest = 4095 if picture.coding == "I;12" else 65535
        table = list(_eight_bits(largest, wide.white_is_zero(picture)))
        whole = file.convert("I")
    else:
        table = list(range(256))
        whole = file.convert("L") if file.mode == "1" else file
        if key is None:
            return whole
        # Pillow widens a PNG's pixels of 2 and 4 bits to 8, and forgets their transparent value.
        key = key * {"L;2": 85, "L;4": 17}.get(picture.coding, 1) & 255
    if key is not None:
        table[key] = WHITE
    return whole.point(table, "L")


@cache
def _eight_bits(largest: int, white_is_zero: bool) -> tuple[int, ...]:
    """The nearest 8-bit level to each 16-bit value, where `largest` is white, or black."""
    levels = [min(value, largest) for value in range(65536)]
    if white_is_zero:
        levels = [largest - level for level in levels]
    return tuple((2 * WHITE * level + largest) // (2 * largest) for level in levels)


def _colour(picture: Opened, file: ImageFile) -> Image.Image:
    """In mode "RGB"."""
    key = file.info.get("transparency")
    if isinstance(key, tuple):
        # Pillow keeps the upper 8 of a PNG's 16 bits, but all 16 of its transparent value.
        shift = 8 if picture.coding == "RGB;16B" else 0
        file.info["transparency"] = tuple(value >> shift & 255 for value in key)
    if file.mode in ("P", "PA", "RGB") and file.has_transparency_data:
        return _rgba_over_white(file.convert("RGBA"))
    if file.mode == "RGBA":
        return _rgba_over_white(file)
    if file.mode == "RGB":
        return file
    if file.mode in ("P", "CMYK"):
        return file.convert("RGB")
    raise UnknownKindError(f"pixels of mode {file.mode}")


def _rgba_over_white(picture: Image.Image) -> Image.Image:
    return _over_white(picture.convert("RGB"), picture.getchannel("A"))


def _over_white(picture: Image.Image, alpha: Image.Image) -> Image.Image:
    result = Image.new(picture.mode, picture.size, (WHITE,) * len(picture.getbands()))
    result.paste(picture, mask=alpha)
    return result
