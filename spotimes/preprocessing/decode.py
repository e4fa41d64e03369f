"""Decodes a picture file of any kind into upright pixels, grey or RGB.

`prepare` and the app on the device both decode with these functions, so that a network sees the
pixels that it was trained with.
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

from PIL import (
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL.ImageFile import ImageFile

from spotimes.errors import InputError, TooManyPixelsError

MAX_PIXELS = 64_000_000
# Each costs time, however few bytes it has. Cameras and editors write some ten scans a picture, and
# a strip for every few rows.
MAX_SCANS = 100
MAX_STRIPS = 65_536


class _ElaborateError(Exception):
    """A picture consists of more parts than there is time to read."""


class _Tiff(TiffImagePlugin.TiffImageFile):
    """Pillow's reader, which refuses very many strips or tiles before it lists them."""

    def _setup(self) -> None:
        for tag in (TiffImagePlugin.STRIPOFFSETS, TiffImagePlugin.TILEOFFSETS):
            count = len(self.tag_v2.get(tag, ()))
            if count > MAX_STRIPS:
                raise _ElaborateError(
                    f"has {count:,} strips or tiles, and at most {MAX_STRIPS:,} are read"
                )
        super()._setup()


# What a file begins with, and its reader. `Image.open(formats=...)` passes the tests only if
# `Image.MAX_IMAGE_PIXELS` is None and these JPEG and TIFF readers are registered, all in the whole
# process: its limit does not report the picture's size, and it parses the index of a JPEG file's
# further pictures, which may be damaged. It also hides why a file cannot be read.
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

_UPRIGHT = 1  # as EXIF numbers orientations, 1 to 8
_WHITE = 255

_PILLOWS: Any = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
_filtering = threading.Lock()
# Without any handler Python prints a logger's errors.
logging.getLogger("PIL").addHandler(logging.NullHandler())


class Header(NamedTuple):
    """What a picture file's header says.

    Attributes:
        width: In pixels, after the EXIF orientation is applied.
        height: Likewise.
        mode: Pillow's name for the kind of pixels in the file.
        animated: Whether the file holds several pictures; for a TIFF, several pages.
        grey: Whether the pixels have no colour. A palette counts as colour.
    """

    width: int
    height: int
    mode: str
    animated: bool
    grey: bool


class _Opened(NamedTuple):
    """A picture file whose pixels are not decoded yet.

    Attributes:
        picture: By Pillow's reader.
        coding: Pillow's name for how the file stores the pixels, for example "RGB;16B".
        grey: Whether the pixels have no colour.
        orientation: EXIF's, which is still to be applied.
    """

    picture: ImageFile
    coding: str
    grey: bool
    orientation: int


def read_header(source: Path | BinaryIO, where: str) -> Header:
    """Reads a picture file's header without decoding its pixels.

    For example, `read_header(Path("cat.jpg"), "cat.jpg").width`.

    Args:
        source: As for `decode_image`.
        where: The file's name in messages.

    Raises:
        InputError: As for `decode_image`, as far as the header shows it.
    """
    with _opened(source, where) as (picture, _, grey, orientation):
        width, height = picture.size
        if orientation >= 5:
            width, height = height, width
        return Header(width, height, picture.mode, _animated(picture), grey)


