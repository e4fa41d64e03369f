"""The softmax at the end of a .tflite file: how steep it is, and what it reads.

Its `beta` multiplies the logits: one over the temperature (Guo et al. 2017, arXiv:1706.04599).
"""

import struct
from typing import NamedTuple

from ai_edge_litert import schema_py_generated as schema

from spotimes.errors import InputError

_BETA = 4  # of SoftmaxOptions' fields, in the flatbuffer


class Softmax(NamedTuple):
    """A file's last layer.

    Attributes:
        beta: what it multiplies the logits by.
        scale: what a step of INT8 logits is worth; 0 of an FP32 file.
    """

    beta: float
    scale: float


def read(content: bytes) -> Softmax:
    """Reads the softmax of an image classifier's file.

    Raises:
        InputError: its last layer is none.
    """
    graph, operator = _last_operator(content)
    quantization = graph.Tensors(operator.Inputs(0)).Quantization()
    (beta,) = struct.unpack_from("<f", content, _beta_at(operator))
    scale = float(quantization.Scale(0)) if quantization and quantization.ScaleLength() else 0.0
    return Softmax(beta, scale)


def with_beta(content: bytes, beta: float) -> bytes:
    """The file with another beta, and all other bytes as they are.

    Raises:
        InputError: as `read`.
    """
    changed = bytearray(content)
    struct.pack_into("<f", changed, _beta_at(_last_operator(content)[1]), beta)
    return bytes(changed)


def _last_operator(content: bytes) -> tuple[schema.SubGraph, schema.Operator]:
    model = schema.Model.GetRootAs(content)
    graph = model.Subgraphs(0)
    operator = graph.Operators(graph.OperatorsLength() - 1)
    code = model.OperatorCodes(operator.OpcodeIndex())
    if max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) != schema.BuiltinOperator.SOFTMAX:
        raise InputError("the model's last layer is no softmax, so it has no temperature")
    return graph, operator


def _beta_at(operator: schema.Operator) -> int:
    options = operator.BuiltinOptions()
    field = options.Offset(_BETA)
    if not field:  # the schema's default, which no kernel takes
        raise InputError("the model's softmax has a beta of 0")
    return int(options.Pos + field)
