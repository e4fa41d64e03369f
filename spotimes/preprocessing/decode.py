"""Decodes a picture file of any kind into upright pixels, grey or RGB.

`prepare` and the app on the device both decode with these functions, so that a network sees the
pixels that it was trained with.
"""

import io
import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, partial
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple

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
from spotimes.preprocessing import cut_off
from spotimes.preprocessing.heic import open_heic
from spotimes.preprocessing.stripped import strip
from spotimes.preprocessing.unread import ElaborateError, MissingPackageError, UnknownKindError

MAX_PIXELS = 64_000_000
# Each costs time, however few bytes it has. Cameras and editors write some ten a picture.
MAX_SCANS = 100


_BRANDS = rb"....ftyp(?:....)*?(?:%s)"  # a file may have several
_CONTAINERS = ("AVIF", "HEIC")


def _open_avif(stream: IO[bytes]) -> ImageFile:
    try:
        from spotimes.preprocessing.avif import AvifFile  # noqa: PLC0415
    except ImportError as error:  # as Pillow can be built
        raise UnknownKindError("this Pillow is without its library") from error
    return AvifFile(stream)


# What a file begins with, and its reader. `Image.open(formats=...)` passes the tests only if
# `Image.MAX_IMAGE_PIXELS` is None and this JPEG reader is registered, both in the whole process:
# its limit does not report the picture's size, and it parses the index of a JPEG file's further
# pictures, which may be damaged. It also hides why a file cannot be read.
_READERS: dict[str, tuple[re.Pattern[bytes], Callable[[IO[bytes]], ImageFile]]] = {
    "PNG": (re.compile(rb"\x89PNG\r\n\x1a\n"), PngImagePlugin.PngImageFile),
    "JPEG": (re.compile(rb"\xff\xd8\xff"), JpegImagePlugin.JpegImageFile),
    "WEBP": (re.compile(rb"RIFF....WEBP", re.DOTALL), WebPImagePlugin.WebPImageFile),
    "BMP": (re.compile(rb"BM"), BmpImagePlugin.BmpImageFile),
    "GIF": (re.compile(rb"GIF8[79]a"), GifImagePlugin.GifImageFile),
    "TIFF": (re.compile(rb"II[*+]\0|MM\0[*+]"), TiffImagePlugin.TiffImageFile),
    "PPM": (re.compile(rb"P[1-6f]\s"), PpmImagePlugin.PpmImageFile),
    # Both may name the brands of all such containers, mif1 and miaf, besides their own.
    "AVIF": (re.compile(_BRANDS % b"avi[fs]", re.DOTALL), _open_avif),
    "HEIC": (re.compile(_BRANDS % b"hei[cxms]|hev[cxms]|mi[fa][12f]|msf1", re.DOTALL), open_heic),
}
FORMATS = tuple(name for name in _READERS if name != "HEIC")  # which needs an optional package
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
    | {".avif", ".heic", ".heif"}
)

