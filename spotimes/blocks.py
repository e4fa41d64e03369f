"""The kinds of blocks that a network is made of, in one table: `KINDS`.

    conv                convolution
    separable           depthwise convolution, 1x1 convolution
    inverted_residual   1x1 convolution that widens, depthwise convolution, linear 1x1 convolution
                        that narrows, addition of the input where the shapes are equal

A kind says which layers its blocks consist of. The Keras network, the folding of batch norm, the
estimate of costs, the names in the layer report and the model card are all made from these layers,
so a new kind is an entry here. None of it needs TensorFlow.

    >>> network = Architecture([Block(kind="separable", channels=8, stride=2)])
    >>> [(layer.name, layer.output_shape) for layer in layers(network, (32, 32, 3))]
    [('block1_depthwise', (16, 16, 3)), ('block1_pointwise', (16, 16, 8))]

Separable convolutions after Howard et al., MobileNets, 2017 (arXiv:1704.04861); inverted residuals
after Sandler et al., MobileNetV2, 2018 (arXiv:1801.04381), table 1 and figure 4.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, ValidationInfo, field_validator

from spotimes.errors import StrideTooLargeError
from spotimes.pixels import PLAIN, Normalization
from spotimes.system.validation import Frozen

KindName = Literal["conv", "separable", "inverted_residual"]
ActivationName = Literal["relu", "relu6"]
Channels = Annotated[int, Field(ge=1, le=4096)]
Stride = Annotated[int, Field(ge=1, le=4)]
Kernel = Literal[1, 3, 5, 7]
Expansion = Annotated[int, Field(ge=1, le=16)]
Shape = tuple[int, int, int]  # height, width, channels


class Block(Frozen):
    """One block, as `network.blocks` in params.yaml has it.

    Attributes:
        kind: a key of `KINDS`.
        channels: the block's output channels.
        stride: how many times smaller its output is on each side.
        kernel: height and width of its largest kernel.
        hidden: of an inverted residual, how many channels it has inside, in place of `expansion`.
        expansion: of an inverted residual, how many times wider than its input it is inside; at 1
            it does not widen.
        activation: of its convolutions, but for linear ones.
    """

    kind: KindName
    channels: Channels
    stride: Stride = 1
    kernel: Kernel = 3
    hidden: Channels | None = None
    expansion: Annotated[Expansion | None, Field(validate_default=True)] = None
    activation: ActivationName = "relu"

    @field_validator("hidden", "expansion")
    @classmethod
    def _is_of_the_kind(cls, value: int | None, info: ValidationInfo) -> int | None:
        kind = info.data.get("kind")  # None if it is not allowed itself
        if kind and value is not None and info.field_name not in KINDS[kind].options:
            raise ValueError(f"{kind} has no {info.field_name}; remove it")
        return value

    @field_validator("expansion")
    @classmethod
    def _has_one_width_inside(cls, value: int | None, info: ValidationInfo) -> int | None:
        kind, hidden = info.data.get("kind"), info.data.get("hidden")
        if kind and "expansion" in KINDS[kind].options:
            if value is None and hidden is None:
                raise ValueError(f"{kind} needs a number from 1 to 16, or hidden in its place")
            if value is not None and hidden is not None:
                raise ValueError("hidden says how wide it is inside; remove one of both")
        return value

    def __str__(self) -> str:
        """In short, such as `conv 48/2`, `separable 96 5x5` or `inverted_residual 24 x6 relu6`."""
        stride = f"/{self.stride}" if self.stride > 1 else ""
        kernel = f" {self.kernel}x{self.kernel}" if self.kernel != 3 else ""
        hidden = f" hidden {self.hidden}" if self.hidden else ""
        expansion = f" x{self.expansion}" if self.expansion else ""
        activation = f" {self.activation}" if self.activation != "relu" else ""
        return f"{self.kind} {self.channels}{stride}{kernel}{hidden}{expansion}{activation}"


class Architecture(NamedTuple):
    """The part of a network that is data: average pooling and a dense layer always follow it.

    Attributes:
        blocks: in their order.
        largest_side: images whose shorter side is longer are halved first, as often as it takes;
            None halves none.
        normalization: of the images.
        scaled_to: how many pixels the shorter side of an image is scaled to before all else; None
            leaves images as they are.
    """

    blocks: list[Block]
    largest_side: int | None = None
    normalization: Normalization = PLAIN
    scaled_to: int | None = None

    def scaled(self, height: int, width: int) -> tuple[int, int]:
        """The height and width in which the first block sees images of these."""
        if self.scaled_to is None:
            return height, width
        ratio = self.scaled_to / min(height, width)
        return round(height * ratio), round(width * ratio)


class Activation(NamedTuple):
    """A rectifier.

    Attributes:
        title: its name in the field.
        maximum: what larger outputs are cut to; None leaves them.
    """

    title: str
    maximum: float | None


ACTIVATIONS: dict[ActivationName, Activation] = {
    "relu": Activation("ReLU", None),
    "relu6": Activation("ReLU6", 6.0),
}
LINEAR = Activation("no activation", None)


class Layer(NamedTuple):
    """A layer that becomes an operator of the .tflite file.

    Attributes:
        name: of the Keras layer, unique in a network.
        operation: `conv`, a convolution over all channels, or `depthwise`, of each channel alone.
            Both have batch norm behind them, which is folded into their weights, and padding that
            keeps the sides at a stride of 1. `add` adds the block's input, and has no weights.
        input_shape: (height, width, channels) of an input.
        output_shape: likewise.
        activation: behind the batch norm.
        kernel: height and width.
        stride: on each side.
    """

    name: str
    operation: Literal["conv", "depthwise", "add"]
    input_shape: Shape
    output_shape: Shape
    activation: Activation
    kernel: int = 1
    stride: int = 1

    @property
    def weights(self) -> int:
        """How many there are, without the biases."""
        if self.operation == "add":
            return 0
        window = self.kernel**2 * self.input_shape[2]
        return window if self.operation == "depthwise" else window * self.output_shape[2]

    @property
    def biases(self) -> int:
        """How many there are once batch norm is folded."""
        return self.output_shape[2] if self.weights else 0

    @property
    def macs(self) -> int:
        """Multiply-accumulates an image."""
        height, width, _ = self.output_shape
        return self.weights * height * width

    @property
    def description(self) -> str:
        """Such as `3x3 convolution`."""
        if self.operation == "add":
            return "addition"
        linear = "linear " if self.activation is LINEAR else ""
        operation = {"conv": "convolution", "depthwise": "depthwise"}[self.operation]
        return f"{linear}{self.kernel}x{self.kernel} {operation}"


class Kind(NamedTuple):
    """A kind of block.

    Attributes:
        layers: makes a block's layers, from the block, its name and the shape of its input.
        options: what such a block needs beside what all blocks have, by `Block`'s names.
    """

    layers: Callable[[Block, str, Shape], list[Layer]]
    options: tuple[str, ...] = ()


def layers_by_block(
    network: Architecture, image_shape: Sequence[int]
) -> list[tuple[Block, list[Layer]]]:
    """Each block of a network with its layers, for images of this shape.

    Blocks that halve large images come first, as many as `network.largest_side` asks for.

    Args:
        network: the architecture.
        image_shape: (height, width, channels) of an image.

    Raises:
        StrideTooLargeError: the strides shrink the image below one pixel.
    """
    channels = image_shape[2]
    height, width = network.scaled(*image_shape[:2])
    halvings = _halvings(network, min(height, width))
    shape: Shape = (height, width, channels)
    found = []
    for number, block in enumerate([*halvings, *network.blocks]):
        if min(shape[:2]) == 1 and block.stride > 1:
            raise StrideTooLargeError(
                f"params.yaml: network.blocks[{number - len(halvings)}].stride: {block.stride} is "
                f"not allowed: {height}x{width} images are down to one pixel there; use 1"
            )
        made = KINDS[block.kind].layers(block, f"block{number + 1}", shape)
        found.append((block, made))
        shape = made[-1].output_shape
    return found


def layers(network: Architecture, image_shape: Sequence[int]) -> list[Layer]:
    """All layers of a network's blocks, in their order; as `layers_by_block`."""
    return [layer for _, made in layers_by_block(network, image_shape) for layer in made]


