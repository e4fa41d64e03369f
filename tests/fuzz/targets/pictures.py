"""Picture files and .npy tensors, as `predict` and `prepare` read them."""

import functools
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis.strategies import SearchStrategy
from PIL import Image

from app.inputs import NPY, found
from spotimes.errors import InputError
from spotimes.inference.contract import Contract
from spotimes.preprocessing.decode import decode, read_header, read_values
from spotimes.preprocessing.resize import Target as Size
from spotimes.preprocessing.resize import load_image
from tests.fuzz.mutation import mutated
from tests.fuzz.promise import BrokenError
from tests.fuzz.target import Check, Target

SIZES = (
    Size(8, 12, "rgb", "fit_shortest"),
    Size(9, 5, "grey", "fit_longest"),
    Size(8, 8, "rgb", "squash", (100, 4000)),
)
CONTRACT = Contract(("cat", "dog"), 8, 12, "rgb")
ENCODINGS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("PNG", "RGB", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "LA", {}),
    ("PNG", "P", {"transparency": 3}),
    ("PNG", "I;16", {}),
    ("PNG", "1", {}),
    ("JPEG", "RGB", {}),
    ("JPEG", "L", {"progressive": True}),
    ("JPEG", "CMYK", {}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("BMP", "RGB", {}),
    ("BMP", "P", {}),
    ("GIF", "P", {"save_all": True, "append_images": [Image.new("P", (9, 30))]}),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "L", {"compression": "tiff_adobe_deflate"}),
    ("TIFF", "I;16", {}),
    ("TIFF", "1", {"compression": "group4"}),
    ("TIFF", "RGB", {"compression": "jpeg"}),
    ("PPM", "RGB", {}),
    ("PPM", "L", {}),
    ("AVIF", "RGB", {"speed": 10}),
)
PIECES = (
    *(b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"acTL", b"fdAT", b"IEND", b"iCCP", b"zTXt"),
    *(b"\xff\xd8", b"\xff\xc0", b"\xff\xc2", b"\xff\xda", b"\xff\xe1", b"Exif\0\0", b"MPF\0"),
    *(b"\xff\xdd\0\4\0\1", b"\xff\xd0", b"\xff\xd9", b"ftypavif", b"ftypheic", b"mdat", b"ispe"),
    *(b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ANMF", b"EXIF", b"GIF89a", b"NETSCAPE2.0", b"!\xf9\4"),
    *(
        b"II*\0",
        b"MM\0*",
        b"P5\n9 9\n255\n",
        b"P3 99999 9999 65535 ",
        b"P7\n",
        b"{'descr': '|u1', ",
    ),
)


@functools.cache
def seeds() -> list[bytes]:
    generator = np.random.default_rng(1)
    colour = Image.fromarray(generator.integers(0, 256, (13, 17, 4), np.uint8), "RGBA")
    exif = Image.Exif()
    exif[0x112] = 6
    pictures = []
    for form, mode, options in ENCODINGS:
        if mode == "I;16":
            picture = Image.fromarray(generator.integers(0, 65536, (13, 17), np.uint16))
        else:
            picture = colour.convert("RGB").convert(mode) if mode in ("1", "CMYK") else colour
            picture = picture.convert(mode) if picture.mode != mode else picture
        extra = {"exif": exif} if form in ("PNG", "JPEG", "WEBP") else {}
        stream = io.BytesIO()
        picture.save(stream, form, **(options | extra))
        pictures.append(stream.getvalue())
    for tensor in (np.zeros((8, 12, 3), np.uint8), np.zeros((2, 8, 12, 3), np.int8)):
        stream = io.BytesIO()
        np.save(stream, tensor)
        pictures.append(stream.getvalue())
    return pictures


def inputs() -> SearchStrategy[bytes]:
    return mutated(seeds(), PIECES)


@contextmanager
def checking(folder: Path) -> Iterator[Check]:
    file = folder / "tensor"

    def check(content: bytes) -> None:
        if content.startswith(NPY):
            file.write_bytes(content)
            for item in found([str(file)], CONTRACT).items[:3]:
                if item.load().shape != CONTRACT.image_shape:
                    raise BrokenError("a tensor of another shape was accepted")
            return
        header = read_header(io.BytesIO(content), "it")
        if min(header.width, header.height) < 1:
            raise BrokenError(f"the header gives {header}")
        for size in SIZES:
            pixels = load_image(io.BytesIO(content), "it", size)
            if pixels.shape != size.shape:
                raise BrokenError(f"it has become {pixels.shape}")
        if header.wide:
            values = read_values(io.BytesIO(content), "it")
            if values.low > values.high:
                raise BrokenError(f"its values are {values}")

    def check_cut_off(content: bytes) -> None:
        try:
            check(content)
        except InputError as error:
            if "is cut off" in str(error):
                decoded = decode(io.BytesIO(content), "it", least_rows=0)
                if not 0 < decoded.missing_rows < decoded.picture.height + decoded.picture.width:
                    raise BrokenError(f"{decoded.missing_rows} rows are missing") from error
            raise

    yield check_cut_off


TARGET = Target("pictures", "", seeds, inputs, checking)
