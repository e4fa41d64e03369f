"""Any picture file as the uint8 array that the network takes.

`prepare` reads the training images by these functions and the device's app its own, so that both
see the same pixels.
"""

import io
import logging
import os
import re
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL.ImageFile import ImageFile

from spotimes.errors import InputError, TooManyPixelsError

MAX_PIXELS = 64_000_000
# Each costs time, however few bytes it is. Cameras and editors make some ten scans of a picture,
# and a strip for each few rows.
MAX_SCANS = 100
MAX_STRIPS = 65_536


class _ElaborateError(Exception):
    """A picture is put together of more parts than there is time for."""


class _Tiff(TiffImagePlugin.TiffImageFile):
    """Pillow's reader, but for files of very many strips or tiles, of which it makes a list."""

    def _setup(self) -> None:
        for tag in (TiffImagePlugin.STRIPOFFSETS, TiffImagePlugin.TILEOFFSETS):
            count = len(self.tag_v2.get(tag, ()))
            if count > MAX_STRIPS:
                raise _ElaborateError(
                    f"has {count:,} strips or tiles, and at most {MAX_STRIPS:,} are read"
                )
        super()._setup()


# What a file begins with, and its reader. Not Image.open: it warns of large pictures, and of very
# large ones it keeps the size to itself. The JPEG reader leaves alone all but a file's first
# picture, whereas Image.open parses the index of the others, which may be damaged.
_READERS: dict[str, tuple[re.Pattern[bytes], Callable[[IO[bytes]], ImageFile]]] = {
    "PNG": (re.compile(rb"\x89PNG\r\n\x1a\n"), PngImagePlugin.PngImageFile),
    "JPEG": (re.compile(rb"\xff\xd8\xff"), JpegImagePlugin.JpegImageFile),
    "WEBP": (re.compile(rb"RIFF....WEBP", re.DOTALL), WebPImagePlugin.WebPImageFile),
    "BMP": (re.compile(rb"BM"), BmpImagePlugin.BmpImageFile),
    "GIF": (re.compile(rb"GIF8[79]a"), GifImagePlugin.GifImageFile),
    "TIFF": (re.compile(rb"II[*+]\0|MM\0[*+]"), _Tiff),
    "PPM": (re.compile(rb"P[1-6f]\s"), PpmImagePlugin.PpmImageFile),
}
FORMATS = tuple(_READERS)
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
)

_ORIENTATION = 0x0112  # EXIF's tag
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MODES = {"rgb": "RGB", "grey": "L"}
_WHITE = 255

_PILLOWS: Any = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
_filtering = threading.Lock()
# Without any handler Python prints a logger's errors.
logging.getLogger("PIL").addHandler(logging.NullHandler())


class Header(NamedTuple):
    """What a picture file says of itself.

    Attributes:
        width: in pixels, as the picture is seen (after EXIF orientation).
        height: likewise.
        mode: Pillow's name for the kind of pixels in the file.
        animated: whether it holds more pictures than one; of a TIFF, pages.
        grey: whether its pixels have no colour. A palette counts as colour.
    """

    width: int
    height: int
    mode: str
    animated: bool
    grey: bool


class _Opened(NamedTuple):
    picture: ImageFile
    coding: str  # of the pixels in the file, by Pillow's name: "RGB;16B", say
    grey: bool
    orientation: int  # still to be applied


def read_header(source: Path | BinaryIO, where: str) -> Header:
    """Reads what a file says of itself, and no pixels.

    Args:
        source: as for `read_picture`.
        where: names the file in messages.

    Raises:
        InputError: as `read_picture`, as far as it can be known without the pixels.
    """
    with _opened(source, where) as (picture, _, grey, orientation):
        width, height = picture.size
        if orientation >= 5:
            width, height = height, width
        return Header(width, height, picture.mode, _animated(picture), grey)


