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


# Behind a cut: what says that the file is whole, or what a broken download leaves.
ENDS: dict[str, Callable[[int], bytes]] = {
    "an end": lambda _: b"\xff\xd9",
    "an end and more": lambda _: b"\xff\xd9" + encoded(PICTURE, "JPEG"),
    "zeros": lambda missing: bytes(missing + 500),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", [name for name in BEHIND if re.match("JPEG(?!.*sive, r)", name)])
def test_a_jpeg_that_only_seems_to_be_whole_is_cut_off(name: str, end: str) -> None:
    content = BY_ROWS[name]()
    expected = np.asarray(decode_image(io.BytesIO(content), "here"))
    begin = content.index(b"\xff\xda") + 30
    last = content.rindex(b"\xff\xda") if "progressive" in name else len(content)
    for at in range(begin, last - 40, (last - begin) // 9):
        cut = content[:at] + ENDS[end](len(content) - at)
        rows = rows_there(cut)
        assert rows < HEIGHT
        if rows:
            with pytest.raises(InputError, match=f"is cut off: of its 96 rows {rows} can be read"):
                decode(io.BytesIO(cut), "here")
            seen = np.asarray(decode(io.BytesIO(cut), "here", least_rows=0).picture)
            assert rows <= (seen == expected).reshape(HEIGHT, -1).all(axis=1).sum() + 1


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_whole_jpeg_is_whole_whatever_its_pixels_are_and_whatever_follows_it(
    mode: str, progressive: bool
) -> None:
    """Mid-grey down to the last pixel, as what is missing is, or of bits that are all zeros."""
    plain = Image.new("RGB", PICTURE.size, (128, 128, 128))
    lower = PICTURE.copy()
    lower.paste((128, 128, 128), (0, 40, 127, 96))
    for picture in (plain, lower, Image.new("RGB", (160, 160), "white")):
        for quality in (1, 90):
            content = encoded(
                picture.convert(mode),
                "JPEG",
                quality=quality,
                optimize=True,
                progressive=progressive,
            )
            expected = decode_image(io.BytesIO(content), "here")
            for more in (b"", bytes(1000), b"\xff\xd9", content, content[: len(content) // 2]):
                found = decode(io.BytesIO(content + more), "here")
                assert found.missing_rows == 0
                assert found.picture.tobytes() == expected.tobytes()


def test_a_progressive_jpeg_whose_author_left_out_scans_is_whole() -> None:
    content = encoded(PICTURE, "JPEG", progressive=True)
    scans = [found.start() for found in re.finditer(rb"\xff\xda", content)]
    tables = content.rindex(b"\xff\xc4", 0, scans[-1])
    less = content[:tables] + b"\xff\xd9"
    assert decode(io.BytesIO(less), "here").missing_rows == 0
    within = content[: (scans[-2] + tables) // 2] + b"\xff\xd9"
    with pytest.raises(InputError, match="of its 96 rows none can be read"):
        decode(io.BytesIO(within), "here")
