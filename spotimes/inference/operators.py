"""What the runtime's kernels take for granted of an operator's tensors and options.

Some of it they verify themselves, some of it ends the process, and where XNNPACK computes an
operator instead, other parts do. So it is all verified before, for the kinds of operators that a
network of Spotimes has, in the form that TensorFlow's converter gives them.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.inference.flatbuffer import DamagedError

ITEMSIZE = {"float32": 4, "int32": 4, "int8": 1}
POINTER = 8  # bytes
AT_ONCE = 16  # multiply-accumulates; fewer channels take as long, and so does another operation
SAME, VALID = 0, 1  # Padding
ACTIVATIONS = (0, 1, 3)  # ActivationFunctionType: none, ReLU, ReLU6
LARGEST_BETA = 2.0**10  # of a softmax, and the inverse of the smallest
LARGEST_FACTOR = 2.0**20  # from an input's scale to an output's, within which all kernels compute


class Tensor(NamedTuple):
    """A tensor of a model's graph.

    Attributes:
        shape: at least one side, each at least 1.
        dtype: such as `int8`.
        scale: float32, shape (1,) or (channels,); empty if it is not quantized.
        zero_point: int64, likewise.
        axis: that of the channels.
        values: of a constant, flat; None of one that is computed.
    """

    shape: tuple[int, ...]
    dtype: str
    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[np.int64]
    axis: int
    values: npt.NDArray[Any] | None

    @property
    def elements(self) -> int:
        """How many it has."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """How many it takes."""
        return self.elements * ITEMSIZE[self.dtype]


class Cost(NamedTuple):
    """What an operator costs, at most.

    Attributes:
        steps: multiply-accumulates, or as many as would take as long.
        scratch: bytes beside its tensors, which the next operator can have.
        kept: bytes that it keeps.
    """

    steps: int
    scratch: int = 0
    kept: int = 0


Check = Callable[[Sequence[Tensor], Tensor, Any], Cost]


def convolution(inputs: Sequence[Tensor], output: Tensor, options: Any) -> Cost:
    """A convolution over all channels, its kernel (out, height, width, in).

    Raises:
        DamagedError: a tensor or an option is not as the kernels expect it; so do all below.
    """
    image, kernel, bias = _of(inputs, 3)
    _require(image.shape[3:] == kernel.shape[3:], "its kernel has not the input's channels")
    return _convolved(image, kernel, bias, output, options, channels=kernel.shape[0], axis=0)


def depthwise(inputs: Sequence[Tensor], output: Tensor, options: Any) -> Cost:
    """A convolution of each channel alone, its kernel (1, height, width, channels)."""
    image, kernel, bias = _of(inputs, 3)
    _require(options.depth_multiplier == 1, "its depth_multiplier is not 1")
    _require(
        len(kernel.shape) == 4 and kernel.shape[::3] == (1, *image.shape[3:]),
        "its kernel has not the input's channels",
    )
    return _convolved(image, kernel, bias, output, options, channels=kernel.shape[3], axis=3)


def _convolved(
    image: Tensor,
    kernel: Tensor,
    bias: Tensor,
    output: Tensor,
    options: Any,
    *,
    channels: int,
    axis: int,
) -> Cost:
    _require(len(image.shape) == len(kernel.shape) == 4, "its input or kernel has not four sides")
    dilations = (options.dilation_h_factor, options.dilation_w_factor)
    _require(dilations == (1, 1), "its dilation is not 1")
    strides = (options.stride_h, options.stride_w)
    sides = [
        _side(side, window, stride, options.padding)
        for side, window, stride in zip(image.shape[1:3], kernel.shape[1:3], strides, strict=True)
    ]
    _check_shape(output, (image.shape[0], *sides, channels))
    _check_weights(image, kernel, bias, output, channels=channels, axis=axis)
    _check_activation(options)
    window = kernel.elements // channels
    positions = math.prod(output.shape[:3])
    is_depthwise = axis == 3
    return Cost(
        steps=positions * max(channels, AT_ONCE) * window,
        # TensorFlow Lite lays the windows out, XNNPACK has a pointer to each of their pixels.
        scratch=0 if is_depthwise else positions * window * ITEMSIZE[image.dtype],
        kept=positions * math.prod(kernel.shape[1:3]) * POINTER,
    )


def _side(side: int, window: int, stride: int, padding: int) -> int:
    """The output's side, by which a window goes over one of the input."""
    _require(padding in (SAME, VALID), "its padding is of no known kind")
    _require(stride >= 1, "its stride is not positive")
    reach = side if padding == SAME else side - window + 1
    _require(reach >= 1, "its kernel is larger than its input")
    return -(-reach // stride)


def dense(inputs: Sequence[Tensor], output: Tensor, options: Any) -> Cost:
    """A dense layer, its weights (out, in); its bias may be missing."""
    features, weights, *bias = inputs if len(inputs) == 2 else _of(inputs, 3)
    _require(
        len(features.shape) == len(weights.shape) == 2 and features.shape[1] == weights.shape[1],
        "its weights have not the input's features",
    )
    _check_shape(output, (features.shape[0], weights.shape[0]))
    _check_weights(
        features, weights, bias[0] if bias else None, output, channels=weights.shape[0], axis=0
    )
    _check_activation(options)
    return Cost(features.elements * max(weights.shape[0], AT_ONCE))


def addition(inputs: Sequence[Tensor], output: Tensor, options: Any) -> Cost:
    """The sum of two tensors of one shape."""
    first, second = _of(inputs, 2)
    _require(first.shape == second.shape, "its inputs have two shapes")
    _check_shape(output, first.shape)
    _check_activations(first, second, output)
    _check_activation(options)
    return Cost(AT_ONCE * output.elements)


def rectifier(inputs: Sequence[Tensor], output: Tensor, _: Any) -> Cost:
    """ReLU or ReLU6."""
    (values,) = _of(inputs, 1)
    _check_shape(output, values.shape)
    _check_activations(values, output)
    return Cost(AT_ONCE * output.elements)


def softmax(inputs: Sequence[Tensor], output: Tensor, options: Any) -> Cost:
    """Softmax over the last axis of (images, classes)."""
    (logits,) = _of(inputs, 1)
    _require(len(logits.shape) == 2, "its input has not two sides")
    _check_shape(output, logits.shape)
    _check_activations(logits, output)
    _require(1 / LARGEST_BETA <= options.beta <= LARGEST_BETA, f"its beta is {options.beta:g}")
    if output.dtype == "int8":
        found = float(output.scale[0]), int(output.zero_point[0])
        _require(found == (1 / 256, -128), "its output has not the scale 1/256, zero point -128")
    return Cost(AT_ONCE * output.elements)


def mean(inputs: Sequence[Tensor], output: Tensor, options: Any) -> Cost:
    """The mean over height and width of (images, height, width, channels)."""
    image, axes = _of(inputs, 2)
    _require(len(image.shape) == 4, "its input has not four sides")
    _require(
        axes.dtype == "int32" and axes.values is not None and axes.values.tolist() == [1, 2],
        "its axes are not the constants 1 and 2",
    )
    middle = (1, 1) if options.keep_dims else ()
    _check_shape(output, (image.shape[0], *middle, image.shape[3]))
    _check_activations(image, output)
    return Cost(4 * AT_ONCE * image.elements, 4 * output.elements)


CHECKS: dict[str, Check] = {
    "ADD": addition,
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": depthwise,
    "FULLY_CONNECTED": dense,
    "MEAN": mean,
    "RELU": rectifier,
    "RELU6": rectifier,
    "SOFTMAX": softmax,
}


def _of(inputs: Sequence[Tensor], count: int) -> Sequence[Tensor]:
    _require(len(inputs) == count, f"it has {len(inputs)} inputs, not {count}")
    return inputs


def _require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise DamagedError(otherwise)


def _check_shape(output: Tensor, shape: tuple[int, ...]) -> None:
    _require(
        output.shape == shape, f"its output is of shape {list(output.shape)}, not {list(shape)}"
    )


def _check_activation(options: Any) -> None:
    _require(options.fused_activation_function in ACTIVATIONS, "its activation is not known")


def _check_activations(*tensors: Tensor) -> None:
    """Computed tensors: all float32, or all int8, each with one scale."""
    for tensor in tensors:
        _require(tensor.values is None, "it has a constant where none is expected")
        _require(
            tensor.dtype == tensors[0].dtype and tensor.dtype in ("float32", "int8"),
            "its tensors are not all float32, nor all int8",
        )
        _require(
            len(tensor.scale) == (tensor.dtype == "int8"), "a tensor of it is int8 without a scale"
        )
    if tensors[0].dtype == "int8":
        scales = [float(tensor.scale[0]) for tensor in tensors]
        _check_factors(np.array(scales[:-1]) / scales[-1])


def _check_weights(
    features: Tensor,
    weights: Tensor,
    bias: Tensor | None,
    output: Tensor,
    *,
    channels: int,
    axis: int,
) -> None:
    _require(weights.values is not None, "its weights are no constants")
    _check_activations(features, output)
    wanted = ("float32", "float32") if features.dtype == "float32" else ("int8", "int32")
    _require(weights.dtype == wanted[0], f"its weights are not {wanted[0]}")
    if bias is not None:
        _require(bias.values is not None, "its weights are no constants")
        _require(bias.shape == (channels,), f"its bias has not {channels} values")
        _require(bias.dtype == wanted[1], f"its bias is not {wanted[1]}")
    if features.dtype == "float32":
        return
    count = len(weights.scale)
    _require(
        count == 1 or (count == channels and weights.axis == axis),
        f"its weights have not one scale, nor {channels}",
    )
    _require(not weights.zero_point.any(), "its weights have zero points other than 0")
    _check_factors(weights.scale.astype(np.float64) * features.scale[0] / output.scale[0])


def _check_factors(factors: npt.NDArray[np.float64]) -> None:
    _require(bool(np.all(factors <= LARGEST_FACTOR)), "its output's scale is too small")