def read_picture(source: Path | BinaryIO, where: str, most_pixels: int = MAX_PIXELS) -> Image.Image:
    """Reads a picture as it is seen: upright, what is transparent laid over white.

    Of an animated one, the first frame. 16-bit grey is rounded to the nearest of 8 bits. Colour
    profiles are ignored. Safe to use from several threads; it silences Pillow's warnings in the
    whole process.

    Args:
        source: a file's path; or a stream, which is read from its beginning and left open.
        where: names the file in messages.
        most_pixels: that are read, at most `MAX_PIXELS`.

    Returns:
        A picture in mode "L" if the file is grey, else in "RGB". Its EXIF orientation is applied,
        and not to be applied again.

    Raises:
        TooManyPixelsError: there are more.
        InputError: the file is missing, of none of the `FORMATS`, damaged, or has pixels of more
            than 16 bits.
    """
    with _opened(source, where, most_pixels) as (picture, coding, grey, orientation):
        if picture.mode == "F" or (picture.mode == "I" and picture.format not in ("PPM", "PNG")):
            raise InputError(
                f"{where}: has pixels of 32 bits, signed or with fractions; save it with 8 or 16 "
                "bits a channel"
            )
        picture.load()
        seen = _grey(picture, coding) if grey else _colour(picture, coding)
        if orientation in _TURNS:
            seen = seen.transpose(_TURNS[orientation])
        seen.info.clear()
        return seen


def fitted(
    picture: Image.Image, height: int, width: int, colour: str, resize: str
) -> npt.NDArray[np.uint8]:
    """Brings a picture to a size; one that has it keeps its exact pixels.

    Args:
        picture: in mode "L" or "RGB".
        height: of the result, in pixels.
        width: likewise.
        colour: "rgb" or "grey" (ITU-R 601-2's luma).
        resize: "squash" stretches the picture; "fit_shortest" scales it until it just covers the
            size, and cuts out the middle; "fit_longest" scales it until it just fits in, and fills
            with black around it.

    Returns:
        uint8 of shape (height, width, channels), channels being 3 or 1.

    Raises:
        ValueError: there is no such `colour` or `resize`.
    """
    if colour not in _MODES or resize not in ("squash", "fit_shortest", "fit_longest"):
        raise ValueError(f"no such colour or resize: {colour!r}, {resize!r}")
    mode = _MODES[colour]
    if picture.mode != mode:
        picture = picture.convert(mode)
    across, down = picture.size
    # By how much the picture is wider than wanted (negative: higher), as a difference of products.
    wider = across * height - down * width
    bilinear = Image.Resampling.BILINEAR
    if resize == "fit_shortest":
        cut_across = _quotient(down * width, height) if wider > 0 else across
        cut_down = _quotient(across * height, width) if wider < 0 else down
        left, top = (across - cut_across) // 2, (down - cut_down) // 2
        box = (left, top, left + cut_across, top + cut_down)
        result = picture.resize((width, height), bilinear, box=box)
    elif resize == "fit_longest" and wider != 0:
        new_width = width if wider > 0 else _quotient(across * height, down)
        new_height = height if wider < 0 else _quotient(down * width, across)
        result = Image.new(mode, (width, height))
        corner = (width - new_width) // 2, (height - new_height) // 2
        result.paste(picture.resize((new_width, new_height), bilinear), corner)
    else:
        result = picture.resize((width, height), bilinear)
    return np.array(result, np.uint8).reshape(height, width, -1)


def load(
    source: Path | BinaryIO, where: str, height: int, width: int, colour: str, resize: str
) -> npt.NDArray[np.uint8]:
    """Reads a picture and brings it to a size: `fitted` of `read_picture`.

    Args:
        source: as for `read_picture`.
        where: names the file in messages.
        height: as for `fitted`.
        width: likewise.
        colour: likewise.
        resize: likewise.

    Returns:
        uint8 of shape (height, width, channels).

    Raises:
        InputError: as `read_picture`.
        ValueError: as `fitted`.
    """
    picture = read_picture(source, where)
    try:
        return fitted(picture, height, width, colour, resize)
    except MemoryError as error:
        raise InputError(_too_little_memory(where)) from error


