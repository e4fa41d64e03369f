"""INT8 models of all that a network of Spotimes can have, drawn at random, without TensorFlow."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from spotimes.inference.contract import Contract
from spotimes.pixels import colour_of
from tests.fuzz.small_models import Graph

CODES = schema.BuiltinOperator
KINDS = schema.BuiltinOptions
STANDARD_DEVIATION = 73.0  # of integers from -127 to 127 that are alike likely
SAME, VALID = 0, 1
NONE, RELU, RELU6 = 0, 1, 3


class Feature(NamedTuple):
    """A feature map: its tensor, shape (height, width, channels) and quantization."""

    tensor: int
    shape: tuple[int, int, int]
    scale: float
    zero_point: int


def random_model(seed: int) -> tuple[bytes, tuple[int, int, int]]:
    """A model, and the shape of its image; the same ones for a seed."""
    return _Drawing(np.random.default_rng(seed)).model()


def random_images(shape: tuple[int, int, int], count: int, seed: int = 1) -> npt.NDArray[np.int8]:
    """Images of noise around a colour, of another colour and strength each."""
    rng = np.random.default_rng(seed)
    colours = rng.uniform(-160, 160, (count, 1, 1, shape[2]))
    noise = rng.normal(size=(count, *shape)) * rng.uniform(0, 100, (count, 1, 1, 1))
    return np.clip(np.rint(colours + noise), -128, 127).astype(np.int8)


class _Drawing:
    """A model in the making."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.graph = Graph(quantized=True)

    def model(self) -> tuple[bytes, tuple[int, int, int]]:
        height, width = (int(side) for side in self.rng.integers(1, 25, 2))
        shape = (height, width, int(self.rng.choice([1, 3])))
        zero_point = int(self.rng.choice([-128, -1]))
        image = self.feature(shape, 1 / 255 if zero_point == -128 else 1 / 128, zero_point)
        x = image
        for _ in range(self.rng.integers(1, 6)):
            block = self.rng.choice(["conv", "separable", "residual", "rectifier"])
            x = getattr(self, str(block))(x)
        x = self.mean(x)
        classes = int(self.rng.integers(1, 13))
        x = self.dense(x, classes)
        if self.rng.random() < 0.5:
            x = self.softmax(x)
        names = tuple(f"class {number}" for number in range(classes))
        contract = Contract(names, *shape[:2], colour_of(shape[2]))
        return self.graph.packed(image.tensor, x.tensor, contract), shape

    def feature(self, shape: tuple[int, ...], scale: float, zero_point: int | None) -> Feature:
        if zero_point is None:
            zero_point = int(self.rng.choice([-128, 127, 0, int(self.rng.integers(-128, 128))]))
        tensor = self.graph.computed(1, *shape, scale=scale, zero_point=zero_point)
        full = (shape[0], shape[1], shape[2]) if len(shape) == 3 else (1, 1, shape[0])
        return Feature(tensor, full, float(np.float32(scale)), zero_point)

    def conv(self, x: Feature, channels: int | None = None, kernel: int | None = None) -> Feature:
        channels = channels or int(self.rng.integers(1, 21))
        sides = [kernel or int(self.rng.choice([1, 3, 5, 7])) for _ in range(2)]
        strides = [1 if kernel else int(self.rng.integers(1, 4)) for _ in range(2)]
        options, shape = self.windowed(schema.Conv2DOptionsT(), x, sides, strides)
        weights, scale = self.weights((channels, *sides, x.shape[2]), 0, x.scale)
        y = self.feature((*shape, channels), scale, None)
        inputs = [x.tensor, *weights]
        self.graph.operator(CODES.CONV_2D, inputs, y.tensor, KINDS.Conv2DOptions, options)
        return y

    def depthwise(self, x: Feature, stride: int | None = None) -> Feature:
        kernel = [int(self.rng.choice([1, 3, 5, 7]))] * 2
        strides = [stride or int(self.rng.integers(1, 4))] * 2
        options = schema.DepthwiseConv2DOptionsT(depthMultiplier=1)
        options, shape = self.windowed(options, x, kernel, strides, can_be_valid=not stride)
        weights, scale = self.weights((1, *kernel, x.shape[2]), 3, x.scale)
        y = self.feature((*shape, x.shape[2]), scale, None)
        inputs, kind = [x.tensor, *weights], KINDS.DepthwiseConv2DOptions
        self.graph.operator(CODES.DEPTHWISE_CONV_2D, inputs, y.tensor, kind, options)
        return y

    def separable(self, x: Feature) -> Feature:
        return self.conv(self.depthwise(x), kernel=1)

    def residual(self, x: Feature) -> Feature:
        y = x
        if self.rng.random() < 0.7:
            y = self.conv(y, channels=int(self.rng.integers(1, 31)), kernel=1)
        y = self.conv(self.depthwise(y, stride=1), channels=x.shape[2], kernel=1)
        total = self.feature(x.shape, max(x.scale, y.scale) * self.rng.uniform(0.7, 2), None)
        options = schema.AddOptionsT(
            fusedActivationFunction=int(self.rng.choice([NONE, RELU, RELU6]))
        )
        terms = [x.tensor, y.tensor] if self.rng.random() < 0.5 else [y.tensor, x.tensor]
        self.graph.operator(CODES.ADD, terms, total.tensor, KINDS.AddOptions, options)
        return total

    def rectifier(self, x: Feature) -> Feature:
        code = CODES.RELU if self.rng.random() < 0.5 else CODES.RELU6
        same = code == CODES.RELU6
        scale = x.scale if same else x.scale * self.rng.uniform(0.5, 2)
        y = self.feature(x.shape, scale, x.zero_point if same else None)
        self.graph.operator(code, [x.tensor], y.tensor, 0, None)
        return y

    def mean(self, x: Feature) -> Feature:
        y = self.feature((x.shape[2],), x.scale * self.rng.uniform(0.4, 1.5), None)
        axes = self.graph.constant(np.array([1, 2], np.int32))
        options = schema.ReducerOptionsT()
        self.graph.operator(CODES.MEAN, [x.tensor, axes], y.tensor, KINDS.ReducerOptions, options)
        return y

    def dense(self, x: Feature, classes: int) -> Feature:
        weights, scale = self.weights((classes, x.shape[2]), 0, x.scale)
        if self.rng.random() < 0.2:
            weights = [weights[0], -1]  # no bias
        y = self.feature((classes,), scale, None)
        options = schema.FullyConnectedOptionsT()
        inputs, kind = [x.tensor, *weights], KINDS.FullyConnectedOptions
        self.graph.operator(CODES.FULLY_CONNECTED, inputs, y.tensor, kind, options)
        return y

    def softmax(self, x: Feature) -> Feature:
        y = self.feature((x.shape[2],), 1 / 256, -128)
        beta = float(
            np.float32(np.clip(2.0 ** self.rng.uniform(-4, 4) / (x.scale * 32), 2**-10, 2**10))
        )
        options = schema.SoftmaxOptionsT(beta=beta)
        self.graph.operator(CODES.SOFTMAX, [x.tensor], y.tensor, KINDS.SoftmaxOptions, options)
        return y

    def windowed(
        self,
        options: Any,
        x: Feature,
        kernel: list[int],
        strides: list[int],
        *,
        can_be_valid: bool = True,
    ) -> tuple[Any, tuple[int, int]]:
        """Fills in options; gives the sides of the output, too."""
        fits = kernel[0] <= x.shape[0] and kernel[1] <= x.shape[1]
        is_valid = can_be_valid and fits and self.rng.random() < 0.2
        options.padding = VALID if is_valid else SAME
        options.strideH, options.strideW = strides
        options.dilationHFactor = options.dilationWFactor = 1
        options.fusedActivationFunction = int(self.rng.choice([NONE, RELU, RELU, RELU6]))
        sides = [
            math.ceil((side - (window - 1) * is_valid) / stride)
            for side, window, stride in zip(x.shape[:2], kernel, strides, strict=True)
        ]
        return options, (sides[0], sides[1])

    def weights(
        self, shape: tuple[int, ...], axis: int, input_scale: float
    ) -> tuple[list[int], float]:
        """A kernel and its bias, and a scale with which outputs fill INT8's range."""
        channels = shape[axis]
        kernel = self.rng.integers(-127, 128, shape, np.int8)
        count = 1 if axis == 0 and len(shape) == 2 and self.rng.random() < 0.5 else channels
        scales = (2.0 ** self.rng.uniform(-9, -6, count)).astype(np.float32)
        spread = math.sqrt(math.prod(shape) / channels) * STANDARD_DEVIATION**2
        bias = self.rng.normal(0, spread, channels).astype(np.int32)
        bias_scales = [float(scale) * input_scale for scale in scales]
        output = input_scale * float(np.median(scales)) * spread / self.rng.uniform(30, 120)
        scale_list = [float(scale) for scale in scales]
        return [
            self.graph.constant(kernel, scale_list, axis),
            self.graph.constant(bias, bias_scales),
        ], output
