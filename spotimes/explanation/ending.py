"""The ending of a network whose logits are sums over the positions of its last feature map."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.inference.operators import Tensor
from spotimes.inference.verification import Graph, Operator

_NO_ACTIVATION = 0  # in the schema's ActivationFunctionType

Real = npt.NDArray[np.float32]


class Ending(NamedTuple):
    """Average pooling and one dense layer.

    Attributes:
        features: the index of the last feature map, of shape (1, rows, columns, channels).
        weights: the dense layer's, float32, shape (channels, classes).
        bias: likewise, shape (classes,).
    """

    features: int
    weights: Real
    bias: Real


def score_of(graph: Graph) -> int:
    """The index of the tensor that ranks the classes: softmax's input, or else the output."""
    maker = _makers(graph)[graph.outputs[0]]
    return maker.inputs[0] if maker.kind == "SOFTMAX" else maker.output


def ending_of(graph: Graph) -> Ending | None:
    """Finds the ending; None if the network has another one."""
    makers = _makers(graph)
    dense = makers.get(score_of(graph))
    if dense is None or dense.kind != "FULLY_CONNECTED":
        return None
    pooling = makers.get(dense.inputs[0])
    if (
        dense.options.fused_activation_function != _NO_ACTIVATION
        or pooling is None
        or pooling.kind != "MEAN"
        or pooling.inputs[0] not in makers
    ):
        return None
    pooled, weights, *bias = (graph.tensors[index] for index in dense.inputs)
    return Ending(pooling.inputs[0], _weights(weights).T, _bias(bias, weights, pooled))


def real(tensor: Tensor, values: npt.NDArray[np.int8] | Real) -> Real:
    """The real values of a computed tensor's."""
    if tensor.dtype == "float32":
        return values.astype(np.float32)
    from_zero = values.astype(np.float32) - np.float32(tensor.zero_point[0])
    return from_zero * np.float32(tensor.scale[0])


def step_of(tensor: Tensor) -> float:
    """By how much an int8 tensor's real values differ at least; 0 of a float32 one."""
    return float(tensor.scale[0]) if tensor.dtype == "int8" else 0.0


def _weights(tensor: Tensor) -> Real:
    """In their shape, (classes, channels)."""
    assert tensor.values is not None
    values: Real = tensor.values.reshape(tensor.shape).astype(np.float32)
    if not len(tensor.scale):
        return values
    return values * tensor.scale[:, np.newaxis].astype(np.float32)


def _bias(bias: list[Tensor], weights: Tensor, pooled: Tensor) -> Real:
    if not bias:
        return np.zeros(weights.shape[0], np.float32)
    assert bias[0].values is not None
    values: Real = bias[0].values.astype(np.float32)
    if pooled.dtype == "float32":
        return values
    # As the kernels take it, whatever scale the bias itself is said to have.
    scales: Real = (pooled.scale[0] * weights.scale).astype(np.float32)
    return values * scales


def _makers(graph: Graph) -> dict[int, Operator]:
    return {operator.output: operator for operator in graph.operators}
