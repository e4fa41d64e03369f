"""`network`: the architecture, as data. A block's own keys are explained in spotimes/blocks.py."""

from typing import Annotated

from pydantic import Field

from spotimes.blocks import Block
from spotimes.system.validation import Frozen


class Network(Frozen):
    """The network: these blocks, global average pooling, a dense layer, softmax.

    Attributes:
        largest_side: images whose shorter side is longer are halved first, as often as it takes,
            by convolutions as wide as the first block: the same blocks serve 28 x 28 and 224 x 224.
        blocks: in their order.
    """

    largest_side: Annotated[int, Field(ge=1)]
    blocks: Annotated[list[Block], Field(min_length=1)]
