from collections.abc import Sequence

import pytest

from spotimes.blocks import Architecture, Block
from spotimes.errors import InputError
from spotimes.nn.architecture import architecture
from spotimes.params.network import BackboneChoice, Network
from spotimes.pixels import PLAIN, Normalization
from tests.backbones import tiny_backbone

FIRST, SECOND, OWN = (Block(kind="conv", channels=channels) for channels in (1, 2, 3))
BACKBONE = tiny_backbone(FIRST, SECOND)


def network(keep: int, *blocks: Block, widths: Sequence[int] = ()) -> Network:
    choice = BackboneChoice(card="data/backbones/tiny.yaml", keep=keep, widths=list(widths))
    return Network(backbone=choice, largest_side=48, blocks=list(blocks))


def test_own_blocks_follow_those_that_are_kept() -> None:
    found = architecture(network(1, OWN), BACKBONE)
    assert found == Architecture([FIRST, OWN], None, Normalization(127, 128))
    assert architecture(network(2), BACKBONE).blocks == [FIRST, SECOND]


def test_without_a_kept_block_images_are_plain_and_large_ones_halved() -> None:
    assert architecture(network(0, OWN), BACKBONE) == Architecture([OWN], 48, PLAIN)


def test_more_blocks_than_there_are_cannot_be_kept() -> None:
    with pytest.raises(InputError) as caught:
        architecture(network(3), BACKBONE)
    assert str(caught.value) == (
        "params.yaml: network.backbone.keep: 3 is not allowed: Tiny has 2 blocks"
    )


def test_widths_without_a_kept_block_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        architecture(network(0, OWN, widths=[8]), BACKBONE)
    assert str(caught.value) == (
        "params.yaml: network.backbone.widths: 1 numbers are not allowed: of Tiny 0 blocks are "
        "kept, with 0 inverted residuals; give as many numbers, or none"
    )
