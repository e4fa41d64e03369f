"""Small models with every kind of operator that a network of Spotimes has, without TensorFlow."""

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from spotimes.inference.contract import Contract
from spotimes.tflite import flatbuffer
from spotimes.tflite.metadata import embedded

CONTRACT = Contract(("cat", "dog", "frog"), 6, 5, "rgb")
CODES = schema.BuiltinOperator
TYPES = schema.TensorType


class Graph:
    """A graph in the making."""

    def __init__(self, quantized: bool) -> None:
        self.quantized = quantized
        self.generator = np.random.default_rng(1)
        self.buffers = [schema.BufferT()]
        self.tensors: list[Any] = []
        self.codes: list[int] = []
        self.operators: list[Any] = []

    def computed(self, *shape: int, scale: float = 0.02, zero_point: int = -128) -> int:
        """A tensor that is computed, or the input."""
        kind = TYPES.INT8 if self.quantized else TYPES.FLOAT32
        return self._tensor(
            shape=shape,
            kind=kind,
            buffer=0,
            scale=[scale] if self.quantized else None,
            zero_points=[zero_point],
        )

    def constant(self, values: Any, scale: list[float] | None = None, axis: int = 0) -> int:
        kinds = {"float32": TYPES.FLOAT32, "int8": TYPES.INT8, "int32": TYPES.INT32}
        self.buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
        return self._tensor(
            shape=values.shape,
            kind=kinds[values.dtype.name],
            buffer=len(self.buffers) - 1,
            scale=scale,
            zero_points=[0] * len(scale or []),
            axis=axis,
        )

    def weights(self, shape: tuple[int, ...], axis: int) -> list[int]:
        """A kernel and its bias."""
        channels = shape[axis]
        if not self.quantized:
            kernel = self.generator.normal(size=shape).astype(np.float32)
            return [self.constant(kernel), self.constant(np.zeros(channels, np.float32))]
        kernel = self.generator.integers(-127, 128, shape, np.int8)
        scale = [0.01 + 0.001 * channel for channel in range(channels)]
        bias = np.arange(channels, dtype=np.int32)
        return [
            self.constant(kernel, scale, axis),
            self.constant(bias, [0.02 * each for each in scale]),
        ]

    def operator(self, code: int, inputs: list[int], output: int, kind: int, options: Any) -> int:
        if code not in self.codes:
            self.codes.append(code)
        self.operators.append(
            schema.OperatorT(
                opcodeIndex=self.codes.index(code),
                inputs=inputs,
                outputs=[output],
                builtinOptionsType=kind,
                builtinOptions=options,
            )
        )
        return output

    def packed(self, first: int, last: int, contract: Contract = CONTRACT) -> bytes:
        codes = [
            schema.OperatorCodeT(deprecatedBuiltinCode=code, builtinCode=code, version=3)
            for code in self.codes
        ]
        graph = schema.SubGraphT(
            tensors=self.tensors, inputs=[first], outputs=[last], operators=self.operators
        )
        model = schema.ModelT(
            version=3, operatorCodes=codes, subgraphs=[graph], buffers=self.buffers
        )
        return embedded(flatbuffer.packed(model), contract)

    def _tensor(
        self,
        *,
        shape: tuple[int, ...],
        kind: int,
        buffer: int,
        scale: list[float] | None,
        zero_points: list[int],
        axis: int = 0,
    ) -> int:
        quantization = None
        if scale is not None:
            quantization = schema.QuantizationParametersT(
                scale=scale, zeroPoint=zero_points, quantizedDimension=axis
            )
        self.tensors.append(
            schema.TensorT(
                shape=list(shape), type=kind, buffer=buffer, quantization=quantization, hasRank=True
            )
        )
        return len(self.tensors) - 1


def small_model(quantized: bool, contract: Contract = CONTRACT) -> bytes:
    """Images of 6 x 5 in colour, three classes; INT8 or FP32."""
    graph = Graph(quantized)
    conv = schema.Conv2DOptionsT(padding=0, strideW=1, strideH=2, fusedActivationFunction=1)
    depthwise = schema.DepthwiseConv2DOptionsT(
        padding=1, strideW=1, strideH=1, depthMultiplier=1, fusedActivationFunction=3
    )
    kinds = schema.BuiltinOptions
    image = graph.computed(1, 6, 5, 3, scale=1 / 255)
    step: Callable[..., int] = graph.operator
    x = step(
        CODES.CONV_2D,
        [image, *graph.weights((4, 3, 3, 3), 0)],
        graph.computed(1, 3, 5, 4),
        kinds.Conv2DOptions,
        conv,
    )
    relu = step(CODES.RELU, [x], graph.computed(1, 3, 5, 4), 0, None)
    relu6 = step(CODES.RELU6, [relu], graph.computed(1, 3, 5, 4), 0, None)
    x = step(
        CODES.ADD, [relu6, x], graph.computed(1, 3, 5, 4), kinds.AddOptions, schema.AddOptionsT()
    )
    x = step(
        CODES.DEPTHWISE_CONV_2D,
        [x, *graph.weights((1, 3, 3, 4), 3)],
        graph.computed(1, 1, 3, 4),
        kinds.DepthwiseConv2DOptions,
        depthwise,
    )
    axes = graph.constant(np.array([1, 2], np.int32))
    x = step(
        CODES.MEAN, [x, axes], graph.computed(1, 4), kinds.ReducerOptions, schema.ReducerOptionsT()
    )
    x = step(
        CODES.FULLY_CONNECTED,
        [x, *graph.weights((3, 4), 0)],
        graph.computed(1, 3),
        kinds.FullyConnectedOptions,
        schema.FullyConnectedOptionsT(),
    )
    softmax = schema.SoftmaxOptionsT(beta=1.0)
    output = graph.computed(1, 3, scale=1 / 256)
    probabilities = step(CODES.SOFTMAX, [x], output, kinds.SoftmaxOptions, softmax)
    return graph.packed(image, probabilities, contract)
