"""Pictures that are more, or other, than they take to send."""

import struct
import zlib


def png(width: int, height: int, pixels: bytes) -> bytes:
    """An RGB PNG of a size, whatever its pixels are."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(pixels, 1)),
            chunk(b"IEND", b""),
        ]
    )


def large_png() -> bytes:
    """A black picture of 64 megapixels, which takes a good part of a second to decode."""
    side = 8000
    return png(side, side, bytes(side * (1 + 3 * side)))
