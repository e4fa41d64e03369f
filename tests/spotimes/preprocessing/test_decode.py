import io
import logging
import os
import random
import struct
import sys
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFile, ImageOps

from spotimes.dataset.prepared import Split
from spotimes.errors import InputError
from spotimes.preprocessing.decode import decode_image, read_header
from spotimes.preprocessing.opening import FORMATS, MAX_PIXELS
from spotimes.preprocessing.resize import Target, load_image
from tests.imports import imported
from tests.pictures import chunk, encoded, png, sample, tiff
from tests.project import ROOT

Pixels = npt.NDArray[np.uint8]
# Which side of what is seen the first row and the first column of the file are (EXIF 2.32).
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}
Encode = Callable[[Image.Image], bytes]


def read(content: bytes) -> Image.Image:
    return decode_image(io.BytesIO(content), "here")


def pixels(content: bytes) -> Pixels:
    return np.asarray(read(content))


def refusal(content: bytes | Path) -> str:
    """The one line that `decode_image` refuses with, without what names the file."""
    source = content if isinstance(content, Path) else io.BytesIO(content)
    with pytest.raises(InputError) as refused:
        decode_image(source, "a b/ü.png")
    (line,) = str(refused.value).splitlines()
    assert line.startswith("a b/ü.png: ")
    return line.removeprefix("a b/ü.png: ")


def over_white(colour: npt.NDArray[Any], alpha: npt.NDArray[Any]) -> Pixels:
    """The nearest whole numbers; 255 is odd, so that no two are equally near."""
    colour, alpha = colour.astype(np.int64), alpha.astype(np.int64)
    nearest = (2 * (colour * alpha + 255 * (255 - alpha)) + 255) // 510
    return cast(Pixels, nearest.astype(np.uint8))


def late_exif(content: bytes, exif: Image.Exif) -> bytes:
    """A PNG with its EXIF after the pixels."""
    return content[:-12] + chunk(b"eXIf", exif.tobytes()[6:]) + content[-12:]


def stored(seen: Pixels, orientation: int) -> Pixels:
    """How a file of this orientation holds what is seen."""
    first_row, first_column = SIDES[orientation]
    if first_row in ("left", "right"):
        seen = seen.swapaxes(0, 1)
    if first_row in ("bottom", "right"):
        seen = seen[::-1]
    if first_column in ("bottom", "right"):
        seen = seen[:, ::-1]
    return np.ascontiguousarray(seen)


def corrupt_exif(picture: Image.Image) -> bytes:
    """A whole JPEG whose EXIF promises more than it has; Pillow warns of it."""
    exif = Image.Exif()
    exif[0x010F] = "the maker of the camera"
    whole = exif.tobytes()
    at = whole.index(struct.pack(">HHI", 0x010F, 2, 24)) + 4
    return encoded(picture, "JPEG", exif=whole[:at] + struct.pack(">I", 60_000) + whole[at + 4 :])


