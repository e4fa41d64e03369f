"""Pictures of more than 8 bits a channel, of which a range of values is chosen."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from spotimes.errors import InputError
from spotimes.preprocessing.decode import decode_image, read_header, read_values
from spotimes.preprocessing.wide import Range
from tests.pictures import chunk, drawn, encoded, png, tiff

Numbers = npt.NDArray[Any]
GENERATOR = np.random.default_rng(1)
WIDTH, HEIGHT = 21, 300  # more rows than are looked at at once
GREY = GENERATOR.integers(200, 4081, (HEIGHT, WIDTH))
COLOUR = GENERATOR.integers(200, 4081, (HEIGHT, WIDTH, 3))
SIGNED = GREY - 2000
FLOAT = GREY.astype(np.float32) / 100 - 5


def rows(numbers: Numbers) -> list[bytes]:
    return [row.astype(">u2").tobytes() for row in numbers]


def with_alpha(numbers: Numbers) -> Numbers:
    """All opaque."""
    numbers = numbers.reshape(HEIGHT, WIDTH, -1)
    return np.concatenate([numbers, np.full((HEIGHT, WIDTH, 1), 65535)], axis=2)


def long_tiff(numbers: Numbers, sample_format: int, photometric: int = 1) -> bytes:
    """Of numbers that are not all of 16 bits and unsigned."""
    more = struct.pack("<HHII", 339, 3, 1, sample_format)
    bits = 8 * numbers.itemsize
    return tiff(WIDTH, HEIGHT, bits, photometric, numbers.tobytes(), more)


def deflated_tiff(numbers: Numbers) -> bytes:
    content = tiff(WIDTH, HEIGHT, 16, 2, zlib.compress(numbers.astype("<u2").tobytes()), samples=3)
    return content.replace(struct.pack("<HHII", 259, 4, 1, 1), struct.pack("<HHII", 259, 4, 1, 8))


FILES: dict[str, tuple[Numbers, Callable[[Numbers], bytes]]] = {
    "PNG": (GREY, lambda numbers: png(WIDTH, HEIGHT, 16, 0, rows(numbers))),
    "PNG, grey and alpha": (
        GREY,
        lambda numbers: png(WIDTH, HEIGHT, 16, 4, rows(with_alpha(numbers))),
    ),
    "PNG, colour": (COLOUR, lambda numbers: png(WIDTH, HEIGHT, 16, 2, rows(numbers))),
    "PNG, colour and alpha": (
        COLOUR,
        lambda numbers: png(WIDTH, HEIGHT, 16, 6, rows(with_alpha(numbers))),
    ),
    "TIFF": (GREY, lambda numbers: tiff(WIDTH, HEIGHT, 16, 1, numbers.astype("<u2").tobytes())),
    "TIFF, large end first": (
        GREY,
        lambda numbers: encoded(Image.fromarray(numbers.astype(">u2")), "TIFF"),
    ),
    "TIFF, LZW": (
        GREY,
        lambda numbers: encoded(
            Image.fromarray(numbers.astype("<u2")), "TIFF", compression="tiff_lzw"
        ),
    ),
    "TIFF, colour": (
        COLOUR,
        lambda numbers: tiff(WIDTH, HEIGHT, 16, 2, numbers.astype("<u2").tobytes(), samples=3),
    ),
    "TIFF, colour, deflated": (COLOUR, deflated_tiff),
    "TIFF, signed": (SIGNED, lambda numbers: long_tiff(numbers.astype("<i2"), 2)),
    "TIFF, 32 bits": (GREY * 100_000, lambda numbers: long_tiff(numbers.astype("<i4"), 2)),
    "TIFF, 32 bits, unsigned": (
        GREY * 1_000_000,
        lambda numbers: long_tiff(numbers.astype("<u4"), 1),
    ),
    "TIFF, fractions": (FLOAT, lambda numbers: long_tiff(numbers.astype("<f4"), 3)),
    "PFM": (
        FLOAT,
        lambda numbers: b"Pf %d %d -1\n" % (WIDTH, HEIGHT) + numbers[::-1].astype("<f4").tobytes(),
    ),
    "PGM": (
        GREY,
        lambda numbers: b"P5 %d %d 65535\n" % (WIDTH, HEIGHT) + numbers.astype(">u2").tobytes(),
    ),
}


def nearest(numbers: Numbers, black: float, white: float) -> npt.NDArray[np.uint8]:
    inside = np.clip(numbers.astype(np.float64), black, white)
    levels: npt.NDArray[np.uint8] = np.rint((inside - black) * (255 / (white - black))).astype(
        np.uint8
    )
    return levels


def seen(content: bytes, chosen: Range | None) -> npt.NDArray[np.uint8]:
    return np.asarray(decode_image(io.BytesIO(content), "here", chosen_range=chosen))


@pytest.mark.parametrize("name", FILES)
def test_the_chosen_range_becomes_8_bits(name: str) -> None:
    numbers, encode = FILES[name]
    content = encode(numbers)
    header = read_header(io.BytesIO(content), "here")
    assert header.wide
    assert header.grey is (numbers.ndim == 2)
    values = read_values(io.BytesIO(content), "here")
    low, high = float(numbers.min()), float(numbers.max())
    assert (values.low, values.high) == (low, high)
    third = (high - low) / 3
    for chosen in ((low, high), (low - third, high + third), (low + third, high - third)):
        np.testing.assert_array_equal(seen(content, chosen), nearest(numbers, *chosen))


def test_a_whole_range_is_that_of_the_kind_of_pixels() -> None:
    for name, (numbers, encode) in FILES.items():
        content, values = encode(numbers), read_values(io.BytesIO(encode(numbers)), "here")
        if "signed" in name or "32 bits" in name or numbers.dtype.kind == "f":
            assert values.of_type is None
            with pytest.raises(InputError, match=r"prepare\.image\.range say what is black"):
                seen(content, None)
        else:
            assert values.of_type == (0, 65535)
            by_type = seen(content, None).astype(int)
            assert np.abs(by_type - seen(content, values.of_type)).max() <= 1
    twelve = tiff(2, 1, 12, 1, bytes([0xFF, 0xF8, 0x00]))
    assert read_values(io.BytesIO(twelve), "here")[:3] == (0x800, 0xFFF, (0, 4095))
    np.testing.assert_array_equal(seen(twelve, (0, 4095)), seen(twelve, None))


def test_pictures_with_the_same_values_have_the_same_digest() -> None:
    digests: dict[str, bytes] = {}
    for name in ("PNG", "TIFF", "TIFF, large end first", "TIFF, LZW", "PGM"):
        for value in (GREY[0, 0], GREY[0, 0] + 1):
            numbers = GREY.copy()
            numbers[-1, -1] = value
            content = FILES[name][1](numbers)
            digests[f"{name} {value}"] = read_values(io.BytesIO(content), "here").digest
    assert len(set(digests.values())) == 2
    assert (
        len(
            {
                read_values(io.BytesIO(encode(numbers)), "here").digest
                for numbers, encode in FILES.values()
            }
        )
        == 8
    )


def test_what_is_no_number_is_black() -> None:
    numbers = FLOAT.copy()
    numbers[0, :4] = np.nan, np.inf, -np.inf, np.nan
    content = long_tiff(numbers, 3)
    values = read_values(io.BytesIO(content), "here")
    assert (values.low, values.high) == (FLOAT[1:].min(), FLOAT[1:].max())
    assert seen(content, (values.low, values.high))[0, :4].tolist() == [0, 255, 0, 0]
    numbers[:] = np.nan
    nothing = read_values(io.BytesIO(long_tiff(numbers, 3)), "here")
    assert np.isnan((nothing.low, nothing.high)).all()
    assert not seen(long_tiff(numbers, 3), (0, 1)).any()


def test_the_lowest_value_may_be_white() -> None:
    content = tiff(WIDTH, HEIGHT, 16, 0, GREY.astype("<u2").tobytes())
    np.testing.assert_array_equal(seen(content, (0, 4095)), 255 - nearest(GREY, 0, 4095))


def test_what_is_transparent_is_white() -> None:
    grey, colour = GREY[0, 0], COLOUR[0, 0]
    with_key = png(WIDTH, HEIGHT, 16, 0, rows(GREY), chunk(b"tRNS", struct.pack(">H", grey)))
    expected = np.where(grey == GREY, 255, nearest(GREY, 0, 5000))
    np.testing.assert_array_equal(seen(with_key, (0, 5000)), expected)
    with_key = png(WIDTH, HEIGHT, 16, 2, rows(COLOUR), chunk(b"tRNS", struct.pack(">3H", *colour)))
    hit = (colour == COLOUR).all(axis=2)
    expected = np.where(hit[..., np.newaxis], 255, nearest(COLOUR, 0, 5000))
    np.testing.assert_array_equal(seen(with_key, (0, 5000)), expected)
    for kind, opaque_numbers in ((4, GREY), (6, COLOUR)):
        numbers = with_alpha(opaque_numbers)
        numbers[:100, :, -1] = 0
        numbers[100:200, :, -1] = 0x8000
        result = seen(png(WIDTH, HEIGHT, 16, kind, rows(numbers)), (0, 5000))
        opaque = nearest(opaque_numbers, 0, 5000).astype(int)
        assert (result[:100] == 255).all()
        half = (opaque[100:200] * 128 + 255 * 127) / 255
        assert np.abs(result[100:200] - half).max() <= 1
        np.testing.assert_array_equal(result[200:], opaque[200:])


def test_a_picture_is_turned_upright_as_others_are() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.fromarray(GREY.astype(np.uint16))
    content = encoded(picture, "PNG", exif=exif)
    np.testing.assert_array_equal(seen(content, (0, 4095)), np.rot90(nearest(GREY, 0, 4095), -1))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "TIFF", "WEBP"])
def test_pictures_of_8_bits_have_no_range(form: str) -> None:
    content = encoded(drawn(), form)
    assert not read_header(io.BytesIO(content), "here").wide
    np.testing.assert_array_equal(seen(content, (0, 10)), seen(content, None))


def test_a_picture_that_is_cut_off() -> None:
    for name in ("PNG", "PNG, colour", "PNG, grey and alpha"):
        numbers, encode = FILES[name]
        content = encode(numbers)
        cut = io.BytesIO(content[: len(content) - 18])  # the end, and the checksum
        whole = read_values(io.BytesIO(content), "here")
        assert read_values(cut, "here") == whole
        with pytest.raises(InputError, match="is cut off"):
            read_values(io.BytesIO(content[: len(content) // 2]), "here")
        half = read_values(io.BytesIO(content[: len(content) // 2]), "here", least_rows=0.3)
        assert half.digest != whole.digest
        assert half.low == 0  # what is not there
