"""Pictures whose pixels are sound, whatever their metadata is."""

import io
import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from spotimes.errors import InputError
from spotimes.preprocessing.decode import decode_image, read_header
from spotimes.preprocessing.stripped import MAX_PARTS, strip
from spotimes.preprocessing.unread import ElaborateError
from tests.pictures import chunk, drawn, encoded, png, tiff

MIB = 1 << 20
PICTURE = drawn()
JUNK = bytes(random.Random(1).randrange(256) for _ in range(999))


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def packed(count: int, begin: bytes = b"") -> bytes:
    """Many zeros, in few bytes."""
    packer = zlib.compressobj(1)
    parts = [packer.compress(begin)] + [packer.compress(bytes(MIB)) for _ in range(count // MIB)]
    return b"".join([*parts, packer.flush()])


def with_chunks(before: bytes, behind: bytes = b"") -> bytes:
    """A PNG with chunks before and behind its pixels."""
    content = encoded(PICTURE, "PNG")
    return content[:33] + before + content[33:-12] + behind + content[-12:]


def with_segments(*segments: tuple[int, bytes]) -> bytes:
    """A JPEG with more segments."""
    content = encoded(PICTURE, "JPEG")
    more = [
        bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body for marker, body in segments
    ]
    return content[:2] + b"".join(more) + content[2:]


def with_riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP with more chunks behind its pixels."""
    content = encoded(PICTURE, "WEBP", lossless=True, exif=turned(1))
    for kind, body in chunks:
        content += kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    return b"RIFF" + struct.pack("<I", len(content) - 8) + content[8:]


def with_extensions(*extensions: bytes) -> bytes:
    """A GIF with extensions before its pixels."""
    content = encoded(PICTURE, "GIF")
    begin = 13 + (3 << (content[10] & 7) + 1)
    return content[:begin] + b"".join(extensions) + content[begin:]


def blocks(label: int, text: bytes) -> bytes:
    """A GIF's extension."""
    cut = [text[begin : begin + 255] for begin in range(0, len(text), 255)]
    body = b"".join(bytes((len(part),)) + part for part in cut)
    return bytes((0x21, label)) + body + b"\0"


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


def with_entries(*entries: bytes) -> bytes:
    """A TIFF with more tags."""
    return tiff(48, 32, 8, 1, PICTURE.convert("L").tobytes(), *entries)


def exif_with(*entries: bytes, behind: bytes = b"") -> bytes:
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return b"Exif\0\0II*\0\x08\0\0\0" + directory + behind


SOUND: dict[str, Callable[[], bytes]] = {
    "PNG, zTXt that unpacks to 2 MiB": lambda: with_chunks(
        chunk(b"zTXt", b"k\0\0" + packed(2 * MIB))
    ),
    "PNG, the same behind the pixels": lambda: with_chunks(
        b"", chunk(b"zTXt", b"k\0\0" + packed(2 * MIB))
    ),
    "PNG, iTXt that unpacks to 2 MiB": lambda: with_chunks(
        chunk(b"iTXt", b"k\0\1\0\0\0" + packed(2 * MIB))
    ),
    "PNG, 80 MiB of texts": lambda: with_chunks(chunk(b"zTXt", b"k\0\0" + packed(MIB)) * 80),
    "PNG, a large profile": lambda: with_chunks(chunk(b"iCCP", b"p\0\0" + packed(2 * MIB))),
    "PNG, a profile packed otherwise": lambda: with_chunks(chunk(b"iCCP", b"p\0\7" + JUNK)),
    "PNG, an empty profile": lambda: with_chunks(chunk(b"iCCP", b"")),
    "PNG, a text packed otherwise": lambda: with_chunks(b"", chunk(b"zTXt", b"k\0\7" + JUNK)),
    "PNG, short notes": lambda: with_chunks(
        b"".join(
            chunk(kind, b"") for kind in (b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"tIME", b"sBIT")
        )
    ),
    "PNG, half a note": lambda: with_chunks(chunk(b"cHRM", b"12345")),
    "PNG, a text with a wrong checksum": lambda: with_chunks(chunk(b"tEXt", b"k\0t")[:-1] + b"?"),
    "PNG, damaged EXIF": lambda: with_chunks(chunk(b"eXIf", JUNK)),
    "PNG, damaged EXIF as text": lambda: with_chunks(
        chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 9\nno hex")
    ),
    "PNG, a damaged animation": lambda: with_chunks(chunk(b"acTL", b"1234") + chunk(b"fcTL", b"1")),
    "PNG, frames in no order": lambda: with_chunks(
        chunk(b"acTL", struct.pack(">II", 3, 0)) + chunk(b"fcTL", b"\xff" * 26)
    ),
    "JPEG, a short JFIF": lambda: with_segments((0xE0, b"JFIF\0")),
    "JPEG, a short profile": lambda: with_segments((0xE2, b"ICC_PROFILE\0")),
    "JPEG, a short Adobe": lambda: with_segments((0xEE, b"Adobe")),
    "JPEG, half a Photoshop block": lambda: with_segments((0xED, b"Photoshop 3.0\x008BIM\4\4")),
    "JPEG, damaged EXIF": lambda: with_segments((0xE1, b"Exif\0\0" + JUNK)),
    "JPEG, EXIF with an empty resolution": lambda: with_segments(
        (0xE1, exif_with(entry(0x011A, 5, 1, 32), entry(0x0128, 3, 1, 2), behind=bytes(8))),
        (0xE1, exif_with(entry(0x011A, 7, 1, 32))),
    ),
    "JPEG, a damaged index of pictures": lambda: with_segments((0xE2, b"MPF\0" + JUNK)),
    "JPEG, comments": lambda: with_segments(*[(0xFE, bytes(65_000))] * 30),
    "JPEG, a thumbnail": lambda: with_segments((0xE1, encoded(PICTURE, "JPEG"))),
    "JPEG, filled between segments": lambda: with_segments((0xFE, JUNK)).replace(
        b"\xff\xdb", bytes(5) + b"\xff\xff\xff\xff\xdb", 1
    ),
    "WEBP, damaged EXIF": lambda: with_riff((b"EXIF", JUNK), (b"XMP ", JUNK)),
    "WEBP, chunks of its own": lambda: with_riff((b"ICCP", JUNK), (b"mine", JUNK)),
    "GIF, comments": lambda: with_extensions(blocks(0xFE, bytes(MIB)), blocks(0xFE, JUNK)),
    "GIF, an application's": lambda: with_extensions(blocks(0xFF, b"NETSCAPE2.0"), blocks(1, JUNK)),
    "TIFF, a resolution in words": lambda: with_entries(
        entry(282, 2, 4, 0x333333), entry(283, 2, 4, 0x333333), entry(296, 3, 1, 3)
    ),
    "TIFF, XMP of a wrong type": lambda: with_entries(entry(700, 5, 1, 8), entry(34675, 12, 3, 8)),
    "TIFF, tags behind the end": lambda: with_entries(entry(700, 1, 999, 1 << 31)),
    "TIFF, damaged EXIF": lambda: with_entries(entry(34665, 4, 1, 10), entry(34853, 2, 1, 9)),
    "AVIF, damaged EXIF": lambda: encoded(PICTURE, "AVIF", exif=turned(1)).replace(
        b"MM\0*", b"junk"
    ),
    "TIFF, Photoshop's blocks": lambda: with_entries(entry(34377, 1, 40, 8), entry(37724, 7, 1, 8)),
}


@pytest.mark.parametrize("name", SOUND)
def test_metadata_does_not_matter(name: str) -> None:
    form = name.partition(",")[0]
    expected = PICTURE
    if form in ("JPEG", "AVIF"):
        expected = Image.open(io.BytesIO(encoded(PICTURE, form)))
    elif form == "GIF":
        expected = Image.open(io.BytesIO(encoded(PICTURE, "GIF"))).convert("RGB")
    elif form == "TIFF":
        expected = PICTURE.convert("L")
    content = SOUND[name]()
    decoded = decode_image(io.BytesIO(content), "here")
    assert decoded.mode == expected.mode
    np.testing.assert_array_equal(np.asarray(decoded), np.asarray(expected))
    assert read_header(io.BytesIO(content), "here")[:2] == (48, 32)


LARGE: dict[str, Callable[[], bytes]] = {
    "PNG, a text": lambda: with_chunks(chunk(b"zTXt", b"k\0\0" + packed(96 * MIB))),
    "PNG, a profile": lambda: with_chunks(chunk(b"iCCP", b"p\0\0" + packed(96 * MIB))),
    "PNG, XMP": lambda: with_chunks(
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packed(96 * MIB))
    ),
    "PNG, EXIF as text": lambda: with_chunks(
        b"", chunk(b"zTXt", b"Raw profile type exif\0\0" + packed(96 * MIB))
    ),
    "JPEG, tags of EXIF that share bytes": lambda: with_segments(
        (
            0xE1,
            exif_with(
                *[entry(tag, 7, 40_000, 8) for tag in range(1000, 3000)], behind=bytes(16_000)
            ),
        )
    ),
    "TIFF, tags that share bytes": lambda: (
        with_entries(*[entry(tag, 7, MIB, 8) for tag in range(1000, 1500)]) + bytes(MIB)
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_metadata_is_not_held(name: str) -> None:
    content = LARGE[name]()
    tracemalloc.start()
    try:
        decode_image(io.BytesIO(content), "here")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(content) + 8 * MIB


def test_a_picture_without_metadata_is_read_as_it_is() -> None:
    for form in ("PNG", "JPEG", "BMP", "PPM"):
        stream = io.BytesIO(encoded(PICTURE, form))
        assert strip(form, stream).stream is stream


XMP = b'<rdf:Description tiff:Orientation="6"/>'
ORIENTED: dict[str, Callable[[], bytes]] = {
    "PNG, text of ImageMagick's": lambda: with_chunks(
        b"",
        chunk(
            b"zTXt",
            b"Raw profile type exif\0\0"
            + zlib.compress(b"\nexif\n      40\n" + turned(6).hex().encode() + b"\n"),
        ),
    ),
    "PNG, XMP": lambda: with_chunks(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)),
    "PNG, packed XMP": lambda: with_chunks(
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP))
    ),
    "JPEG, XMP": lambda: with_segments((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)),
    "JPEG, EXIF in two segments": lambda: with_segments(
        (0xE1, turned(6)[:20]), (0xE1, b"Exif\0\0" + turned(6)[20:])
    ),
    "JPEG, as a byte": lambda: with_segments((0xE1, exif_with(entry(274, 1, 1, 6)))),
    "TIFF": lambda: with_entries(entry(274, 3, 1, 6)),
    "TIFF, as a long number": lambda: with_entries(entry(274, 4, 1, 6)),
    "WEBP, XMP": lambda: with_riff((b"EXIF", b""), (b"XMP ", XMP)),
}