LOSSLESS: dict[str, Encode] = {
    "PNG": lambda picture: encoded(picture, "PNG"),
    "WEBP": lambda picture: encoded(picture, "WEBP", lossless=True, exact=True),
    "BMP": lambda picture: encoded(picture, "BMP"),
    "TIFF": lambda picture: encoded(picture, "TIFF"),
    "TIFF, LZW": lambda picture: encoded(picture, "TIFF", compression="tiff_lzw"),
    "PPM": lambda picture: encoded(picture, "PPM"),
}
ANY: dict[str, Encode] = LOSSLESS | {
    "JPEG": lambda picture: encoded(picture, "JPEG"),
    "JPEG, progressive": lambda picture: encoded(picture, "JPEG", progressive=True),
    "JPEG, two pictures": lambda picture: encoded(
        picture, "MPO", save_all=True, append_images=[picture.rotate(180)]
    ),
    "GIF": lambda picture: encoded(picture, "GIF"),
    "GIF, animated": lambda picture: encoded(
        picture, "GIF", save_all=True, append_images=[picture.rotate(180)]
    ),
    "WEBP, lossy": lambda picture: encoded(picture, "WEBP"),
    "WEBP, animated": lambda picture: encoded(
        picture, "WEBP", save_all=True, append_images=[picture.rotate(180)]
    ),
    "PNG, animated": lambda picture: encoded(
        picture, "PNG", save_all=True, append_images=[picture.rotate(180)]
    ),
    "PNG, palette": lambda picture: encoded(picture.quantize(16), "PNG", transparency=3),
    "TIFF, JPEG": lambda picture: encoded(picture, "TIFF", compression="jpeg"),
    "AVIF": lambda picture: encoded(picture, "AVIF", speed=10),
    "AVIF, animated": lambda picture: encoded(
        picture, "AVIF", speed=10, save_all=True, append_images=[picture.rotate(180)]
    ),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_formats_give_the_exact_pixels(name: str, real: Image.Image) -> None:
    for picture in (real, real.convert("L")):
        mode = "RGB" if name == "WEBP" else picture.mode  # WebP knows no grey
        content = LOSSLESS[name](picture)
        result = read(content)
        assert (result.mode, result.size) == (mode, (48, 32))
        np.testing.assert_array_equal(np.asarray(result), np.asarray(picture.convert(mode)))
        header = read_header(io.BytesIO(content), "here")
        assert header[:5] == (48, 32, mode, False, mode == "L")


def test_lossy_formats_give_nearly_the_pixels(real: Image.Image) -> None:
    grey = real.convert("L")
    for picture, content in (
        (real, encoded(real, "JPEG", quality=95, subsampling=0)),
        (grey, encoded(grey, "JPEG", quality=95)),
        (real, encoded(real, "AVIF", quality=95, subsampling="4:4:4")),
        (grey, encoded(grey, "AVIF", quality=95)),
    ):
        difference = pixels(content).astype(int) - np.asarray(picture)
        assert np.abs(difference).max() < 32
        assert np.abs(difference).mean() < 3
        header = read_header(io.BytesIO(content), "here")
        assert header[:5] == (48, 32, picture.mode, False, picture.mode == "L")


def test_imports_nothing_heavy() -> None:
    modules = list((ROOT / "spotimes/preprocessing").glob("*.py"))
    names = set().union(*map(imported, modules))
    ours = {name for name in names if name.startswith("spotimes.")}
    assert {".".join(name.split(".")[:2]) for name in ours} == {
        "spotimes.errors", "spotimes.pixels", "spotimes.preprocessing",
    }  # fmt: skip
    roots = {name.partition(".")[0] for name in names - ours}
    assert roots <= {"numpy", "PIL", *sys.stdlib_module_names}


# Orientation


TURNED: dict[str, Callable[[Image.Image, Image.Exif], bytes]] = {
    "JPEG": lambda picture, exif: encoded(picture, "JPEG", exif=exif),
    "PNG": lambda picture, exif: encoded(picture, "PNG", exif=exif),
    "PNG, EXIF last": lambda picture, exif: late_exif(encoded(picture, "PNG"), exif),
    "WEBP": lambda picture, exif: encoded(picture, "WEBP", lossless=True, exif=exif),
    "TIFF": lambda picture, exif: encoded(picture, "TIFF", exif=exif),
    "TIFF, LZW": lambda picture, exif: encoded(picture, "TIFF", exif=exif, compression="tiff_lzw"),
    "AVIF": lambda picture, exif: encoded(picture, "AVIF", exif=exif, subsampling="4:4:4"),
}


@pytest.mark.parametrize("orientation", SIDES)
@pytest.mark.parametrize("name", TURNED)
def test_exif_orientation_is_applied(name: str, orientation: int, real: Image.Image) -> None:
    seen = np.asarray(real)
    exif = Image.Exif()
    in_file = Image.fromarray(stored(seen, orientation))
    untold = pixels(TURNED[name](in_file, exif))
    exif[0x0112] = orientation
    content = TURNED[name](in_file, exif)
    upright = read(content)
    result = np.asarray(upright)
    np.testing.assert_array_equal(stored(result, orientation), untold)
    np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(upright)), result)
    assert not upright.info
    if name not in ("JPEG", "AVIF"):
        np.testing.assert_array_equal(result, seen)
    assert read_header(io.BytesIO(content), "here")[:2] == (48, 32)