@contextmanager
def _opened(
    source: Path | BinaryIO, where: str, most_pixels: int = MAX_PIXELS
) -> Iterator[_Opened]:
    """Opens a picture; what goes wrong while it is open ends as an InputError."""
    _silence_pillow()
    name = "a picture"
    try:
        with _stream(source, where) as stream:
            stream.seek(0)
            start = stream.read(16)
            found = [name for name in FORMATS if _READERS[name][0].match(start)]
            if not start or not found:
                what = "is of none of the formats that can be read" if start else "is empty"
                known = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
                raise InputError(f"{where}: {what}; a picture is to be {known}")
            (name,) = found
            stream.seek(0)
            picture = _READERS[name][1](stream)
            across, down = picture.size
            if across * down > most_pixels:
                raise TooManyPixelsError(
                    f"{where}: has {across:,} x {down:,} = {across * down:,} pixels, and at most "
                    f"{most_pixels:,} are read; make it smaller"
                )
            if name == "JPEG" and "progressive" in picture.info:
                _check_scans(stream)
            coding = _coding(picture)
            grey = picture.mode in ("1", "L", "LA", "I", "F") or coding == "LA;16B"
            grey = grey or picture.mode.startswith("I;16")
            yield _Opened(picture, coding, grey, _orientation(picture, stream))
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(_too_little_memory(where)) from error
    except _ElaborateError as error:
        raise InputError(f"{where}: {error}; save it anew") from error
    except Image.DecompressionBombError as error:
        # Pillow's own check, of a GIF whose first frame is larger than the GIF says to be.
        raise TooManyPixelsError(
            f"{where}: at most {most_pixels:,} pixels are read ({_one_line(error)}); "
            "make it smaller"
        ) from error
    except Exception as error:  # damaged bytes make Pillow raise nearly anything
        reason = _one_line(error)
        if reason == "not identified by this driver":
            reason = "its header gives no size, or pixels of an unknown kind"
        raise InputError(
            f"{where}: cannot be read as {name} ({reason}); it is damaged or incomplete, so "
            "replace it or leave it out"
        ) from error


def _stream(source: Path | BinaryIO, where: str) -> AbstractContextManager[IO[bytes]]:
    if not isinstance(source, Path):
        return nullcontext(source if source.seekable() else io.BytesIO(source.read()))
    try:
        return source.open("rb")
    except FileNotFoundError as error:
        raise InputError(f"{where}: there is no such file") from error
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or _one_line(error)
        raise InputError(f"{where}: cannot be opened ({reason}); name a readable file") from error


def _silence_pillow() -> None:
    """Hides warnings from within Pillow: what they tell is either refused here or does no harm.

    A filter rather than `warnings.catch_warnings`, which is not for threads. It is put in front
    again should others have put theirs before it, as pytest does for each test.
    """
    if warnings.filters[:1] != [_PILLOWS]:
        with _filtering:
            if warnings.filters[:1] != [_PILLOWS]:
                warnings.filterwarnings("ignore", module=r"PIL\.")


def _check_scans(stream: IO[bytes]) -> None:
    """Of a progressive JPEG, each scan of which goes over all pixels."""
    place = stream.tell()
    stream.seek(0)
    scans = stream.read().count(b"\xff\xda")
    stream.seek(place)
    if scans > MAX_SCANS:
        raise _ElaborateError(f"has {scans:,} scans, and at most {MAX_SCANS} are read")


def _coding(picture: ImageFile) -> str:
    args = picture.tile[0][3] if picture.tile else None
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _orientation(picture: ImageFile, stream: IO[bytes]) -> int:
    """EXIF's orientation, 1 to 8; 1 if it cannot be read, as the pixels may well be whole."""
    if picture.format == "TIFF":
        return 1  # Pillow applies a TIFF's own
    try:
        if picture.format == "PNG" and "exif" not in picture.info:
            late = _late_exif(stream)
            if late:
                picture.info["exif"] = late
        # That of PngImageFile would decode the pixels.
        value = Image.Image.getexif(picture).get(_ORIENTATION, 1)
        return value if value in _TURNS else 1
    except Exception:  # damaged bytes make Pillow raise nearly anything
        return 1


