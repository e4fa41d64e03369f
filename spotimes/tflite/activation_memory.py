"""Which operator of a model needs the most RAM at once."""

import math
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


class Need(NamedTuple):
    """What must be in RAM while an operator runs.

    Attributes:
        operator: its name in TensorFlow Lite's schema.
        bytes: of all activations that it reads or writes, or that a later one still needs.
    """

    operator: str
    bytes: int


def by_operator(file: TFLiteFile) -> list[Need]:
    """Counts each operator's, in their order.

    A tensor lives from the operator that writes it to the last that reads it. The highest of these
    sums is what no plan of the memory can go below; the arena adds the runtime's own structures.
    """
    operators = list(file.operator_names())
    written: dict[int, int] = dict.fromkeys(map(int, file.graph.inputs), 0)
    read: dict[int, int] = {}
    for place, operator in enumerate(file.graph.operators):
        for tensor in map(int, operator.outputs):
            written.setdefault(tensor, place)
            read.setdefault(tensor, place)
        for tensor in map(int, operator.inputs):
            if tensor in written:  # else it is a constant, which lies in flash
                read[tensor] = place
    for tensor in map(int, file.graph.outputs):
        read[tensor] = len(operators) - 1
    needs = np.zeros(len(operators), np.int64)
    for tensor, first in written.items():
        details = file.graph.tensors[tensor]
        size = math.prod(int(side) for side in details.shape) * WIDTHS[details.type]
        needs[first : read.get(tensor, first) + 1] += size
    return [Need(name, int(size)) for name, size in zip(operators, needs, strict=True)]
