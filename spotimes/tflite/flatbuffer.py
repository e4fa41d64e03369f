"""Writes a model as the flatbuffer that a .tflite file is, each vector once.

TensorFlow Lite's own writer repeats equal vectors. The zero points alone, all 0, 8 bytes each and
two for each channel that a layer puts out, are an eighth of a small INT8 file. The format lets
tables share a vector, as it does a string; whoever reads the file sees no difference.
"""

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

IDENTIFIER = b"TFL3"


def packed(model: schema.ModelT) -> bytes:
    """Packs a model; equal models give equal bytes."""
    builder = _SharingBuilder(1024)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):  # type: ignore[misc]
    def __init__(self, initial_size: int) -> None:
        super().__init__(initial_size)
        self.vectors: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: npt.NDArray[np.generic]) -> int:  # noqa: N802  # flatbuffers' name
        key = x.dtype.str, x.tobytes()
        if key not in self.vectors:
            self.vectors[key] = super().CreateNumpyVector(x)
        return self.vectors[key]
