"""What a model computes, without TensorFlow Lite's terms: a chain of layers on INT8 feature maps.

`read` takes an INT8 .tflite file apart. Real factors are fixed-point multipliers by then, and an
input's zero point is part of the biases, so what is left are integers alone.

    >>> network = read(Path("models/model_int8.tflite").read_bytes(), "models/model_int8.tflite")
    >>> [type(layer).__name__ for layer in network.layers][:2]
    ['Convolution', 'Convolution']
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.errors import InputError
from spotimes.export.arithmetic import (
    HIGHEST,
    LOWEST,
    Factor,
    activation_range,
    clamped,
    divided,
    factor,
    scaled,
    softmax_exponentials,
)
from spotimes.inference.flatbuffer import Reader
from spotimes.inference.operators import SAME
from spotimes.inference.tflite_schema import DTYPES, IDENTIFIER, KINDS, MODEL
from spotimes.inference.verification import verify

ADDITION_SHIFT = 20  # what an addition's terms are shifted to the left by, for precision
MOST_CLASSES = 4095  # the sum of more exponentials overflows in the kernels


class Map(NamedTuple):
    """A feature map: rows of pixels of channels, of int8.

    Attributes:
        height: in rows.
        width: in pixels.
        channels: of a pixel.
        zero_point: the value that stands for 0.
    """

    height: int
    width: int
    channels: int
    zero_point: int

    @property
    def row_bytes(self) -> int:
        """How many bytes a row takes."""
        return self.width * self.channels

    @property
    def bytes(self) -> int:
        """How many bytes all rows take."""
        return self.height * self.row_bytes


class Window(NamedTuple):
    """Which pixels of its input an output pixel is made of.

    Attributes:
        height: of the kernel, in rows.
        width: of the kernel, in pixels.
        stride_y: rows from one output row's window to the next one's.
        stride_x: likewise, in pixels.
        top: rows of padding above.
        left: pixels of padding on the left.
    """

    height: int
    width: int
    stride_y: int
    stride_x: int
    top: int
    left: int


class Scaling(NamedTuple):
    """What makes an INT8 output of each channel's sum.

    Attributes:
        factors: one a channel.
        lowest: the smallest output.
        highest: the largest.
    """

    factors: list[Factor]
    lowest: int
    highest: int


class Convolution(NamedTuple):
    """A convolution over all channels; a dense layer is one of a single pixel.

    Attributes:
        sources: the index of the map that it reads.
        target: of the map that it writes.
        window: where it reads.
        weights: int8, shape (outputs, height, width, inputs).
        biases: int32, with the input's zero point accounted for.
        scaling: of its sums.
    """

    sources: tuple[int]
    target: int
    window: Window
    weights: npt.NDArray[np.int8]
    biases: npt.NDArray[np.int32]
    scaling: Scaling


class Depthwise(NamedTuple):
    """A convolution of each channel alone.

    Attributes:
        sources: the index of the map that it reads.
        target: of the map that it writes.
        window: where it reads.
        weights: int8, shape (height, width, channels).
        biases: int32, with the input's zero point accounted for.
        scaling: of its sums.
    """

    sources: tuple[int]
    target: int
    window: Window
    weights: npt.NDArray[np.int8]
    biases: npt.NDArray[np.int32]
    scaling: Scaling


class Addition(NamedTuple):
    """The sum of two maps of one shape.

    Attributes:
        sources: the indices of the maps that it reads.
        target: of the map that it writes.
        terms: the factors of both, from which they are shifted left by `ADDITION_SHIFT` before.
        scaling: of the sum.
    """

    sources: tuple[int, int]
    target: int
    terms: tuple[Factor, Factor]
    scaling: Scaling


class Lookup(NamedTuple):
    """A rectifier: an output for each value of its input.

    Attributes:
        sources: the index of the map that it reads.
        target: of the map that it writes.
        table: the outputs of -128 to 127.
    """

    sources: tuple[int]
    target: int
    table: list[int]


class Mean(NamedTuple):
    """The mean of each channel over all pixels.

    Attributes:
        sources: the index of the map that it reads.
        target: of the map, of one pixel, that it writes.
        scaling: of the sums, from which the zero points of all pixels are taken before.
    """

    sources: tuple[int]
    target: int
    scaling: Scaling


class Softmax(NamedTuple):
    """Probabilities of logits.

    Attributes:
        sources: the index of the map that it reads, of one pixel.
        target: of the map that it writes.
        exponentials: of what a logit is less than the largest, by its INT8 difference, in Q0.31.
    """

    sources: tuple[int]
    target: int
    exponentials: list[int]


Layer = Convolution | Depthwise | Addition | Lookup | Mean | Softmax


class Network(NamedTuple):
    """A model.

    Attributes:
        maps: its feature maps: the first is the image, the last the output.
        layers: in their order; each but an addition reads the map that the one before it wrote.
    """

    maps: list[Map]
    layers: list[Layer]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of an inference: those of convolutions and dense layers."""
        return sum(self.macs_by_layer)

    @property
    def macs_by_layer(self) -> list[int]:
        """Likewise, of each layer; 0 of those of another kind."""
        return [
            self.maps[layer.target].height * self.maps[layer.target].width * layer.weights.size
            if isinstance(layer, Convolution | Depthwise)
            else 0
            for layer in self.layers
        ]