def _late_exif(stream: IO[bytes]) -> bytes:
    """A PNG's EXIF where it comes after the pixels, as ExifTool writes it."""
    place = stream.tell()
    try:
        stream.seek(8)
        while len(start := stream.read(8)) == 8:
            length, kind = struct.unpack(">I4s", start)
            if kind == b"eXIf":
                return stream.read(min(length, 1 << 20))
            stream.seek(length + 4, os.SEEK_CUR)
        return b""
    finally:
        stream.seek(place)


def _animated(picture: ImageFile) -> bool:
    # Not `n_frames`: of a TIFF's pages each is looked up in a list of those before it.
    try:
        return bool(getattr(picture, "is_animated", False))
    except Exception:  # damage after the first frame, which alone is read
        return False


def _grey(picture: ImageFile, coding: str) -> Image.Image:
    """In mode "L"."""
    if picture.mode in ("LA", "RGBA"):
        bands = picture.split()
        return _over_white(bands[0], bands[-1])
    key = picture.info.get("transparency")
    if picture.mode == "I" or picture.mode.startswith("I;16"):
        # Pillow minds TIFF's WhiteIsZero in 8 bits alone.
        white_is_zero = getattr(picture, "tag_v2", {}).get(262) == 0
        table = list(_eight_bits(4095 if coding == "I;12" else 65535, white_is_zero))
        whole = picture.convert("I")
    else:
        table = list(range(256))
        whole = picture.convert("L") if picture.mode == "1" else picture
        if key is None:
            return whole
        # Pillow widens a PNG's pixels of 2 and 4 bits to 8, and forgets their transparent value.
        key = key * {"L;2": 85, "L;4": 17}.get(coding, 1) & 255
    if key is not None:
        table[key] = _WHITE
    return whole.point(table, "L")


@cache
def _eight_bits(largest: int, white_is_zero: bool) -> tuple[int, ...]:
    """The nearest of 8 bits to each value of 16, where `largest` is white, or black."""
    levels = [min(value, largest) for value in range(65536)]
    if white_is_zero:
        levels = [largest - level for level in levels]
    return tuple((2 * _WHITE * level + largest) // (2 * largest) for level in levels)


def _colour(picture: ImageFile, coding: str) -> Image.Image:
    """In mode "RGB"."""
    key = picture.info.get("transparency")
    if isinstance(key, tuple):
        # Pillow keeps the upper half of a PNG's 16 bits, and of their transparent value the whole.
        shift = 8 if coding == "RGB;16B" else 0
        picture.info["transparency"] = tuple(value >> shift & 255 for value in key)
    if picture.mode in ("P", "PA", "RGB") and picture.has_transparency_data:
        return _laid_over_white(picture.convert("RGBA"))
    if picture.mode == "RGBA":
        return _laid_over_white(picture)
    if picture.mode == "RGB":
        return picture
    if picture.mode in ("P", "CMYK"):
        return picture.convert("RGB")
    raise ValueError(f"pixels of kind {picture.mode} are not known here")


def _laid_over_white(picture: Image.Image) -> Image.Image:
    return _over_white(picture.convert("RGB"), picture.getchannel("A"))


def _over_white(picture: Image.Image, alpha: Image.Image) -> Image.Image:
    result = Image.new(picture.mode, picture.size, (_WHITE,) * len(picture.getbands()))
    result.paste(picture, mask=alpha)
    return result


def _quotient(dividend: int, divisor: int) -> int:
    """The nearest whole number, halves up; at least 1."""
    return max(1, (2 * dividend + divisor) // (2 * divisor))


def _too_little_memory(where: str) -> str:
    return f"{where}: needs more memory than there is; make it smaller"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
