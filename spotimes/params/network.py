"""`network`: the architecture, as data."""

from typing import Annotated, Literal

from pydantic import Field

from spotimes.system.validation import Frozen

Kernel = Literal[3, 5, 7]


class Block(Frozen):
    """One block; its output is `channels` wide and `stride` times smaller on each side.

    Attributes:
        kind: `conv`, a dense convolution, or `separable`, a depthwise one followed by a pointwise
            one. Every convolution has batch norm and ReLU behind it.
        channels: the block's output channels.
        stride: of the dense or the depthwise convolution.
        kernel: its height and width.
    """

    kind: Literal["conv", "separable"]
    channels: Annotated[int, Field(ge=1, le=4096)]
    stride: Annotated[int, Field(ge=1, le=4)] = 1
    kernel: Kernel = 3


class Network(Frozen):
    """The network: these blocks, global average pooling, a dense layer, softmax.

    Attributes:
        largest_side: images whose shorter side is longer are halved first, as often as it takes,
            by convolutions as wide as the first block: the same blocks serve 28 x 28 and 224 x 224.
        blocks: in their order.
    """

    largest_side: Annotated[int, Field(ge=1)]
    blocks: Annotated[list[Block], Field(min_length=1)]

    def halvings(self, height: int, width: int) -> int:
        """How many blocks come before the params' own, for images of this size."""
        count, side = 0, min(height, width)
        while side > self.largest_side:
            count, side = count + 1, -(-side // 2)
        return count

    def blocks_for(self, height: int, width: int) -> list[Block]:
        """All blocks, for images of this size."""
        halving = Block(kind="conv", channels=self.blocks[0].channels, stride=2)
        return [halving] * self.halvings(height, width) + self.blocks
