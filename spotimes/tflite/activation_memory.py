"""The RAM that activations occupy while each operator of a model runs."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from spotimes.tflite.tflite_file import TFLiteFile

WIDTHS = {
    schema.TensorType.FLOAT32: 4,
    schema.TensorType.INT32: 4,
    schema.TensorType.INT16: 2,
    schema.TensorType.INT8: 1,
    schema.TensorType.UINT8: 1,
}


class OperatorMemory(NamedTuple):
    """What must be in RAM while an operator runs.

    Attributes:
        operator: its name in TensorFlow Lite's schema.
        bytes: of all activations that it reads or writes, or that a later one still needs.
    """

    operator: str
    bytes: int


def of_file(path: Path) -> list[OperatorMemory]:
    """Counts each operator's of a .tflite file, in their order."""
    return by_operator(TFLiteFile(path.read_bytes()))


def by_operator(file: TFLiteFile) -> list[OperatorMemory]:
    """Counts each operator's, in their order.

    A tensor lives from the operator that writes it to the last that reads it. The highest of these
    sums is what no plan of the memory can go below; the arena adds the runtime's own structures.
    """
    operators = list(file.operator_names())
    written: dict[int, int] = dict.fromkeys(map(int, file.graph.inputs), 0)
    read: dict[int, int] = {}
    for index, operator in enumerate(file.graph.operators):
        for tensor in map(int, operator.outputs):
            written.setdefault(tensor, index)
            read.setdefault(tensor, index)
        for tensor in map(int, operator.inputs):
            if tensor in written:  # else it is a constant, which lies in flash
                read[tensor] = index
    for tensor in map(int, file.graph.outputs):
        read[tensor] = len(operators) - 1
    occupied = np.zeros(len(operators), np.int64)
    for tensor, first in written.items():
        details = file.graph.tensors[tensor]
        size = math.prod(int(side) for side in details.shape) * WIDTHS[details.type]
        occupied[first : read.get(tensor, first) + 1] += size
    return [OperatorMemory(name, int(size)) for name, size in zip(operators, occupied, strict=True)]