@pytest.mark.parametrize("value", [0, 9, 600])
def test_an_orientation_that_there_is_not_is_none(value: int, real: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    np.testing.assert_array_equal(pixels(encoded(real, "PNG", exif=exif)), np.asarray(real))


def test_corrupt_exif_neither_warns_nor_matters(real: Image.Image) -> None:
    content = corrupt_exif(real)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match=r"Truncated|orrupt"):
            Image.open(io.BytesIO(content))
        np.testing.assert_array_equal(pixels(content), pixels(encoded(real, "JPEG")))
        assert read_header(io.BytesIO(content), "here")[:5] == (48, 32, "RGB", False, False)
        with pytest.raises(UserWarning, match="others"):
            warnings.warn("what others warn of is still seen", stacklevel=1)


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_many_damages_of_the_exif_do_not_matter(form: str, real: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x011A], exif[0x0128] = 1, 72.0, 2
    exif[0x8769] = {0x9003: "2026:01:01 00:00:00"}
    content = encoded(real, form, exif=exif)
    within = exif.tobytes().removeprefix(b"Exif\0\0")
    begin, length = content.index(within), len(within)
    generator = random.Random(1)
    for _ in range(200):
        damaged = bytearray(content)
        for _ in range(3):
            damaged[begin + generator.randrange(length)] = generator.randrange(256)
        assert sorted(read(bytes(damaged)).size) == [32, 48]


# Transparency


def test_alpha_is_laid_over_white(cifar10: dict[str, Split]) -> None:
    colour, alpha = sample(cifar10), sample(cifar10, place=4)[..., :1]
    alpha[:4], alpha[4:8] = 0, 255
    picture = Image.fromarray(np.concatenate([colour, alpha], axis=2))
    for name in ("PNG", "WEBP", "TIFF", "TIFF, LZW"):
        content = LOSSLESS[name](picture)
        np.testing.assert_array_equal(pixels(content), over_white(colour, alpha), err_msg=name)
        assert read_header(io.BytesIO(content), "here")[:5] == (32, 32, "RGBA", False, False)


def test_grey_with_alpha_stays_grey(cifar10: dict[str, Split]) -> None:
    grey, alpha = sample(cifar10)[..., 0], sample(cifar10, place=4)[..., 0]
    picture = Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)])
    for name in ("PNG", "TIFF"):
        content = LOSSLESS[name](picture)
        assert read(content).mode == "L"
        np.testing.assert_array_equal(pixels(content), over_white(grey, alpha), err_msg=name)
        assert read_header(io.BytesIO(content), "here")[:5] == (32, 32, "LA", False, True)


def test_16_bit_grey_with_alpha_stays_grey() -> None:
    row = struct.pack(">6H", 0x4000, 0xFFFF, 0x4000, 0, 0x4000, 0x8000)
    content = png(3, 1, 16, 4, [row])
    assert read(content).mode == "L"
    assert read_header(io.BytesIO(content), "here").grey
    assert pixels(content).tolist() == [[0x40, 255, over_white(np.array(64), np.array(128))]]


def test_palette_with_transparency(real: Image.Image) -> None:
    palette = real.quantize(16)
    indices, colours = np.asarray(palette), np.asarray(palette.convert("RGB"))
    alphas = np.array([0, 255, 7, 200, *[128] * 12], np.uint8)
    one = np.where(np.arange(16) == 3, 0, 255)
    for form, transparency, expected in (
        ("PNG", alphas.tobytes(), alphas),
        ("PNG", 3, one),
        ("GIF", 3, one),
    ):
        content = encoded(palette, form, transparency=transparency)
        alpha = expected[indices][..., None]
        np.testing.assert_array_equal(pixels(content), over_white(colours, alpha), err_msg=form)
        assert not read_header(io.BytesIO(content), "here").grey