@pytest.mark.parametrize("name", ORIENTED)
def test_an_orientation_is_found_wherever_it_stands(name: str) -> None:
    assert read_header(io.BytesIO(ORIENTED[name]()), "here")[:2] == (32, 48)


def test_of_a_picture_with_both_exif_is_believed() -> None:
    content = with_segments((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP), (0xE1, turned(3)))
    assert strip("JPEG", io.BytesIO(content)).orientation == 3


@pytest.mark.parametrize(
    ("frames", "is_apart", "animated"), [(1, False, False), (2, False, True), (1, True, True)]
)
def test_frames_of_a_png(frames: int, is_apart: bool, animated: bool) -> None:
    control = (
        b"" if is_apart else chunk(b"fcTL", struct.pack(">5I2H2B", 0, 48, 32, 0, 0, 1, 1, 0, 0))
    )
    content = with_chunks(chunk(b"acTL", struct.pack(">II", frames, 0)) + control)
    assert read_header(io.BytesIO(content), "here").animated is animated


def test_very_many_parts_are_refused() -> None:
    pair = chunk(b"IDAT", b"") + chunk(b"tEXt", b"k\0t")
    header = png(1, 1, 8, 0, [b"0"])[:33]
    with pytest.raises(ElaborateError, match="more than 65,536 parts"):
        strip("PNG", io.BytesIO(header + pair * (MAX_PARTS + 9)))
    with pytest.raises(InputError, match=r"^here: has more than 65,536 parts; save it anew$"):
        decode_image(io.BytesIO(header + pair * (MAX_PARTS + 9)), "here")


UNKNOWN: dict[str, Callable[[], bytes]] = {
    "PNG of Apple's": lambda: png(1, 1, 8, 2, [b"123"]).replace(
        b"\0\0\0\rIHDR", chunk(b"CgBI", b"1234") + b"\0\0\0\rIHDR"
    ),
    "JPEG of 12 bits": lambda: encoded(PICTURE, "JPEG").replace(
        b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"
    ),
    "BMP of a compression of its own": lambda: encoded(PICTURE, "BMP").replace(
        b"\x01\0\x18\0\0\0\0\0", b"\x01\0\x18\0\4\0\0\0", 1
    ),
    "TIFF of two colours": lambda: tiff(1, 1, 8, 2, b"12", samples=2),
    "TIFF of a compression of its own": lambda: tiff(1, 1, 8, 1, b"1").replace(
        entry(259, 4, 1, 1), entry(259, 4, 1, 34887)
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_of_an_unknown_kind_is_not_called_damaged(name: str) -> None:
    with pytest.raises(InputError, match="of a kind that is not read") as refused:
        decode_image(io.BytesIO(UNKNOWN[name]()), "here")
    assert "damaged" not in str(refused.value)
