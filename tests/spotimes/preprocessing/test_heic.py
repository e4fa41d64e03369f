import io
import struct
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spotimes.errors import InputError
from spotimes.preprocessing.decode import decode_image, read_header
from spotimes.preprocessing.opening import MAX_PIXELS
from tests.pictures import drawn


def heic(picture: Image.Image, **options: Any) -> bytes:
    """A HEIC file, where pillow-heif is installed."""
    pillow_heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    pillow_heif.from_pillow(picture).save(stream, quality=95, chroma=444, **options)
    return stream.getvalue()


def brands(*names: bytes) -> bytes:
    body = names[0] + bytes(4) + b"".join(names)
    return struct.pack(">I", len(body) + 8) + b"ftyp" + body


@pytest.mark.parametrize(
    "names", [[b"heic", b"mif1"], [b"mif1", b"heic"], [b"msf1", b"hevc"], [b"heix"], [b"mif1"]]
)
@pytest.mark.parametrize("rest", [bytes(64), b"", struct.pack(">I4s", 1 << 30, b"mdat") + bytes(8)])
def test_without_its_package_the_message_says_what_the_file_is(
    names: list[bytes], rest: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as if it were not installed
    for read in (decode_image, read_header):
        with pytest.raises(InputError) as refused:
            read(io.BytesIO(brands(*names) + rest), "a.jpg")
        assert str(refused.value) == (
            "a.jpg: is HEIC, which is read where the optional package pillow-heif is installed; "
            "install it (pip install pillow-heif), or save the picture as JPEG"
        )


@pytest.mark.parametrize("names", [[b"isom", b"mp42"], [b"qt  "], [b"jxl "]])
def test_a_film_is_none_of_the_formats(names: list[bytes]) -> None:
    with pytest.raises(InputError, match="is of none of the formats"):
        decode_image(io.BytesIO(brands(*names) + bytes(64)), "here")


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_picture(mode: str) -> None:
    picture = drawn(64, 48).convert(mode)
    content = heic(picture)
    decoded = decode_image(io.BytesIO(content), "here")
    assert read_header(io.BytesIO(content), "here")[:5] == (64, 48, mode, False, mode == "L")
    assert decoded.mode == mode
    difference = np.asarray(decoded).astype(int) - np.asarray(picture)
    assert np.abs(difference).mean() < 3


def test_a_turned_picture_is_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = heic(drawn(64, 48), exif=exif.tobytes())
    assert read_header(io.BytesIO(content), "here")[:2] == (48, 64)
    assert decode_image(io.BytesIO(content), "here").size == (48, 64)


def test_a_picture_too_large_is_refused_by_its_header() -> None:
    content = heic(drawn(64, 64))
    place = content.index(b"ispe") + 8
    large = content[:place] + struct.pack(">II", 8001, 8000) + content[place + 8 :]
    with pytest.raises(InputError, match=f"{MAX_PIXELS:,}"):
        decode_image(io.BytesIO(large), "here")


def test_a_damaged_picture_is_refused() -> None:
    content = heic(drawn(64, 48))
    with pytest.raises(InputError, match=r"^here: "):
        decode_image(io.BytesIO(content[: len(content) // 2]), "here")
