"""IDX, the format of MNIST and of the datasets that take its place.

A file is a magic number, then a size for each dimension, then a byte for each element, the last
dimension fastest; numbers are big-endian and of four bytes (http://yann.lecun.com/exdb/mnist/).
"""

import math
import struct

import numpy as np
import numpy.typing as npt

from spotimes.errors import InputError

UNSIGNED_BYTES = 0x800  # plus the number of dimensions: the magic number


def images(content: bytes, where: str) -> npt.NDArray[np.uint8]:
    """Reads grey images.

    Args:
        content: the whole file.
        where: what the message begins with.

    Returns:
        uint8 of shape (images, height, width, 1), read-only.

    Raises:
        InputError: it is no whole IDX file of three dimensions.
    """
    return _array(content, 3, where)[..., np.newaxis]


def labels(content: bytes, where: str) -> npt.NDArray[np.int64]:
    """Reads labels.

    Args:
        content: the whole file.
        where: what the message begins with.

    Returns:
        int64 of shape (images,).

    Raises:
        InputError: it is no whole IDX file of one dimension.
    """
    return _array(content, 1, where).astype(np.int64)


def _array(content: bytes, dimensions: int, where: str) -> npt.NDArray[np.uint8]:
    header = struct.Struct(f">I{dimensions}I")
    magic = UNSIGNED_BYTES + dimensions
    if len(content) < header.size:
        raise InputError(f"{where}: {len(content)} bytes, not even an IDX header of {header.size}")
    found, *shape = header.unpack_from(content)
    if found != magic:
        raise InputError(f"{where}: begins with {found:#010x}, not with IDX' {magic:#010x}")
    if len(content) != header.size + math.prod(shape):
        raise InputError(
            f"{where}: {len(content)} bytes, not the {header.size + math.prod(shape)} that its "
            f"header of {' x '.join(map(str, shape))} promises"
        )
    return np.frombuffer(content, np.uint8, offset=header.size).reshape(shape)
