"""Pixels: colours, how a picture is fitted to a size, and the types that a network takes."""

from typing import Literal, NamedTuple, TypeVar, get_args

import numpy as np
import numpy.typing as npt

Colour = Literal["rgb", "grey"]
CHANNELS: dict[Colour, int] = {"rgb": 3, "grey": 1}

Byte = TypeVar("Byte", np.uint8, np.int8)
# uint8 pixels, or int8 as `to_int8` gives them.
Images = npt.NDArray[np.uint8] | npt.NDArray[np.int8]

Resize = Literal["squash", "fit_shortest", "fit_longest"]
RESIZE_MODES: tuple[Resize, ...] = get_args(Resize)


class Normalization(NamedTuple):
    """What makes a network's real-valued input of a pixel: (pixel - offset) / scale.

    Attributes:
        offset: the pixel, 0 to 255, that becomes 0. A convolution's padding is 0, so it is the grey
            that a network sees around an image.
        scale: in pixels' units.
    """

    offset: int = 0
    scale: int = 255

    def __str__(self) -> str:
        """Such as `pixel / 255` or `(pixel - 127) / 128`."""
        return f"(pixel - {self.offset}) / {self.scale}" if self.offset else f"pixel / {self.scale}"


PLAIN = Normalization()


def colour_of(channels: int) -> Colour:
    """The colour that images of so many channels have.

    Raises:
        ValueError: neither 1 nor 3.
    """
    for colour, count in CHANNELS.items():
        if count == channels:
            return colour
    raise ValueError(f"images of {channels} channels are neither grey nor RGB")


def to_int8(images: Images) -> npt.NDArray[np.int8]:
    """Images as the INT8 network takes them: exactly `pixel - 128`, any shape."""
    return images.view(np.int8) if images.dtype == np.int8 else _top_bit_flipped(images, np.int8)


def to_uint8(images: Images) -> npt.NDArray[np.uint8]:
    """Images as pixels, 0 to 255, any shape."""
    return images.view(np.uint8) if images.dtype == np.uint8 else _top_bit_flipped(images, np.uint8)


def to_float32(images: Images, normalization: Normalization = PLAIN) -> npt.NDArray[np.float32]:
    """Images as an FP32 network takes them, any shape."""
    offset, scale = normalization
    pixels = to_uint8(images)
    from_zero = np.subtract(pixels, offset, dtype=np.float32) if offset else pixels
    return np.divide(from_zero, scale, dtype=np.float32)


def _top_bit_flipped(images: Images, dtype: type[Byte]) -> npt.NDArray[Byte]:
    # In two's complement that adds or subtracts 128.
    return (images.view(np.uint8) ^ np.uint8(128)).view(dtype)
