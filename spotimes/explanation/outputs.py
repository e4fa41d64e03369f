"""Gives a .tflite file other outputs: inner tensors, computed by the kernels that answer.

An output is kept by every kernel: with inner tensors among the outputs, XNNPACK gives the same
answers, to the byte, for CIFAR-10's 10,000 test images. LiteRT's other way is to preserve all
tensors. With TensorFlow Lite's own kernels, which are made for that, 83 of these images get another
class; with XNNPACK it takes more memory, and warns that it is meant for debugging.
"""

import struct
from collections.abc import Sequence

_GRAPHS, _OUTPUTS = 2, 2  # the fields' numbers in the schema's tables Model and SubGraph
_OFFSET = 4  # bytes of an offset, and of a vector's length
_DIRECTORY = 4  # bytes before a directory's first entry


def with_outputs(content: bytes, outputs: Sequence[int]) -> bytes:
    """Writes a .tflite file with other outputs.

    Args:
        content: the file, verified (`spotimes.inference.verification`).
        outputs: indices of tensors that are computed, each once.

    Returns:
        The file. What was behind the flatbuffer stays where it was.

    Example:
        >>> content, graph = read_verified(Path("models/model_int8.tflite"))
        >>> content = with_outputs(content, [operator.output for operator in graph.operators])
    """
    changed = bytearray(content)
    graphs = _follow(changed, _field(changed, _follow(changed, 0), _GRAPHS))
    slot = _field(changed, _follow(changed, graphs + _OFFSET), _OUTPUTS)
    changed += bytes(-len(changed) % _OFFSET)
    # An offset counts from where it is written, and leads forward: so to the file's end, too.
    struct.pack_into("<I", changed, slot, len(changed) - slot)
    return bytes(changed) + struct.pack(f"<{1 + len(outputs)}I", len(outputs), *outputs)


def _follow(content: bytearray, position: int) -> int:
    (offset,) = struct.unpack_from("<I", content, position)
    return position + int(offset)


def _field(content: bytearray, table: int, number: int) -> int:
    (back,) = struct.unpack_from("<i", content, table)
    (offset,) = struct.unpack_from("<H", content, table - back + _DIRECTORY + 2 * number)
    return table + int(offset)
