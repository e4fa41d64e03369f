"""`network`: the architecture, as data. A block's own keys are explained in spotimes/blocks.py."""

from typing import Annotated

from pydantic import Field, model_validator

from spotimes.blocks import Block, Channels
from spotimes.system.validation import Frozen


class BackboneChoice(Frozen):
    """The layers of a trained network that ours begins with.

    Attributes:
        card: a file of data/backbones/; `none.yaml` is for no backbone.
        keep: how many of its blocks to keep, from its input on.
        widths: of each inverted residual among them, how many channels to keep inside; those stay
            without which the block's outputs change most on training images. One that does not
            widen its input, which is the convolution's before it, narrows this one. Empty: all
            stay. `make prune` finds widths that fit `evaluate.budgets`.
    """

    card: Annotated[str, Field(min_length=1)]
    keep: Annotated[int, Field(ge=0)]
    widths: list[Channels]


class Network(Frozen):
    """The network: the backbone's blocks, these, global average pooling, a dense layer, softmax.

    Attributes:
        backbone: what comes first, with the weights that it was published with.
        largest_side: images whose shorter side is longer are halved first, as often as it takes,
            by convolutions as wide as the first block: the same blocks serve 28 x 28 and 224 x 224.
            Without effect behind a backbone; null halves none.
        blocks: in their order. Behind a backbone there need be none.
    """

    backbone: BackboneChoice
    largest_side: Annotated[int, Field(ge=1)] | None
    blocks: list[Block]

    @model_validator(mode="after")
    def _some_block(self) -> "Network":
        if not self.blocks and not self.backbone.keep:
            raise ValueError("blocks may be empty behind a backbone alone")
        return self
