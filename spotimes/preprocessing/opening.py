"""Opens a picture file of any kind, or says in one line why it is not read."""

import io
import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
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
from spotimes.preprocessing import cut_off, heic
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
    "HEIC": (
        re.compile(_BRANDS % b"hei[cxms]|hev[cxms]|mi[fa][12f]|msf1", re.DOTALL),
        heic.open_heic,
    ),
}
FORMATS = tuple(name for name in _READERS if name != "HEIC")  # which needs an optional package
# What Pillow says of files that may be sound.
_UNKNOWN_KIND = re.compile(
    r"cannot handle|[Uu]nsupported|not yet supported|unknown (pixel mode|data organization)"
)

_PILLOWS: Any = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
_filtering = threading.Lock()
# Without any handler Python prints a logger's errors.
logging.getLogger("PIL").addHandler(logging.NullHandler())


class Opened(NamedTuple):
    """A picture file whose pixels are not decoded yet.

    Attributes:
        file: By Pillow's reader.
        coding: Pillow's name for how the file stores the pixels, for example "RGB;16B".
        grey: Whether the pixels have no colour.
        orientation: EXIF's, which is still to be applied.
        animated: Whether the file holds several pictures.
        is_cut_off: Whether the file is known to lack bytes at its end.
        lacks_scans: Whether it is a progressive JPEG that holds no row in all detail.
        reopened: The same picture, with a byte in place of each that the file lacks.
    """

    file: ImageFile
    coding: str
    grey: bool
    orientation: int
    animated: bool
    is_cut_off: bool
    lacks_scans: bool
    reopened: Callable[[int], ImageFile]


@contextmanager
def opened(source: Path | BinaryIO, where: str, max_pixels: int = MAX_PIXELS) -> Iterator[Opened]:
    """Opens a picture; whatever fails while it is open becomes an InputError.

    Args:
        source: A file's path, or a stream, which is read from its beginning and left open.
        where: The file's name in messages.
        max_pixels: Larger pictures are refused; at most `MAX_PIXELS`.
    """
    _silence_pillow()
    name = "a picture"
    try:
        with _stream(source, where) as stream:
            name = _format_of(stream, where)
            if name == "HEIC":  # before it is said to be damaged
                heic.check_package()
            is_zero_filled = name == "JPEG" and cut_off.is_zero_filled(stream)
            stripped = strip(name, stream)
            picture = _READERS[name][1](stripped.stream)
            across, down = picture.size
            if across * down > max_pixels:
                raise TooManyPixelsError(
                    f"{where}: has {across:,} x {down:,} = {across * down:,} pixels, and at most "
                    f"{max_pixels:,} are read; make it smaller"
                )
            lacks_scans = False
            if isinstance(picture, JpegImagePlugin.JpegImageFile) and "progressive" in picture.info:
                lacks_scans = _lacks_scans(stripped.stream, picture.layers)
            coding = _coding(picture)
            grey = picture.mode in ("1", "L", "LA", "La", "I", "F") or coding == "LA;16B"
            grey = grey or picture.mode.startswith("I;16")
            yield Opened(
                picture,
                coding,
                grey,
                getattr(picture, "orientation", stripped.orientation),
                stripped.animated or (name in _CONTAINERS and _is_animated(picture)),
                is_cut_off=stripped.missing > 0 or is_zero_filled,
                lacks_scans=lacks_scans,
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


def loaded(picture: Opened, where: str, least_rows: float) -> tuple[ImageFile, int]:
    """Decodes the pixels, as far as the file has them.

    Args:
        picture: The file.
        where: Its name in messages.
        least_rows: The share of its rows that must be there.

    Returns:
        The picture with its pixels, and how many of its rows are not there.

    Raises:
        InputError: There are fewer rows.
    """
    file, is_known = picture.file, picture.is_cut_off
    if not is_known:
        try:
            file.load()
        except (OSError, ValueError) as error:
            if not cut_off.is_cut_off(error):
                raise
            is_known = True
        if not is_known and not picture.lacks_scans and not cut_off.ends_grey(file):
            return file, 0
    rows, height = 0, file.size[1]
    try:
        if not (is_known and picture.lacks_scans):
            file, rows = cut_off.decode(str(file.format), picture.reopened)
    except MemoryError:
        raise
    except Exception:  # what is not there makes Pillow raise nearly anything
        rows = 0 if is_known else height
    if rows == height:
        return file if is_known else picture.file, 0
    if picture.lacks_scans:
        rows = 0
    if rows < least_rows * height or not rows:
        raise InputError(
            f"{where}: {cut_off.TOLD}: of its {height} rows {rows or 'none'} can be read; replace "
            "or remove it"
        )
    return file, height - rows


def _reopened(name: str, stream: IO[bytes], filler: int) -> ImageFile:
    stripped, reader = strip(name, stream, filler), _READERS[name][1]
    picture = reader(stripped.stream)
    if name == "JPEG":
        stripped.stream.seek(0)
        content = cut_off.jpeg_data(stripped.stream.read())
        picture = reader(io.BytesIO(content + cut_off.jpeg_tail(content, filler)))
    return picture


def _lacks_scans(stripped: IO[bytes], components: int) -> bool:
    """Whether a progressive JPEG does; one of very many, each of all pixels, is refused."""
    position = stripped.tell()
    stripped.seek(0)
    content = stripped.read()
    stripped.seek(position)
    scans = content.count(b"\xff\xda")
    if scans > MAX_SCANS:
        raise ElaborateError(f"has {scans:,} scans, and at most {MAX_SCANS} are read")
    return cut_off.lacks_scans(cut_off.jpeg_data(content), components)


def _coding(picture: ImageFile) -> str:
    args = picture.tile[0][3] if picture.tile else None
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _is_animated(picture: ImageFile) -> bool:
    return bool(getattr(picture, "is_animated", False))


def too_little_memory(where: str) -> InputError:
    """The error for a picture that does not fit into memory."""
    return InputError(f"{where}: needs more memory than there is; make it smaller")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