def test_palette_with_an_alpha_channel(real: Image.Image) -> None:
    palette = real.quantize(16)
    alpha = real.getchannel("G")
    picture = palette.convert("PA")
    picture.putalpha(alpha)
    content = encoded(picture, "TIFF")
    expected = over_white(np.asarray(palette.convert("RGB")), np.asarray(alpha)[..., None])
    np.testing.assert_array_equal(pixels(content), expected)
    assert read_header(io.BytesIO(content), "here")[:5] == (48, 32, "PA", False, False)


def transparent(*values: int) -> bytes:
    return chunk(b"tRNS", struct.pack(f">{len(values)}H", *values))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (png(3, 1, 8, 0, [bytes([5, 6, 255])], transparent(5)), [255, 6, 255]),
        (png(2, 1, 8, 0, [bytes([5, 6])], transparent(0x0105)), [255, 6]),
        (png(4, 1, 2, 0, [bytes([0b00011011])], transparent(1)), [0, 255, 170, 255]),
        (png(2, 1, 4, 0, [bytes([0x1F])], transparent(1)), [255, 255]),
        (png(2, 1, 4, 0, [bytes([0x12])], transparent(2)), [17, 255]),
        (png(2, 1, 1, 0, [bytes([0b01000000])], transparent(0)), [255, 255]),
        (png(2, 1, 1, 0, [bytes([0b01000000])], transparent(1)), [0, 255]),
        (png(2, 1, 16, 0, [struct.pack(">2H", 770, 771)], transparent(770)), [255, 3]),
        (
            png(2, 1, 8, 2, [bytes([1, 2, 3, 1, 2, 4])], transparent(1, 2, 3)),
            [[255, 255, 255], [1, 2, 4]],
        ),
        (
            png(
                2,
                1,
                16,
                2,
                [struct.pack(">6H", 256, 513, 770, 0, 513, 770)],
                transparent(256, 513, 770),
            ),
            [[255, 255, 255], [0, 2, 3]],
        ),
    ],
    ids=[
        "8 bits",
        "8 bits, upper half to be ignored",
        "2 bits",
        "4 bits, white",
        "4 bits",
        "black of 1 bit",
        "white of 1 bit",
        "16 bits",
        "colour",
        "colour of 16 bits",
    ],
)
def test_one_transparent_value(content: bytes, expected: list[Any]) -> None:
    assert pixels(content).tolist() == [expected]


# Kinds of pixels


