"""Brings a picture to the size and colour that a network takes.

`prepare` and the app on the device both call `load`, so that a network sees the pixels that
it was trained with.
"""

from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from spotimes.pixels import CHANNELS, RESIZE_MODES, Colour, Resize
from spotimes.preprocessing.decode import decode
from spotimes.preprocessing.opening import MAX_PIXELS, too_little_memory
from spotimes.preprocessing.wide import Range

_MODES = {"rgb": "RGB", "grey": "L"}


class Wanted(Protocol):
    """What an image is to become. A model's `Contract` is one, and so is `Target`."""

    @property
    def height(self) -> int:
        """In pixels."""

    @property
    def width(self) -> int:
        """In pixels."""

    @property
    def colour(self) -> Colour:
        """`rgb`, or `grey` (ITU-R 601-2's luma)."""

    @property
    def resize(self) -> Resize:
        """How a picture of another size is fitted, as `resize_image` says."""

    @property
    def range(self) -> Range | None:
        """What becomes black and white of pixels of more than 8 bits, as `decode` says."""


class Target(NamedTuple):
    """What a dataset's images are to become.

    Attributes:
        height: In pixels.
        width: In pixels.
        colour: `rgb` or `grey`.
        resize: How a picture of another size is fitted, as `resize_image` says.
        range: What becomes black and white of pixels of more than 8 bits, as `decode` says.
    """

    height: int
    width: int
    colour: Colour
    resize: Resize
    range: Range | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.height, self.width, CHANNELS[self.colour]


class Loaded(NamedTuple):
    """A picture as an image of a network.

    Attributes:
        image: uint8 of shape (height, width, channels).
        missing_rows: How many of the picture's rows are not there, since its file is cut off.
    """

    image: npt.NDArray[np.uint8]
    missing_rows: int


def load_image(
    source: Path | BinaryIO, where: str, wanted: Wanted, *, max_pixels: int = MAX_PIXELS
) -> npt.NDArray[np.uint8]:
    """The image of a whole picture, as `load` makes it.

    For example, `load_image(Path("cat.jpg"), "cat.jpg", Target(32, 32, "rgb", "squash"))`.
    """
    return load(source, where, wanted, max_pixels=max_pixels).image


def load(
    source: Path | BinaryIO,
    where: str,
    wanted: Wanted,
    *,
    max_pixels: int = MAX_PIXELS,
    least_rows: float = 1,
) -> Loaded:
    """Decodes a picture and resizes it, as all images of a network are.

    Args:
        source: A file's path, or a stream, which is read from its beginning and left open.
        where: The file's name in messages.
        wanted: Size, colour, resize mode, and range.
        max_pixels: As for `decode`.
        least_rows: As for `decode`.

    Raises:
        InputError: As for `decode`.
        ValueError: As for `resize_image`.
    """
    decoded = decode(source, where, max_pixels, chosen_range=wanted.range, least_rows=least_rows)
    try:
        return Loaded(resize_image(decoded.picture, wanted), decoded.missing_rows)
    except MemoryError as error:
        raise too_little_memory(where) from error


def resize_image(picture: Image.Image, wanted: Wanted) -> npt.NDArray[np.uint8]:
    """Resizes a picture; one that has the size already keeps its exact pixels.

    The resize mode "squash" stretches the picture to the size. "fit_shortest" scales it until it
    just covers the size, and cuts out the middle. "fit_longest" scales it until it just fits in,
    and fills the rest with black.

    Args:
        picture: In mode "L" or "RGB".
        wanted: Size, colour and resize mode.

    Returns:
        uint8 of shape (height, width, channels), with 3 channels or 1.

    Raises:
        ValueError: There is no such colour or resize mode.
    """
    height, width = wanted.height, wanted.width
    if wanted.colour not in _MODES or wanted.resize not in RESIZE_MODES:
        raise ValueError(f"no such colour or resize mode: {wanted.colour!r}, {wanted.resize!r}")
    mode = _MODES[wanted.colour]
    if picture.mode != mode:
        picture = picture.convert(mode)
    across, down = picture.size
    wider = _wider(across, down, wanted)
    bilinear = Image.Resampling.BILINEAR
    if picture.size == (width, height):
        result = picture
    elif wanted.resize == "fit_shortest":
        box = _cut(across, down, wanted)
        result = picture.resize((width, height), bilinear, box=box)
    elif wanted.resize == "fit_longest" and wider != 0:
        left, top, new_width, new_height = _fitted(across, down, wanted)
        result = Image.new(mode, (width, height))
        result.paste(picture.resize((new_width, new_height), bilinear), (left, top))
    else:
        result = picture.resize((width, height), bilinear)
    # Takes half of the time that `np.array` takes, which asks the picture for these bytes, too.
    return np.frombuffer(result.tobytes(), np.uint8).reshape(height, width, -1).copy()


def seen_of(size: tuple[int, int], wanted: Wanted) -> tuple[float, float, float, float]:
    """The part of a picture that `resize_image` shows: left, top, right and bottom in its pixels.

    With "fit_longest" it reaches beyond the picture, by what is black.

    Args:
        size: The picture's width and height.
        wanted: Size and resize mode.
    """
    across, down = size
    if wanted.resize == "fit_shortest":
        return _cut(across, down, wanted)
    if wanted.resize == "fit_longest":
        left, top, width, height = _fitted(across, down, wanted)
        return (
            -left * across / width,
            -top * down / height,
            (wanted.width - left) * across / width,
            (wanted.height - top) * down / height,
        )
    return 0, 0, across, down


def _wider(across: int, down: int, wanted: Wanted) -> int:
    """By how much it is wider than wanted (negative: higher), as a difference of products."""
    return across * wanted.height - down * wanted.width


def _cut(across: int, down: int, wanted: Wanted) -> tuple[int, int, int, int]:
    """The middle of a picture that has the proportions which are wanted."""
    height, width, wider = wanted.height, wanted.width, _wider(across, down, wanted)
    cut_across = _quotient(down * width, height) if wider > 0 else across
    cut_down = _quotient(across * height, width) if wider < 0 else down
    left, top = (across - cut_across) // 2, (down - cut_down) // 2
    return left, top, left + cut_across, top + cut_down


def _fitted(across: int, down: int, wanted: Wanted) -> tuple[int, int, int, int]:
    """Left, top, width and height within the image of a picture that just fits into it."""
    height, width, wider = wanted.height, wanted.width, _wider(across, down, wanted)
    new_width = width if wider >= 0 else _quotient(across * height, down)
    new_height = height if wider <= 0 else _quotient(down * width, across)
    return (width - new_width) // 2, (height - new_height) // 2, new_width, new_height


def _quotient(dividend: int, divisor: int) -> int:
    """The nearest whole number, halves up; at least 1."""
    return max(1, (2 * dividend + divisor) // (2 * divisor))
