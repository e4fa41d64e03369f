"""Pictures, and files of them."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from spotimes.dataset.prepared import Split

Pixels = npt.NDArray[np.uint8]


def encoded(picture: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def sample(cifar10: dict[str, Split], width: int = 32, height: int = 32, place: int = 0) -> Pixels:
    """The upper left of a real image or, where more is asked for, of several in a row."""
    image = np.hstack(list(cifar10["test"].images[place : place + 4]))
    return np.ascontiguousarray(image[:height, :width])


def drawn(width: int = 48, height: int = 32) -> Image.Image:
    """A picture in colour, with edges and noise."""
    generator = np.random.default_rng(1)
    blocks = generator.integers(0, 256, (-(-height // 8), -(-width // 8), 3))
    pixels = np.kron(blocks, np.ones((8, 8, 1)))[:height, :width]
    noisy = pixels + generator.normal(0, 8, pixels.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int, kind: int, rows: list[bytes], *more: bytes) -> bytes:
    """A PNG of unfiltered rows; `more` are chunks between header and pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [chunk(b"IHDR", header), *more, chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(
    width: int,
    height: int,
    bits: int,
    photometric: int,
    data: bytes,
    *more: bytes,
    samples: int = 1,
) -> bytes:
    """A TIFF of one strip; `more` are entries of its directory."""
    values = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 8, 277: samples}
    values |= {278: height, 279: len(data)}
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in values.items()]
    entries += more
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory
