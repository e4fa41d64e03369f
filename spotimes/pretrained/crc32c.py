"""CRC-32C, the checksum in TensorFlow's checkpoints, in NumPy: 19 MB take about a second.

Neither Python nor NumPy has this CRC, and a byte at a time takes Python ten times as long. A CRC is
linear: the data are cut into lanes of the same length, which advance together, and then each lane's
end is moved past the lanes behind it.
"""

import functools
import math
import operator
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

POLYNOMIAL = 0x82F63B78  # Castagnoli's, with its bits reversed (RFC 3720, appendix B.4)
ONES = 0xFFFFFFFF
BITS = 32
MASK = 0xA282EAD8


def crc32c(data: bytes) -> int:
    """The checksum of all bytes, 32 bits."""
    width = math.isqrt(len(data))
    lanes = len(data) // max(width, 1)
    columns = np.zeros((width, lanes + BITS), np.uint8)
    body = np.frombuffer(data, np.uint8, lanes * width)
    columns[:, :lanes] = body.reshape(lanes, width).T
    # The last lanes, of zero bytes, show where each bit of a state goes in the length of a lane.
    states = np.zeros(lanes + BITS, np.uint32)
    states[:1] = ONES
    states[lanes:] = 1 << np.arange(BITS, dtype=np.uint32)
    for column in columns:
        states = _TABLE[(states ^ column) & 0xFF] ^ (states >> 8)
    ends, moved = states[:lanes].tolist(), states[lanes:].tolist()
    state = functools.reduce(lambda state, end: _moved(state, moved) ^ end, ends, 0)
    for byte in data[lanes * width :]:
        state = int(_TABLE[(state ^ byte) & 0xFF]) ^ (state >> 8)
    return state ^ ONES if data else 0


def masked(crc: int) -> int:
    """As TensorFlow and LevelDB store it, lest the CRC of what holds a CRC be a special one."""
    return ((crc >> 15 | crc << 17) + MASK) & ONES


def _moved(state: int, moved: Sequence[int]) -> int:
    bits = (image for bit, image in enumerate(moved) if state >> bit & 1)
    return functools.reduce(operator.xor, bits, 0)


def _remainders() -> npt.NDArray[np.uint32]:
    table: npt.NDArray[np.uint32] = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ POLYNOMIAL, table >> 1).astype(np.uint32)
    return table


_TABLE = _remainders()