_WHITE = 255
_TURNS = {  # by EXIF's orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow says of files that may be sound.
_UNKNOWN_KIND = re.compile(
    r"cannot handle|[Uu]nsupported|not yet supported|unknown (pixel mode|data organization)"
)

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
        animated: Whether the file holds several pictures.
        is_cut_off: Whether the file is known to lack bytes at its end.
        reopened: The same picture, with a byte in place of each that the file lacks.
    """

    picture: ImageFile
    coding: str
    grey: bool
    orientation: int
    animated: bool
    is_cut_off: bool
    reopened: Callable[[int], ImageFile]


def read_header(source: Path | BinaryIO, where: str) -> Header:
    """Reads a picture file's header without decoding its pixels.

    For example, `read_header(Path("cat.jpg"), "cat.jpg").width`.

    Args:
        source: As for `decode_image`.
        where: The file's name in messages.

    Raises:
        InputError: As for `decode_image`, as far as the header shows it.
    """
    with _opened(source, where) as opened:
        width, height = opened.picture.size
        if opened.orientation >= 5:
            width, height = height, width
        return Header(width, height, opened.picture.mode, opened.animated, opened.grey)


def decode_image(
    source: Path | BinaryIO, where: str, max_pixels: int = MAX_PIXELS, *, least_rows: float = 1
) -> Image.Image:
    """Decodes a picture upright, with white behind what is transparent.

    An animated picture gives its first frame. 16-bit grey is rounded to the nearest of 8 bits.
    Colour profiles are ignored. Safe to call from several threads; it silences Pillow's warnings in
    the whole process.

    For example, `decode_image(Path("cat.jpg"), "cat.jpg")`.

    Args:
        source: A file's path, or a stream, which is read from its beginning and left open.
        where: The file's name in messages.
        max_pixels: Larger pictures are refused; at most `MAX_PIXELS`.
        least_rows: The share of a picture's rows, in the order of the file, which must be there if
            the file is cut off. A file that lacks only what follows its pixels has all.

    Returns:
        A picture in mode "L" if the file is grey, else in "RGB", without metadata: its EXIF
        orientation is applied already.

    Raises:
        TooManyPixelsError: The picture has more than `max_pixels`.
        InputError: The file is missing, has none of the `FORMATS`, is damaged or cut off, or has
            pixels of more than 16 bits.
    """
    with _opened(source, where, max_pixels) as opened:
        picture, coding = opened.picture, opened.coding
        if picture.mode == "F" or (picture.mode == "I" and picture.format not in ("PPM", "PNG")):
            raise InputError(
                f"{where}: has pixels of 32 bits, signed or with fractions; save it with 8 or 16 "
                "bits a channel"
            )
        picture = _loaded(opened, where, least_rows)
        decoded = _grey(picture, coding) if opened.grey else _colour(picture, coding)
        decoded.info.clear()
        turn = _TURNS.get(opened.orientation)
        return decoded if turn is None else decoded.transpose(turn)


@contextmanager
def _opened(source: Path | BinaryIO, where: str, max_pixels: int = MAX_PIXELS) -> Iterator[_Opened]:
    """Opens a picture; whatever fails while it is open becomes an InputError."""
    _silence_pillow()
    name = "a picture"
    try:
        with _stream(source, where) as stream:
            name = _format_of(stream, where)
            stripped = strip(name, stream)
            picture = _READERS[name][1](stripped.stream)
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
            yield _Opened(
                picture,
                coding,
                grey,
                getattr(picture, "orientation", stripped.orientation),
                stripped.animated or (name in _CONTAINERS and _is_animated(picture)),
                is_cut_off=stripped.missing > 0,
                reopened=partial(_reopened, name, stream),
            )
    except InputError:
        raise
    except MemoryError as error:
        raise too_little_memory(where) from error
    except MissingPackageError as error:
        raise InputError(
            f"{where}: is {name}, which is read where the optional package {error} is installed; "
            f"install it (pip install {error}), or save the picture as JPEG"
        ) from error
    except ElaborateError as error:
        raise InputError(f"{where}: {error}; save it anew") from error
    except Image.DecompressionBombError as error:
        # Pillow's own check, of a GIF whose first frame is larger than the GIF says to be.
        raise TooManyPixelsError(
            f"{where}: at most {max_pixels:,} pixels are read ({_one_line(error)}); make it smaller"
        ) from error
    except Exception as error:  # damaged bytes make Pillow raise nearly anything
        reason = _one_line(error)
        if isinstance(error, UnknownKindError) or _UNKNOWN_KIND.search(reason):
            raise InputError(
                f"{where}: is {name} of a kind that is not read ({reason}); save it as PNG or JPEG "
                "of 8 bits a channel"
            ) from error
        if reason == "not identified by this driver":
            reason = "its header gives no size, or pixels of an unknown kind"
        raise InputError(
            f"{where}: cannot be read as {name} ({reason}); it is damaged or incomplete, so "
            "replace or remove it"
        ) from error


def _format_of(stream: IO[bytes], where: str) -> str:
    stream.seek(0)
    start = stream.read(16)
    if start[4:8] == b"ftyp":  # brands follow, as long as the box is
        length = min(256, int.from_bytes(start[:4], "big"))
        start += stream.read(max(0, length - len(start)))
    name = next((name for name, (begin, _) in _READERS.items() if begin.match(start)), None)
    if name is None:
        what = "is of none of the formats that can be read" if start else "is empty"
        known = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise InputError(f"{where}: {what}; a picture is to be {known}")
    return name


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


def _loaded(opened: _Opened, where: str, least_rows: float) -> ImageFile:
    """With its pixels, which may be others than those that were opened."""
    picture = opened.picture
    if not opened.is_cut_off:
        try:
            picture.load()
            return picture
        except (OSError, ValueError) as error:
            if not cut_off.is_cut_off(error):
                raise
    try:
        picture, rows = cut_off.decode(str(picture.format), opened.reopened)
    except MemoryError:
        raise
    except Exception:  # what is not there makes Pillow raise nearly anything
        rows = 0
    height = picture.size[1]
    if rows < least_rows * height or not rows:
        raise InputError(
            f"{where}: is cut off: of its {height} rows {rows or 'none'} can be read; replace or "
            "remove it"
        )
    return picture


def _reopened(name: str, stream: IO[bytes], filler: int) -> ImageFile:
    stripped, reader = strip(name, stream, filler), _READERS[name][1]
    picture = reader(stripped.stream)
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        stripped.stream.seek(0)
        tail = cut_off.jpeg_tail(stripped.stream.read(), picture.layers, filler)
        picture = reader(strip(name, stream, filler, tail).stream)
    return picture


def _check_scans(stream: IO[bytes]) -> None:
    """Refuses a progressive JPEG of very many scans, each of which goes over all pixels."""
    position = stream.tell()
    stream.seek(0)
    scans = stream.read().count(b"\xff\xda")
    stream.seek(position)
    if scans > MAX_SCANS:
        raise ElaborateError(f"has {scans:,} scans, and at most {MAX_SCANS} are read")


def _coding(picture: ImageFile) -> str:
    args = picture.tile[0][3] if picture.tile else None
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _is_animated(picture: ImageFile) -> bool:
    return bool(getattr(picture, "is_animated", False))


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
    raise UnknownKindError(f"pixels of mode {picture.mode}")


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