def decode_image(source: Path | BinaryIO, where: str, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decodes a picture upright, with white behind what is transparent.

    An animated picture gives its first frame. 16-bit grey is rounded to the nearest of 8 bits.
    Colour profiles are ignored. Safe to call from several threads; it silences Pillow's warnings in
    the whole process.

    For example, `decode_image(Path("cat.jpg"), "cat.jpg")`.

    Args:
        source: A file's path, or a stream, which is read from its beginning and left open.
        where: The file's name in messages.
        max_pixels: Larger pictures are refused; at most `MAX_PIXELS`.

    Returns:
        A picture in mode "L" if the file is grey, else in "RGB", without metadata: its EXIF
        orientation is applied already.

    Raises:
        TooManyPixelsError: The picture has more than `max_pixels`.
        InputError: The file is missing, has none of the `FORMATS`, is damaged, or has pixels of
            more than 16 bits.
    """
    with _opened(source, where, max_pixels) as (picture, coding, grey, orientation):
        if picture.mode == "F" or (picture.mode == "I" and picture.format not in ("PPM", "PNG")):
            raise InputError(
                f"{where}: has pixels of 32 bits, signed or with fractions; save it with 8 or 16 "
                "bits a channel"
            )
        picture.load()
        decoded = _grey(picture, coding) if grey else _colour(picture, coding)
        decoded.info.clear()
        if orientation != _UPRIGHT:
            # All that Pillow is to read of the EXIF: the rest of it may be damaged.
            decoded.getexif()[ExifTags.Base.Orientation] = orientation
            ImageOps.exif_transpose(decoded, in_place=True)
        return decoded


@contextmanager
def _opened(source: Path | BinaryIO, where: str, max_pixels: int = MAX_PIXELS) -> Iterator[_Opened]:
    """Opens a picture; whatever fails while it is open becomes an InputError."""
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
            if across * down > max_pixels:
                raise TooManyPixelsError(
                    f"{where}: has {across:,} x {down:,} = {across * down:,} pixels, and at most "
                    f"{max_pixels:,} are read; make it smaller"
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
        raise too_little_memory(where) from error
    except _ElaborateError as error:
        raise InputError(f"{where}: {error}; save it anew") from error
    except Image.DecompressionBombError as error:
        # Pillow's own check, of a GIF whose first frame is larger than the GIF says to be.
        raise TooManyPixelsError(
            f"{where}: at most {max_pixels:,} pixels are read ({_one_line(error)}); make it smaller"
        ) from error
    except Exception as error:  # damaged bytes make Pillow raise nearly anything
        reason = _one_line(error)
        if reason == "not identified by this driver":
            reason = "its header gives no size, or pixels of an unknown kind"
        raise InputError(
            f"{where}: cannot be read as {name} ({reason}); it is damaged or incomplete, so "
            "replace or remove it"
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
    """Hides Pillow's own warnings: what they report is either refused here or harmless.

    This is a filter because `warnings.catch_warnings` is not safe with threads. It is put in front
    again if others were put before it, as pytest does for each test.
    """
    if warnings.filters[:1] != [_PILLOWS]:
        with _filtering:
            if warnings.filters[:1] != [_PILLOWS]:
                warnings.filterwarnings("ignore", module=r"PIL\.")


def _check_scans(stream: IO[bytes]) -> None:
    """Refuses a progressive JPEG of very many scans, each of which goes over all pixels."""
    position = stream.tell()
    stream.seek(0)
    scans = stream.read().count(b"\xff\xda")
    stream.seek(position)
    if scans > MAX_SCANS:
        raise _ElaborateError(f"has {scans:,} scans, and at most {MAX_SCANS} are read")


def _coding(picture: ImageFile) -> str:
    args = picture.tile[0][3] if picture.tile else None
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _orientation(picture: ImageFile, stream: IO[bytes]) -> int:
    """EXIF's orientation, 1 to 8; 1 if it cannot be read, since the pixels may still be intact."""
    if picture.format == "TIFF":
        return _UPRIGHT  # Pillow applies a TIFF's own
    try:
        if picture.format == "PNG" and "exif" not in picture.info:
            late = _late_exif(stream)
            if late:
                picture.info["exif"] = late
        # PngImageFile's own `getexif` would decode the pixels.
        value = Image.Image.getexif(picture).get(ExifTags.Base.Orientation, _UPRIGHT)
        return value if value in range(1, 9) else _UPRIGHT
    except Exception:  # damaged bytes make Pillow raise nearly anything
        return _UPRIGHT


def _late_exif(stream: IO[bytes]) -> bytes:
    """The EXIF of a PNG that has it after the pixels, where ExifTool writes it."""
    position = stream.tell()
    try:
        stream.seek(8)
        while len(start := stream.read(8)) == 8:
            length, kind = struct.unpack(">I4s", start)
            if kind == b"eXIf":
                return stream.read(min(length, 1 << 20))
            stream.seek(length + 4, os.SEEK_CUR)
        return b""
    finally:
        stream.seek(position)


def _animated(picture: ImageFile) -> bool:
    # `n_frames` would look up each of a TIFF's pages in a list of those before it.
    try:
        return bool(getattr(picture, "is_animated", False))
    except Exception:  # damage after the first frame, the only one that is read
        return False


def _grey(picture: ImageFile, coding: str) -> Image.Image:
    """In mode "L"."""
    if picture.mode in ("LA", "RGBA"):
        bands = picture.split()
        return _over_white(bands[0], bands[-1])
    key = picture.info.get("transparency")
    if picture.mode == "I" or picture.mode.startswith("I;16"):
        # Pillow applies TIFF's WhiteIsZero to 8 bits alone.
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
    """The nearest 8-bit level to each 16-bit value, where `largest` is white, or black."""
    levels = [min(value, largest) for value in range(65536)]
    if white_is_zero:
        levels = [largest - level for level in levels]
    return tuple((2 * _WHITE * level + largest) // (2 * largest) for level in levels)


def _colour(picture: ImageFile, coding: str) -> Image.Image:
    """In mode "RGB"."""
    key = picture.info.get("transparency")
    if isinstance(key, tuple):
        # Pillow keeps the upper 8 of a PNG's 16 bits, but all 16 of its transparent value.
        shift = 8 if coding == "RGB;16B" else 0
        picture.info["transparency"] = tuple(value >> shift & 255 for value in key)
    if picture.mode in ("P", "PA", "RGB") and picture.has_transparency_data:
        return _rgba_over_white(picture.convert("RGBA"))
    if picture.mode == "RGBA":
        return _rgba_over_white(picture)
    if picture.mode == "RGB":
        return picture
    if picture.mode in ("P", "CMYK"):
        return picture.convert("RGB")
    raise ValueError(f"pixels of kind {picture.mode} are not known here")


def _rgba_over_white(picture: Image.Image) -> Image.Image:
    return _over_white(picture.convert("RGB"), picture.getchannel("A"))


def _over_white(picture: Image.Image, alpha: Image.Image) -> Image.Image:
    result = Image.new(picture.mode, picture.size, (_WHITE,) * len(picture.getbands()))
    result.paste(picture, mask=alpha)
    return result


def too_little_memory(where: str) -> InputError:
    """The error for a picture that does not fit into memory."""
    return InputError(f"{where}: needs more memory than there is; make it smaller")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
