from collections.abc import Sequence

import pytest

from spotimes.blocks import Block
from spotimes.errors import InputError
from spotimes.nn.widths import can_narrow, inner_widths, narrowed

STEM = Block(kind="conv", channels=32, stride=2)
FLAT = Block(kind="inverted_residual", channels=16, expansion=1)
WIDE = Block(kind="inverted_residual", channels=24, stride=2, expansion=6)
SAME = Block(kind="inverted_residual", channels=24, expansion=6)
BLOCKS = [STEM, FLAT, WIDE, SAME]


def test_each_inverted_residual_has_a_width() -> None:
    assert inner_widths(BLOCKS) == {1: 32, 2: 96, 3: 144}
    assert inner_widths([*BLOCKS, Block(kind="separable", channels=8)]) == {1: 32, 2: 96, 3: 144}


def test_none_narrows_none() -> None:
    assert narrowed(BLOCKS, [], "Tiny") == BLOCKS
    assert narrowed(BLOCKS, [32, 96, 144], "Tiny") == BLOCKS


def test_inside_alone_they_are_narrower() -> None:
    found = narrowed(BLOCKS, [24, 40, 144], "Tiny")
    assert inner_widths(found) == {1: 24, 2: 40, 3: 144}
    assert [block.channels for block in found] == [24, 16, 24, 24]
    assert found[2] == Block(kind="inverted_residual", channels=24, stride=2, hidden=40)
    assert (found[1], found[3]) == (FLAT, SAME)


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        (
            [24, 40],
            ": 2 numbers are not allowed: of Tiny 4 blocks are kept, with 3 inverted residuals; "
            "give as many numbers, or none",
        ),
        (
            [32, 97, 144],
            "[1]: 97 is not allowed: Tiny has 96 channels inside its block 3; at most 96 can stay",
        ),
    ],
)
def test_widths_are_of_the_backbone(widths: Sequence[int], message: str) -> None:
    with pytest.raises(InputError) as caught:
        narrowed(BLOCKS, widths, "Tiny")
    assert str(caught.value) == f"params.yaml: network.backbone.widths{message}"


@pytest.mark.parametrize(
    "blocks",
    [
        [STEM, WIDE, Block(kind="inverted_residual", channels=8, expansion=1)],  # after an addition
        [STEM, SAME, Block(kind="inverted_residual", channels=24, expansion=1)],
    ],
)
def test_what_other_layers_read_too_is_not_narrowed(blocks: list[Block]) -> None:
    assert not can_narrow(blocks, 2)
    inside = [*inner_widths(blocks).values()]
    assert narrowed(blocks, inside, "Tiny") == blocks
    with pytest.raises(InputError, match=r"\[1\]: 8 is not allowed: .* 24 alone can stay"):
        narrowed(blocks, [inside[0], 8], "Tiny")
    assert can_narrow(BLOCKS, 1)
    assert not can_narrow([STEM, FLAT.model_copy(update={"channels": 32})], 1)