def inner_width(block: Block, channels: int) -> int:
    """How many channels an inverted residual has inside, if so many come in."""
    return block.hidden or channels * (block.expansion or 1)


def fields(kind: KindName) -> set[str]:
    """The names of what a block of this kind has: `Block`'s, less the options of other kinds."""
    options = {option for each in KINDS.values() for option in each.options}
    return set(Block.model_fields) - options | set(KINDS[kind].options)


def _halvings(network: Architecture, side: int) -> list[Block]:
    """Convolutions as wide as the first block, before it, that halve images of a longer side."""
    found, first = [], network.blocks[0]
    while network.largest_side is not None and side > network.largest_side:
        found.append(
            Block(kind="conv", channels=first.channels, stride=2, activation=first.activation)
        )
        side = -(-side // 2)
    return found


def _conv_block(block: Block, name: str, shape: Shape) -> list[Layer]:
    output = _strided(shape, block.stride, block.channels)
    activation = ACTIVATIONS[block.activation]
    return [Layer(f"{name}_conv", "conv", shape, output, activation, block.kernel, block.stride)]


def _separable_block(block: Block, name: str, shape: Shape) -> list[Layer]:
    depthwise = _depthwise(f"{name}_depthwise", shape, block)
    activation = ACTIVATIONS[block.activation]
    pointwise = f"{name}_pointwise"
    return [depthwise, _pointwise(pointwise, depthwise.output_shape, block.channels, activation)]


def _inverted_residual_block(block: Block, name: str, shape: Shape) -> list[Layer]:
    made, wide = [], shape
    if block.expansion != 1:
        channels = inner_width(block, shape[2])
        made.append(_pointwise(f"{name}_expand", shape, channels, ACTIVATIONS[block.activation]))
        wide = made[-1].output_shape
    made.append(_depthwise(f"{name}_depthwise", wide, block))
    made.append(_pointwise(f"{name}_project", made[-1].output_shape, block.channels, LINEAR))
    if block.stride == 1 and block.channels == shape[2]:
        made.append(Layer(f"{name}_add", "add", shape, shape, LINEAR))
    return made


def _pointwise(name: str, shape: Shape, channels: int, activation: Activation) -> Layer:
    return Layer(name, "conv", shape, (*shape[:2], channels), activation)


def _depthwise(name: str, shape: Shape, block: Block) -> Layer:
    output = _strided(shape, block.stride, shape[2])
    activation = ACTIVATIONS[block.activation]
    return Layer(name, "depthwise", shape, output, activation, block.kernel, block.stride)


def _strided(shape: Shape, stride: int, channels: int) -> Shape:
    # "same" padding: a stride halves odd sides upwards.
    return -(-shape[0] // stride), -(-shape[1] // stride), channels


KINDS: dict[KindName, Kind] = {
    "conv": Kind(_conv_block),
    "separable": Kind(_separable_block),
    "inverted_residual": Kind(_inverted_residual_block, ("hidden", "expansion")),
}
