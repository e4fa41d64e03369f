"""A backbone that was never published."""

from spotimes.blocks import Block
from spotimes.dataset.backbone import Backbone


def tiny_backbone(*blocks: Block) -> Backbone:
    """One of these blocks; its input is normalized as EfficientNet-Lite0's."""
    return Backbone(
        name="Tiny",
        trained_on="noise",
        licence="CC0",
        citation="none",
        homepage="",
        blocks=list(blocks),
        offset=127,
        scale=128,
    )
