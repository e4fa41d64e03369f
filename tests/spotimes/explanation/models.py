"""Models that end in other ways than those of Spotimes."""

from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.fuzz.small_models import CODES, CONTRACT, Graph

KINDS = schema.BuiltinOptions


def with_ending(path: Path, *endings: str, quantized: bool = True) -> Path:
    """Writes a model of small_models' contract: a convolution, pooling, and what is named.

    Args:
        path: the file to write.
        endings: `dense`, `dense with relu` and `softmax`, in the operators' order.
        quantized: INT8, or else FP32.
    """
    graph = Graph(quantized)
    image = graph.computed(1, CONTRACT.height, CONTRACT.width, 3, scale=1 / 255)
    step = graph.operator
    features = step(
        CODES.CONV_2D,
        [image, *graph.weights((3, 3, 3, 3), 0)],
        graph.computed(1, CONTRACT.height, CONTRACT.width, 3),
        KINDS.Conv2DOptions,
        schema.Conv2DOptionsT(padding=0, strideW=1, strideH=1, fusedActivationFunction=1),
    )
    axes = graph.constant(np.array([1, 2], np.int32))
    last = step(
        CODES.MEAN,
        [features, axes],
        graph.computed(1, 3),
        KINDS.ReducerOptions,
        schema.ReducerOptionsT(),
    )
    for ending in endings:
        if ending == "softmax":
            output = graph.computed(1, 3, scale=1 / 256)
            options = schema.SoftmaxOptionsT(beta=1.0)
            last = step(CODES.SOFTMAX, [last], output, KINDS.SoftmaxOptions, options)
        else:
            dense = schema.FullyConnectedOptionsT(fusedActivationFunction=int("relu" in ending))
            last = step(
                CODES.FULLY_CONNECTED,
                [last, *graph.weights((3, 3), 0)],
                graph.computed(1, 3, scale=0.1, zero_point=0),
                KINDS.FullyConnectedOptions,
                dense,
            )
    path.write_bytes(graph.packed(image, last))
    return path