def read(content: bytes, where: object) -> Network:
    """Reads an INT8 .tflite file.

    Args:
        content: the file.
        where: its name in messages.

    Raises:
        InputError: it is no .tflite file that can be run, has an operator that no network of
            Spotimes has, is not INT8 from its input to its output, or is no chain of layers.
    """
    verify(content, where)
    try:
        return _Reading(content).network()
    except InputError as error:
        raise InputError(
            f"{where}: {error}; give an INT8 model that Spotimes' quantize stage writes"
        ) from error


class _Reading:
    """A verified file, and what was read of it."""

    def __init__(self, content: bytes) -> None:
        self._reader = Reader(content)
        self._model = self._reader.root(IDENTIFIER, MODEL)
        (self._graph,) = self._model.subgraphs
        self._maps: list[Map] = []
        self._indices: dict[int, int] = {}  # of maps, by those of tensors

    def network(self) -> Network:
        if len(self._graph.inputs) != 1 or len(self._graph.outputs) != 1:
            raise InputError("has not one input and one output")
        layers: list[Layer] = []
        self._add_map(int(self._graph.inputs[0]))
        for operator in self._graph.operators:
            layer = self._layer(operator)
            if len(self._maps) - 2 not in layer.sources:
                raise InputError("has a layer that does not read what the one before it computes")
            layers.append(layer)
        if self._indices[int(self._graph.outputs[0])] != len(self._maps) - 1:
            raise InputError("has a layer behind its output")
        if self._maps[-1][:2] != (1, 1):
            raise InputError("has an output that is no vector of classes")
        return Network(self._maps, layers)

    def _layer(self, operator: Any) -> Layer:
        kind = self._kind(operator)
        options = None
        if kind.options_type:
            options = self._reader.table(operator.builtin_options, kind.options, kind.name)
        inputs = [int(index) for index in operator.inputs]
        output = int(operator.outputs[0])
        self._add_map(output)
        makers: dict[str, Callable[[list[int], int, Any], Layer]] = {
            "ADD": self._addition,
            "CONV_2D": self._convolution,
            "DEPTHWISE_CONV_2D": self._depthwise,
            "FULLY_CONNECTED": self._dense,
            "MEAN": self._mean,
            "RELU": self._rectifier,
            "RELU6": self._capped_rectifier,
            "SOFTMAX": self._softmax,
        }
        return makers[kind.name](inputs, output, options)

    def _kind(self, operator: Any) -> Any:
        code = self._model.operator_codes[operator.opcode_index]
        return KINDS[max(code.builtin_code, code.deprecated_builtin_code)]

    def _convolution(self, inputs: list[int], output: int, options: Any) -> Convolution:
        shape = self._shape(inputs[1])
        window = self._window(inputs[0], output, shape, options)
        weights = self._values(inputs[1]).reshape(shape)
        return self._dense_or_convolution(inputs, output, options, weights, window)

    def _dense(self, inputs: list[int], output: int, options: Any) -> Convolution:
        shape = self._shape(inputs[1])
        weights = self._values(inputs[1]).reshape(shape[0], 1, 1, shape[1])
        return self._dense_or_convolution(
            inputs, output, options, weights, Window(1, 1, 1, 1, 0, 0), is_dense=True
        )

    def _dense_or_convolution(
        self,
        inputs: list[int],
        output: int,
        options: Any,
        weights: npt.NDArray[np.int8],
        window: Window,
        *,
        is_dense: bool = False,
    ) -> Convolution:
        source = self._source(inputs[0])
        sums = weights.astype(np.int64).sum(axis=(1, 2, 3))
        biases = self._biases(inputs, len(weights)) - self._maps[source].zero_point * sums
        sizes = np.abs(weights.astype(np.int64)).sum(axis=(1, 2, 3))
        _check_sums(np.abs(biases) + 128 * sizes)
        scaling = self._scaling(inputs, output, options, len(weights), is_dense=is_dense)
        return Convolution(
            (source,), self._target(output), window, weights, biases.astype(np.int32), scaling
        )

    def _depthwise(self, inputs: list[int], output: int, options: Any) -> Depthwise:
        shape = self._shape(inputs[1])
        source = self._source(inputs[0])
        window = self._window(inputs[0], output, shape, options)
        weights = self._values(inputs[1]).reshape(shape[1:])
        sums = weights.astype(np.int64).sum(axis=(0, 1))
        biases = self._biases(inputs, shape[3]) - self._maps[source].zero_point * sums
        _check_sums(np.abs(biases) + 128 * np.abs(weights.astype(np.int64)).sum(axis=(0, 1)))
        scaling = self._scaling(inputs, output, options, shape[3])
        return Depthwise(
            (source,), self._target(output), window, weights, biases.astype(np.int32), scaling
        )

    def _addition(self, inputs: list[int], output: int, options: Any) -> Addition:
        scales = [self._scale(index) for index in inputs]
        largest = 2 * max(scales)
        result = largest / (2**ADDITION_SHIFT * self._scale(output))
        if result >= 1:
            raise InputError("has an addition whose output's scale is too small")
        lowest, highest = self._range(output, options)
        return Addition(
            (self._source(inputs[0]), self._source(inputs[1])),
            self._target(output),
            (factor(scales[0] / largest), factor(scales[1] / largest)),
            Scaling([factor(result)], lowest, highest),
        )

    def _mean(self, inputs: list[int], output: int, _: Any) -> Mean:
        source = self._source(inputs[0])
        height, width, *_ = self._maps[source]
        by = divided(height * width, factor(self._scale(inputs[0]) / self._scale(output)))
        return Mean((source,), self._target(output), Scaling([by], LOWEST, HIGHEST))

    def _rectifier(self, inputs: list[int], output: int, _: Any) -> Lookup:
        source, target = self._source(inputs[0]), self._target(output)
        ratio = np.float32(self._scale(inputs[0])) / np.float32(self._scale(output))
        by = factor(float(ratio))
        zero_in, zero_out = self._maps[source].zero_point, self._maps[target].zero_point
        values = [zero_out + scaled(value - zero_in, by) for value in range(LOWEST, HIGHEST + 1)]
        return Lookup((source,), target, clamped(values, max(LOWEST, zero_out), HIGHEST))

    def _capped_rectifier(self, inputs: list[int], output: int, _: Any) -> Lookup:
        # The kernel takes its input's scale for its output's.
        source = self._source(inputs[0])
        zero = self._maps[source].zero_point
        _, six = activation_range(3, self._scale(inputs[0]), zero)
        table = clamped(range(LOWEST, HIGHEST + 1), zero, six)
        return Lookup((source,), self._target(output), table)

    def _softmax(self, inputs: list[int], output: int, options: Any) -> Softmax:
        source = self._source(inputs[0])
        if self._maps[source].channels > MOST_CLASSES:
            raise InputError(f"has more than {MOST_CLASSES:,} classes")
        exponentials = softmax_exponentials(options.beta, self._scale(inputs[0]))
        return Softmax((source,), self._target(output), exponentials)

    def _window(self, source: int, output: int, kernel: tuple[int, ...], options: Any) -> Window:
        _, height, width, _ = kernel
        strides = int(options.stride_h), int(options.stride_w)
        padding = [0, 0]
        if options.padding == SAME:
            before, after = self._shape(source), self._shape(output)
            padding = [
                max((after[axis] - 1) * stride + side - before[axis], 0) // 2
                for axis, stride, side in ((1, strides[0], height), (2, strides[1], width))
            ]
        return Window(height, width, *strides, *padding)

    def _scaling(
        self,
        inputs: list[int],
        output: int,
        options: Any,
        channels: int,
        *,
        is_dense: bool = False,
    ) -> Scaling:
        scales = self._graph.tensors[inputs[1]].quantization.scale
        before, after = self._scale(inputs[0]), self._scale(output)
        if is_dense and len(scales) == 1:  # the kernel multiplies these two as float32
            factors = [factor(float(np.float32(before) * scales[0]) / after)]
        else:
            factors = [factor(before * float(scale) / after) for scale in scales]
        every = factors * channels if len(factors) == 1 else factors
        return Scaling(every, *self._range(output, options))

    def _range(self, output: int, options: Any) -> tuple[int, int]:
        zero_point = self._maps[self._target(output)].zero_point
        kind = int(options.fused_activation_function)
        return activation_range(kind, self._scale(output), zero_point)

    def _biases(self, inputs: list[int], channels: int) -> npt.NDArray[np.int64]:
        if len(inputs) < 3 or inputs[2] < 0:  # the converter leaves out zeros
            return np.zeros(channels, np.int64)
        return self._values(inputs[2]).astype(np.int64)

    def _values(self, index: int) -> npt.NDArray[Any]:
        tensor = self._graph.tensors[index]
        data: npt.NDArray[np.uint8] = self._model.buffers[tensor.buffer].data
        return data.view(np.dtype(DTYPES[tensor.type]).newbyteorder("<"))

    def _shape(self, index: int) -> tuple[int, ...]:
        return tuple(int(side) for side in self._graph.tensors[index].shape)

    def _scale(self, index: int) -> float:
        return float(self._graph.tensors[index].quantization.scale[0])

    def _source(self, index: int) -> int:
        if index not in self._indices:
            raise InputError("has a layer that computes with constants alone")
        return self._indices[index]

    def _target(self, index: int) -> int:
        return self._indices[index]

    def _add_map(self, index: int) -> None:
        tensor = self._graph.tensors[index]
        shape = self._shape(index)
        if DTYPES[tensor.type] != "int8":
            raise InputError(f"is not INT8: a feature map is {DTYPES[tensor.type]}")
        if tensor.quantization is None or tensor.quantization.zero_point is None:
            raise InputError("has a feature map without a scale")
        if shape[0] != 1 or len(shape) not in (2, 4):
            raise InputError(f"has a feature map of shape {list(shape)}, not one image's")
        height, width, channels = shape[1:] if len(shape) == 4 else (1, 1, shape[1])
        self._indices[index] = len(self._maps)
        zero_point = int(tensor.quantization.zero_point[0])
        self._maps.append(Map(height, width, channels, zero_point))


def _check_sums(largest: npt.NDArray[np.int64]) -> None:
    if math.ceil(float(largest.max())) >= 2**31:
        raise InputError("has a layer whose sums can exceed 32 bits")
