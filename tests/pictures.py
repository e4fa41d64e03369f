"""Real pictures, and files of them."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from spotimes.dataset.prepared import Split

Pixels = npt.NDArray[np.uint8]


def encoded(picture: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def sample(cifar10: dict[str, Split], width: int = 32, height: int = 32, place: int = 0) -> Pixels:
    """The upper left of a real image or, where more is asked for, of several in a row."""
    image = np.hstack(list(cifar10["test"].images[place : place + 4]))
    return np.ascontiguousarray(image[:height, :width])