def test_cmyk() -> None:
    inks = [(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (9, 9, 9, 255)]
    inks += [(255, 255, 0, 0), (0, 0, 0, 55)]
    colours = [(255,) * 3, (0, 255, 255), (255, 0, 255), (255, 255, 0), (0,) * 3]
    colours += [(0, 0, 255), (200,) * 3]
    for ink, colour in zip(inks, colours, strict=True):
        picture = Image.new("CMYK", (16, 16), ink)
        assert (pixels(encoded(picture, "TIFF")) == colour).all(), ink
        jpeg = encoded(picture, "JPEG", quality=100)
        assert b"Adobe" in jpeg  # so it holds the inks inverted
        assert np.abs(pixels(jpeg).astype(int) - colour).max() <= 3, ink
        assert read_header(io.BytesIO(jpeg), "here")[:5] == (16, 16, "CMYK", False, False)


def test_16_bit_grey_is_rounded_not_clipped() -> None:
    values = np.arange(65536).reshape(256, 256)
    little, big = values.astype("<u2"), values.astype(">u2")
    nearest = np.rint(values / 257)
    for content in (
        encoded(Image.fromarray(little), "PNG"),
        encoded(Image.fromarray(little), "TIFF"),
        encoded(Image.fromarray(little), "TIFF", compression="tiff_lzw"),
        encoded(Image.fromarray(big), "TIFF"),
        b"P5 256 256 65535\n" + big.tobytes(),
        tiff(256, 256, 16, 1, little.tobytes()),
    ):
        assert read(content).mode == "L"
        np.testing.assert_array_equal(pixels(content), nearest)
        assert read_header(io.BytesIO(content), "here").grey
    white_is_zero = tiff(256, 256, 16, 0, little.tobytes())
    np.testing.assert_array_equal(pixels(white_is_zero), 255 - nearest)


def test_12_bit_grey_is_brought_to_the_whole_range() -> None:
    content = tiff(2, 1, 12, 1, bytes([0xFF, 0xF8, 0x00]))
    assert pixels(content).tolist() == [[255, round(0x800 * 255 / 0xFFF)]]


def test_16_bit_colour_keeps_its_upper_half() -> None:
    content = png(1, 1, 16, 2, [struct.pack(">3H", 0x1280, 0xFFFF, 0)])
    assert pixels(content).tolist() == [[[0x12, 0xFF, 0]]]


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_more_than_16_bits_are_refused(dtype: Any) -> None:
    content = encoded(Image.fromarray(np.ones((2, 3), dtype)), "TIFF")
    assert "save it with 8 or 16 bits" in refusal(content)
    assert read_header(io.BytesIO(content), "here").grey


def test_a_float_map_is_refused() -> None:
    assert "save it with 8 or 16 bits" in refusal(b"Pf 1 1 -1.0\n" + bytes(4))


def test_1_bit(real: Image.Image) -> None:
    picture = real.convert("1")
    for form in ("PNG", "TIFF", "BMP", "PPM"):
        content = encoded(picture, form)
        assert read(content).mode == "L"
        np.testing.assert_array_equal(pixels(content), np.asarray(picture) * 255, err_msg=form)
        assert read_header(io.BytesIO(content), "here")[:5] == (48, 32, "1", False, True)


def test_a_grey_palette_counts_as_colour(real: Image.Image) -> None:
    grey = real.convert("L").quantize(8)
    content = encoded(grey, "PNG")
    assert read(content).mode == "RGB"
    np.testing.assert_array_equal(pixels(content), np.asarray(grey.convert("RGB")))
    assert read_header(io.BytesIO(content), "here")[:5] == (48, 32, "P", False, False)


def test_pixels_of_an_unusual_kind_are_refused(real: Image.Image) -> None:
    content = encoded(Image.new("LAB", (4, 4)), "TIFF")
    assert "LAB" in refusal(content)


@pytest.mark.parametrize(
    ("form", "options"),
    [("GIF", {}), ("WEBP", {"lossless": True, "exact": True}), ("PNG", {}), ("TIFF", {})],
)
def test_of_an_animated_one_the_first_frame(
    form: str, options: dict[str, Any], real: Image.Image
) -> None:
    first = real.quantize(32) if form == "GIF" else real
    others = [first.rotate(180), first.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    content = encoded(first, form, save_all=True, append_images=others, **options)
    np.testing.assert_array_equal(pixels(content), np.asarray(first.convert("RGB")))
    header = read_header(io.BytesIO(content), "here")
    assert (header.width, header.height, header.animated) == (48, 32, True)


def test_the_pages_of_a_tiff_are_not_counted() -> None:
    pages = 50_000
    entries = [(256, 8), (257, 8), (258, 8), (259, 1), (262, 1), (273, 8), (278, 8), (279, 64)]
    size = 2 + 12 * len(entries) + 4
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    directory = struct.pack("<H", len(entries)) + tags
    directories = [
        directory + struct.pack("<I", 72 + (page + 1) * size if page + 1 < pages else 0)
        for page in range(pages)
    ]
    content = struct.pack("<2sHI", b"II", 42, 72) + bytes(64) + b"".join(directories)
    stream = _Counted(content)
    assert read_header(stream, "here")[:5] == (8, 8, "L", True, True)
    assert stream.reads < 100


class _Counted(io.BytesIO):
    """Counts how often it is read."""

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        return super().read(size)


def test_a_file_with_a_second_jpeg_is_its_first(real: Image.Image) -> None:
    content = ANY["JPEG, two pictures"](real)
    assert read_header(io.BytesIO(content), "here")[:5] == (48, 32, "RGB", False, False)
    np.testing.assert_array_equal(pixels(content), np.asarray(Image.open(io.BytesIO(content))))


# Refusals


def patched(content: bytes, place: int, layout: str, *values: int) -> bytes:
    new = struct.pack(layout, *values)
    return content[:place] + new + content[place + len(new) :]


def sized(form: str, width: int, height: int) -> bytes:
    """A file whose header promises a size, with next to no pixels behind."""
    by_hand = {
        "PNG": lambda: png(width, height, 1, 0, [b""]),
        "PPM": lambda: b"P6 %d %d 255\n" % (width, height),
        "TIFF": lambda: tiff(width, height, 8, 1, b""),
    }
    if form in by_hand:
        return by_hand[form]()
    small = encoded(
        Image.new("RGB", (8, 8)), form, **({"lossless": True} if form == "WEBP" else {})
    )
    place, layout, values = {
        "BMP": (18, "<ii", (width, height)),
        "GIF": (6, "<HH", (width, height)),
        "JPEG": (small.find(b"\xff\xc0") + 5, ">HH", (height, width)),
        "WEBP": (21, "<I", (max(0, width - 1) | height - 1 << 14,)),
        "AVIF": (small.find(b"ispe") + 8, ">II", (width, height)),
    }[form]
    return patched(small, place, layout, *values)


@pytest.mark.parametrize("form", FORMATS)
def test_a_picture_too_large_is_refused_by_its_header(form: str) -> None:
    for width, height in [(10_000, 10_000), (8_001, 8_000), (16_000, 16_000)]:
        content = sized(form, width, height)
        line = refusal(content)
        assert f"{width:,} x {height:,} = {width * height:,} pixels" in line
        assert f"{MAX_PIXELS:,}" in line
        with pytest.raises(InputError) as refused:
            read_header(io.BytesIO(content), "here")
        assert str(refused.value) == f"here: {line}"
    assert read_header(io.BytesIO(sized(form, 8_000, 8_000)), "here")[:2] == (8_000, 8_000)


@pytest.mark.parametrize(("height", "read"), [(65_536, True), (65_537, False)])
def test_a_tiff_of_very_many_strips_is_refused(height: int, read: bool) -> None:
    """One a row."""
    content = encoded(Image.new("L", (1, height)), "TIFF", tiffinfo={278: 1})
    if read:
        assert pixels(content).shape == (height, 1)
    else:
        said = "has 65,537 strips or tiles, and at most 65,536 are read; save it anew"
        assert refusal(content) == said


def test_a_jpeg_of_very_many_scans_is_refused(real: Image.Image) -> None:
    content = encoded(real, "JPEG", progressive=True)
    begin = content.rindex(b"\xff\xda")
    scans, last = content.count(b"\xff\xda"), content[begin:-2]
    few, many = (content[:-2] + more * last + content[-2:] for more in (100 - scans, 101 - scans))
    assert pixels(few).shape == (32, 48, 3)
    assert refusal(many) == "has 101 scans, and at most 100 are read; save it anew"


def test_a_gif_whose_frame_is_too_large_is_refused() -> None:
    content = encoded(Image.new("L", (8, 8)), "GIF")
    frame = content.index(b",", 13 + 3 * 2)
    for side in (10_000, 16_000):
        line = refusal(patched(content, frame + 5, "<HH", side, side))
        assert f"{MAX_PIXELS:,}" in line
        assert f"{side * side:,}" in line or str(side * side) in line


@pytest.mark.parametrize("form", ["PNG", "PPM", "TIFF", "BMP", "JPEG"])
def test_a_picture_of_no_pixels_is_refused(form: str) -> None:
    assert f"cannot be read as {form}" in refusal(sized(form, 0, 8))


def test_files_that_are_none_of_the_formats(tmp_path: Path, real: Image.Image) -> None:
    known = "PNG, JPEG, WEBP, BMP, GIF, TIFF, PPM or AVIF"
    for content in (b"a text\n", encoded(real, "ICO"), encoded(real, "JPEG2000"), b"P", bytes(99)):
        assert refusal(content).endswith(known)
    assert refusal(b"").startswith("is empty; ")
    assert refusal(tmp_path / "missing.png") == "there is no such file"
    assert refusal(tmp_path).startswith("cannot be opened (")
    assert refusal(Path("a\0b")).startswith("cannot be opened (")


def test_what_pillow_logs_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])  # as in a program that sets up no logging
    refusal(tiff(1, 1, 8, 1, bytes(99), samples=99))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ANY)
