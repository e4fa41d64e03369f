"""The table of block kinds."""

from typing import get_args

import pytest

from spotimes.blocks import (
    KINDS,
    LINEAR,
    Architecture,
    Block,
    KindName,
    fields,
    layers,
    layers_by_block,
)
from spotimes.errors import StrideTooLargeError

SHAPE = (32, 30, 3)


def of(*blocks: Block, largest_side: int = 48) -> Architecture:
    return Architecture(list(blocks), largest_side)


def test_every_kind_that_params_may_name_is_in_the_table() -> None:
    assert list(KINDS) == list(get_args(KindName))


def test_a_convolution_is_one_layer() -> None:
    (layer,) = layers(of(Block(kind="conv", channels=4, stride=2, kernel=5)), SHAPE)
    assert layer[:4] == ("block1_conv", "conv", SHAPE, (16, 15, 4))
    assert (layer.kernel, layer.stride, layer.activation.title) == (5, 2, "ReLU")
    assert (layer.weights, layer.biases) == (5 * 5 * 3 * 4, 4)
    assert layer.macs == 5 * 5 * 3 * 4 * 16 * 15
    assert layer.description == "5x5 convolution"


def test_a_separable_one_is_depthwise_then_pointwise() -> None:
    depthwise, pointwise = layers(of(Block(kind="separable", channels=8, stride=2)), SHAPE)
    assert depthwise[:4] == ("block1_depthwise", "depthwise", SHAPE, (16, 15, 3))
    assert (depthwise.kernel, depthwise.stride) == (3, 2)
    assert (depthwise.weights, depthwise.biases) == (3 * 3 * 3, 3)
    assert depthwise.macs == 3 * 3 * 3 * 16 * 15
    assert pointwise[:4] == ("block1_pointwise", "conv", (16, 15, 3), (16, 15, 8))
    assert (pointwise.kernel, pointwise.stride) == (1, 1)
    assert (pointwise.weights, pointwise.biases) == (3 * 8, 8)
    assert [each.description for each in (depthwise, pointwise)] == [
        "3x3 depthwise",
        "1x1 convolution",
    ]


def test_a_block_takes_what_the_one_before_it_puts_out() -> None:
    blocks = [Block(kind=kind, channels=8, stride=2) for kind in ("conv", "separable", "conv")]
    found = layers_by_block(of(*blocks), SHAPE)
    assert [block for block, _ in found] == blocks
    flat = [layer for _, made in found for layer in made]
    assert flat == layers(of(*blocks), SHAPE)
    shapes = [SHAPE, *(layer.output_shape for layer in flat)]
    assert [layer.input_shape for layer in flat] == shapes[:-1]
    assert shapes[-1] == (4, 4, 8)


def test_large_images_are_halved_first() -> None:
    found = layers(of(Block(kind="separable", channels=8)), (100, 120, 1))
    assert [layer.name for layer in found[:2]] == ["block1_conv", "block2_conv"]
    assert [layer.output_shape for layer in found[:2]] == [(50, 60, 8), (25, 30, 8)]
    assert found[2].name == "block3_depthwise"


def test_strides_below_one_pixel_are_refused() -> None:
    block = Block(kind="conv", channels=2, stride=2)
    with pytest.raises(StrideTooLargeError) as caught:
        layers(of(block, block, largest_side=2), (8, 9, 3))
    assert str(caught.value) == (
        "params.yaml: network.blocks[1].stride: 2 is not allowed: 8x9 images are down to one pixel "
        "there; use 1"
    )


WIDE = Block(kind="inverted_residual", channels=3, expansion=6, activation="relu6")
NARROW = Block(kind="inverted_residual", channels=3, hidden=7)


def test_an_inverted_residual_widens_narrows_and_adds_its_input() -> None:
    made = layers(of(WIDE), SHAPE)
    assert [layer.name for layer in made] == [
        "block1_expand",
        "block1_depthwise",
        "block1_project",
        "block1_add",
    ]
    assert [layer.output_shape[2] for layer in made] == [18, 18, 3, 3]
    assert [layer.activation.title for layer in made[:2]] == ["ReLU6", "ReLU6"]
    assert [layer.activation for layer in made[2:]] == [LINEAR, LINEAR]
    assert [layer.weights for layer in made] == [3 * 18, 9 * 18, 18 * 3, 0]
    assert (made[3].biases, made[3].macs) == (0, 0)
    assert [layer.description for layer in made[2:]] == ["linear 1x1 convolution", "addition"]


@pytest.mark.parametrize("change", [{"stride": 2}, {"channels": 4}])
def test_it_adds_only_what_has_the_same_shape(change: dict[str, int]) -> None:
    made = layers(of(WIDE.model_copy(update=change)), SHAPE)
    assert made[-1].name == "block1_project"


def test_at_expansion_1_it_does_not_widen() -> None:
    made = layers(of(WIDE.model_copy(update={"expansion": 1})), SHAPE)
    assert [layer.name for layer in made] == ["block1_depthwise", "block1_project", "block1_add"]


def test_its_width_inside_may_be_in_channels() -> None:
    made = layers(of(NARROW), SHAPE)
    assert [layer.output_shape[2] for layer in made] == [7, 7, 3, 3]
    assert made[0].name == "block1_expand"


def test_as_wide_inside_as_its_input_it_has_a_layer_that_widens_all_the_same() -> None:
    made = layers(of(NARROW.model_copy(update={"hidden": 3})), SHAPE)
    assert made[0].name == "block1_expand"


def test_in_short() -> None:
    assert str(Block(kind="conv", channels=48, stride=2)) == "conv 48/2"
    assert str(Block(kind="separable", channels=96, kernel=5)) == "separable 96 5x5"
    assert str(WIDE) == "inverted_residual 3 x6 relu6"
    assert str(NARROW) == "inverted_residual 3 hidden 7"


def test_a_kind_has_no_options_of_others() -> None:
    assert fields("conv") == {"kind", "channels", "stride", "kernel", "activation"}
    assert fields("inverted_residual") == fields("conv") | {"hidden", "expansion"}


def test_an_inverted_residual_needs_an_expansion() -> None:
    with pytest.raises(ValueError, match="inverted_residual needs a number from 1 to 16"):
        Block(kind="inverted_residual", channels=8)


def test_it_has_one_width_inside() -> None:
    with pytest.raises(ValueError, match="hidden says how wide it is inside; remove one of both"):
        Block(kind="inverted_residual", channels=8, hidden=4, expansion=2)
