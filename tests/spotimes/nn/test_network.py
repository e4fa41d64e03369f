from typing import Any

import numpy as np
import pytest

from spotimes.blocks import Architecture, Block
from spotimes.dataset.prepared import Split, SplitName
from spotimes.errors import StrideTooLargeError
from spotimes.nn.frameworks import keras
from spotimes.nn.network import build
from spotimes.pixels import to_float32

pytestmark = pytest.mark.usefixtures("reseed")

LAYERS = [
    "image",
    "block1_conv",
    "block1_conv_norm",
    "block1_conv_relu",
    "block2_depthwise",
    "block2_depthwise_norm",
    "block2_depthwise_relu",
    "block2_pointwise",
    "block2_pointwise_norm",
    "block2_pointwise_relu",
    "pool",
    "logits",
    "probabilities",
]
# Kernel, then gamma, beta, mean and variance of the norm.
PARAMETERS = {
    "block1_conv": 3 * 3 * 3 * 4,
    "block1_conv_norm": 4 * 4,
    "block2_depthwise": 3 * 3 * 4,
    "block2_depthwise_norm": 4 * 4,
    "block2_pointwise": 4 * 8,
    "block2_pointwise_norm": 4 * 8,
    "logits": 8 * 10 + 10,
}


def names(model: Any) -> list[str]:
    return [layer.name for layer in model.layers]


def strides(*values: int) -> Architecture:
    return Architecture([Block(kind="conv", channels=2, stride=each) for each in values], 48)


def test_layers_have_their_order_names_and_parameters(network: Architecture) -> None:
    model = build(network, (32, 32, 3), 10)
    assert names(model) == LAYERS
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.weights}
    assert counts == PARAMETERS
    assert model.count_params() == 330
    assert model.input_shape == (None, 32, 32, 3)
    assert model.output_shape == (None, 10)


def test_strides_halve_the_sides_and_blocks_widen(network: Architecture) -> None:
    model = build(network, (32, 30, 3), 10)
    assert model.get_layer("block1_conv").output.shape == (None, 16, 15, 4)
    assert model.get_layer("block2_depthwise").output.shape == (None, 8, 8, 4)
    assert model.get_layer("block2_pointwise").output.shape == (None, 8, 8, 8)


def test_without_norm_each_convolution_has_a_bias_and_its_name(network: Architecture) -> None:
    model = build(network, (32, 32, 3), 10, norm=None)
    assert names(model) == [name for name in LAYERS if not name.endswith("_norm")]
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.weights}
    assert counts == {
        "block1_conv": 3 * 3 * 3 * 4 + 4,
        "block2_depthwise": 3 * 3 * 4 + 4,
        "block2_pointwise": 4 * 8 + 8,
        "logits": 8 * 10 + 10,
    }


def test_probabilities_are_the_softmax_of_the_logits(
    trained: Any, cifar10: dict[SplitName, Split]
) -> None:
    images = to_float32(cifar10["test"].images)
    probabilities = trained(images).numpy()
    assert (probabilities.dtype, probabilities.shape) == (np.float32, (50, 10))
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert len({row.tobytes() for row in probabilities}) == 50
    logits = keras.Model(trained.input, trained.get_layer("logits").output)(images).numpy()
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(probabilities, powers / powers.sum(axis=1)[:, None], atol=1e-6)


def test_grey_images_of_another_size(network: Architecture) -> None:
    model = build(network, (28, 28, 1), 3)
    assert model(np.ones((2, 28, 28, 1), np.float32)).shape == (2, 3)
    assert model.get_layer("block1_conv").count_params() == 3 * 3 * 1 * 4


def test_fresh_weights_depend_on_the_seed(network: Architecture, reseed: Any) -> None:
    weights = []
    for _ in range(2):
        reseed()
        weights.append(build(network, (32, 32, 3), 10).get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert all(each.any() for each in weights[0] if each.ndim > 1)


@pytest.mark.parametrize(
    ("network", "shape", "number", "stride"),
    [
        (strides(2, 2, 2), (4, 4, 3), 2, 2),
        (strides(4, 4, 1, 3), (32, 9, 3), 3, 3),
        (strides(2), (1, 8, 1), 0, 2),
    ],
)
def test_too_many_strides_are_refused_by_block(
    network: Architecture, shape: tuple[int, int, int], number: int, stride: int
) -> None:
    with pytest.raises(StrideTooLargeError) as caught:
        build(network, shape, 2)
    assert str(caught.value) == (
        f"params.yaml: network.blocks[{number}].stride: {stride} is not allowed: "
        f"{shape[0]}x{shape[1]} images are down to one pixel there; use 1"
    )


def test_strides_down_to_one_pixel_are_allowed() -> None:
    model = build(strides(2, 2, 1), (4, 4, 3), 2)
    assert model.get_layer("block3_conv").output.shape == (None, 1, 1, 2)


@pytest.mark.parametrize(
    ("side", "halvings", "last"),
    [(28, 0, 7), (32, 0, 8), (48, 0, 12), (49, 1, 7), (64, 1, 8), (96, 1, 12), (224, 3, 7)],
)
def test_large_images_are_halved_first(
    network: Architecture, side: int, halvings: int, last: int
) -> None:
    model = build(network, (side, side, 3), 10)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    plain = [layer for layer in convolutions if layer.name.endswith("_conv")]
    assert [layer.filters for layer in plain] == [4] * (halvings + 1)
    assert model.get_layer("pool").input.shape == (None, last, last, 8)


def test_a_stride_too_many_is_named_as_params_count_it() -> None:
    network = Architecture([Block(kind="conv", channels=2, stride=each) for each in (2, 2)], 2)
    with pytest.raises(
        StrideTooLargeError, match=r"network.blocks\[1\].stride: 2 is not allowed: 8x8"
    ):
        build(network, (8, 8, 3), 2)