def test_truncated_or_damaged_files(name: str, cifar10: dict[str, Split]) -> None:
    content = ANY[name](Image.fromarray(sample(cifar10, 24, 16)))
    whole = pixels(content)
    generator = random.Random(name)
    refused = 0
    for turn in range(240):
        damaged = bytearray(content)
        if turn < 80:
            del damaged[generator.randrange(len(content)) :]
        else:
            # Half of them in the header, where most can go wrong.
            until = len(content) if turn % 2 else min(len(content), 120)
            for _ in range(generator.choice((1, 1, 3))):
                damaged[generator.randrange(until)] = generator.randrange(256)
        try:
            result = read(bytes(damaged))
        except InputError as error:
            refused += 1
            (line,) = str(error).splitlines()
            assert line.startswith("here: ")
        else:
            header = read_header(io.BytesIO(damaged), "here")
            assert result.size == (header.width, header.height)
            assert result.mode == ("L" if header.grey else "RGB")
            if turn < 80:  # only what is not of the first frame's pixels was cut off
                np.testing.assert_array_equal(np.asarray(result), whole)
    assert refused > 40


@pytest.mark.parametrize("name", ANY)
def test_a_header_is_read_without_the_pixels(
    name: str, real: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = ANY[name](real)
    loaded: list[str] = []
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: loaded.append(name))
    assert read_header(io.BytesIO(content), "here")[:2] == (48, 32)
    assert not loaded


