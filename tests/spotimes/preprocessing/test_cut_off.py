"""Pictures whose files lack bytes at their ends."""

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spotimes.errors import InputError
from spotimes.preprocessing.decode import decode, decode_image, read_header
from tests.pictures import drawn, encoded

HEIGHT = 96
PICTURE = drawn(127, HEIGHT)
WIDE = Image.fromarray(np.asarray(PICTURE.convert("L")).astype(np.uint16) * 257)


def file(form: str, picture: Image.Image = PICTURE, **options: Any) -> Callable[[], bytes]:
    return lambda: encoded(picture, form, **options)


# Those which hold their pixels last, so that of every beginning it can be said what is there.
BY_ROWS: dict[str, Callable[[], bytes]] = {
    "JPEG": file("JPEG"),
    "JPEG, grey": file("JPEG", PICTURE.convert("L")),
    "JPEG, CMYK": file("JPEG", PICTURE.convert("CMYK")),
    "JPEG, restarts at rows": file("JPEG", restart_marker_rows=1),
    "JPEG, restarts at blocks": file("JPEG", restart_marker_blocks=1),
    "JPEG, restarts within rows": file("JPEG", restart_marker_blocks=3),
    "JPEG, progressive": file("JPEG", progressive=True),
    "JPEG, progressive, restarts": file("JPEG", progressive=True, restart_marker_blocks=3),
    "PNG": file("PNG"),
    "PNG, palette": file("PNG", PICTURE.quantize(16)),
    "PNG, 1 bit": file("PNG", PICTURE.convert("1")),
    "PNG, 16 bits": file("PNG", WIDE),
    "PNG, alpha": file("PNG", PICTURE.convert("RGBA")),
    "GIF": file("GIF"),
    "GIF, transparent": file("GIF", PICTURE.quantize(16), transparency=3),
    "BMP": file("BMP"),
    "TIFF": file("TIFF"),
    "TIFF, strips": file("TIFF", tiffinfo={278: 8}),
    "TIFF, 16 bits": file("TIFF", WIDE),
    "PPM": file("PPM"),
    "PPM, 16 bits": file("PPM", WIDE),
}
# How many bytes follow the pixels.
BEHIND = {
    "JPEG": 2,
    "JPEG, grey": 2,
    "JPEG, CMYK": 2,
    "JPEG, restarts at rows": 2,
    "JPEG, restarts at blocks": 2,
    "JPEG, restarts within rows": 2,
    "JPEG, progressive": 2,
    "JPEG, progressive, restarts": 2,
    "PNG": 12 + 4 + 4,  # IEND; the checksum of IDAT; that of zlib
    "PNG, 16 bits": 12 + 4 + 4,
    "GIF": 2,
    "BMP": 3,  # rows are filled up to 4 bytes
}


def rows_there(content: bytes) -> int:
    try:
        return HEIGHT - decode(io.BytesIO(content), "here", least_rows=0).missing_rows
    except InputError:
        return 0


@pytest.mark.parametrize("name", [*BEHIND, "WEBP"])
def test_a_picture_that_lacks_only_what_follows_its_pixels_is_whole(name: str) -> None:
    if name == "WEBP":
        exif = Image.Exif()
        exif[0x010E] = "a description"
        content = encoded(PICTURE, "WEBP", lossless=True, exif=exif)
        behind = len(content) - content.index(b"EXIF")
    else:
        content, behind = BY_ROWS[name](), BEHIND[name]
    expected = decode_image(io.BytesIO(content), "here").tobytes()
    for missing in range(1, behind + 1):
        stream = io.BytesIO(content[:-missing])
        assert decode_image(stream, "here").tobytes() == expected, missing
        assert read_header(stream, "here") == read_header(io.BytesIO(content), "here")


@pytest.mark.parametrize("name", BY_ROWS)
def test_no_row_that_is_not_there_is_said_to_be(name: str) -> None:
    content = BY_ROWS[name]()
    expected = np.asarray(decode_image(io.BytesIO(content), "here"))
    found = []
    for missing in [*range(1, 24, 2), *range(24, len(content), len(content) // 12)]:
        cut = content[:-missing]
        rows = rows_there(cut)
        found.append(rows)
        if rows:
            seen = np.asarray(decode(io.BytesIO(cut), "here", least_rows=rows / HEIGHT).picture)
            right = (seen == expected).reshape(HEIGHT, -1).all(axis=1)
            assert rows <= right.sum(), missing
    assert found == sorted(found, reverse=True)
    assert any(HEIGHT // 2 < rows < HEIGHT for rows in found)


def test_the_share_of_rows_decides() -> None:
    content = encoded(PICTURE, "PNG")
    cut = content[: len(content) * 3 // 4]
    rows = rows_there(cut)
    assert HEIGHT // 2 < rows < HEIGHT
    for least in (0.0, 0.5, rows / HEIGHT):
        assert decode(io.BytesIO(cut), "here", least_rows=least).picture.size == PICTURE.size
    for least in (rows / HEIGHT + 1e-9, 1):
        with pytest.raises(InputError) as refused:
            decode(io.BytesIO(cut), "here", least_rows=least)
        said = f"here: is cut off: of its 96 rows {rows} can be read; replace or remove it"
        assert str(refused.value) == said


def test_a_picture_of_which_nothing_is_there_is_refused_whatever_is_asked_for() -> None:
    content = encoded(PICTURE, "PNG")
    begin = content.index(b"IDAT") + 8
    with pytest.raises(InputError, match="of its 96 rows none can be read"):
        decode(io.BytesIO(content[:begin]), "here", least_rows=0)


def test_a_progressive_jpeg_that_lacks_scans_has_no_row_of_its_whole_detail() -> None:
    content = encoded(PICTURE, "JPEG", progressive=True)
    for scan in re.finditer(rb"\xff\xda", content):
        for end in (b"", b"\xff"):
            cut = content[: scan.start()] + end
            if cut.count(b"\xff\xda"):
                assert rows_there(cut) == 0


def test_damage_in_the_midst_is_not_called_a_cut() -> None:
    content = bytearray(encoded(PICTURE, "PNG"))
    content[len(content) // 2] ^= 255
    with pytest.raises(InputError, match="damaged"):
        decode(io.BytesIO(content), "here", least_rows=0)


def test_what_is_not_there_is_the_same_each_time() -> None:
    for name in ("JPEG", "PNG", "GIF", "TIFF"):
        content = BY_ROWS[name]()
        cut = content[: len(content) * 3 // 4]
        first, second = (decode(io.BytesIO(cut), "here", least_rows=0).picture for _ in range(2))
        assert first.tobytes() == second.tobytes()
