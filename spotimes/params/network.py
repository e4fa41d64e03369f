"""`network`: the architecture, as data."""

from typing import Annotated, Literal

from pydantic import Field

from spotimes.params.load import Frozen


class Block(Frozen):
    """One block; its output is `channels` wide and `stride` times smaller on each side.

    Attributes:
        kind: `conv`, a dense 3x3 convolution, or `separable`, a depthwise 3x3 followed by a
            pointwise one. Every convolution has batch norm and ReLU behind it.
        channels: the block's output channels.
        stride: of the 3x3 convolution.
    """

    kind: Literal["conv", "separable"]
    channels: Annotated[int, Field(ge=1, le=4096)]
    stride: Annotated[int, Field(ge=1, le=4)] = 1


class Network(Frozen):
    """The network: these blocks, global average pooling, a dense layer, softmax."""

    blocks: Annotated[list[Block], Field(min_length=1)]