@pytest.mark.parametrize(
    "error",
    [MemoryError(), KeyError("key"), struct.error("of\ntwo lines"), AssertionError(), zlib.error()],
)
def test_whatever_pillow_raises_is_an_input_error(
    error: Exception, real: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: ImageFile.ImageFile) -> None:
        raise error

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    line = refusal(encoded(real, "PNG"))
    assert ("more memory" if isinstance(error, MemoryError) else "damaged") in line


# Sources


@pytest.mark.parametrize("name", ANY)
def test_paths_and_streams_give_the_same(name: str, real: Image.Image, tmp_path: Path) -> None:
    content = ANY[name](real)
    path = tmp_path / "mit Leerzeichen, 日本 ü.dat"
    path.write_bytes(content)
    expected = read(content).tobytes()
    assert decode_image(path, "here").tobytes() == expected
    assert read_header(path, "here") == read_header(io.BytesIO(content), "here")
    with path.open("rb") as stream:
        stream.seek(5)
        assert decode_image(stream, "here").tobytes() == expected
        assert decode_image(stream, "here").tobytes() == expected
        assert not stream.closed


def test_a_stream_that_cannot_seek(real: Image.Image) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream, os.fdopen(writing, "wb") as end:
        end.write(encoded(real, "PNG"))
        end.close()
        assert decode_image(cast(BinaryIO, stream), "here").tobytes() == real.tobytes()


def test_threads_give_the_same(real: Image.Image) -> None:
    contents = [encode(real) for encode in ANY.values()] + [corrupt_exif(real)]
    contents += [sized(form, 10_000, 10_000) for form in FORMATS]

    target = Target(20, 24, "rgb", "fit_longest")

    def result(content: bytes) -> bytes:
        try:
            return load_image(io.BytesIO(content), "here", target).tobytes()
        except InputError as error:
            return str(error).encode()

    expected = [result(content) for content in contents]
    with warnings.catch_warnings(), ThreadPoolExecutor(8) as pool:
        warnings.simplefilter("error")
        assert list(pool.map(result, contents * 20)) == expected * 20
