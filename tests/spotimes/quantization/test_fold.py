from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spotimes.blocks import Architecture, Block
from spotimes.dataset.prepared import Split, SplitName
from spotimes.errors import InputError
from spotimes.nn.network import build
from spotimes.pixels import to_float32
from spotimes.quantization.fold import fold, folded

pytestmark = pytest.mark.usefixtures("reseed")

CONV = Block(kind="conv", channels=4, stride=2)
SEPARABLE = Block(kind="separable", channels=4, stride=2)


def floats(*values: float) -> Any:
    return np.array(values, np.float32)


def test_the_formula_by_hand() -> None:
    """Channel 1: 2 (w x - 3) / sqrt(3 + 1) + 5 = w x + 2; channel 2: -(w x - 0) / 2 + 1."""
    kernel = floats(10, 20, 30, 40).reshape(1, 1, 2, 2)
    kernel, bias = fold(
        kernel,
        gamma=floats(2, -1),
        beta=floats(5, 1),
        mean=floats(3, 0),
        variance=floats(3, 3),
        epsilon=1.0,
    )
    assert [str(each.dtype) for each in (kernel, bias)] == ["float32", "float32"]
    assert kernel.tolist() == [[[[10, -10], [30, -20]]]]
    assert bias.tolist() == [2, 1]


def test_it_is_rounded_once() -> None:
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(3, 3, 8, 16)).astype(np.float32)
    gamma, beta, mean = rng.normal(size=(3, 16)).astype(np.float32)
    variance = rng.uniform(1e-6, 2, 16).astype(np.float32)
    exact = np.longdouble
    scale = gamma.astype(exact) / np.sqrt(variance.astype(exact) + exact(1e-3))
    wide_kernel, wide_bias = kernel * scale, beta - mean * scale
    new_kernel, new_bias = fold(
        kernel, gamma=gamma, beta=beta, mean=mean, variance=variance, epsilon=1e-3
    )
    for new, wide in ((new_kernel, wide_kernel), (new_bias, wide_bias)):
        # Half a unit in the last place, and a trace of float64's own error.
        assert (abs(new - wide) <= 0.5001 * np.spacing(abs(new)) + 1e-15).all()


@pytest.mark.parametrize(
    "blocks",
    [
        [CONV],
        [Block(kind="separable", channels=5)],
        [CONV, Block(kind="separable", channels=7, stride=2), Block(kind="separable", channels=6)],
    ],
)
def test_the_folded_network_computes_the_same(
    blocks: list[Block], randomized: Callable[[Any, int], Any], cifar10: dict[SplitName, Split]
) -> None:
    network = Architecture(blocks, 48)
    model = randomized(build(network, (32, 32, 3), 10), 3)
    images = to_float32(cifar10["test"].images)
    expected = model(images, training=False).numpy()
    assert expected.std(axis=0).max() > 1e-2  # it distinguishes images
    without = folded(model, network)
    assert not [layer for layer in without.layers if layer.name.endswith("_norm")]
    np.testing.assert_allclose(without(images).numpy(), expected, atol=1e-5)


def test_the_trained_network_stays_as_it_is(network: Architecture, trained: Any) -> None:
    before = trained.get_weights()
    folded(trained, network)
    for one, other in zip(before, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("had", "wanted"),
    [
        ([CONV], [CONV, CONV]),
        ([CONV, CONV], [CONV]),
        ([CONV, SEPARABLE], [CONV]),
        ([CONV], [SEPARABLE]),
        ([SEPARABLE], [CONV]),
        ([CONV], [Block(kind="conv", channels=8, stride=2)]),
        ([CONV], [Block(kind="conv", channels=4, stride=1)]),
        ([SEPARABLE, CONV], [CONV, SEPARABLE]),
    ],
)
def test_another_architecture_is_refused(had: list[Block], wanted: list[Block]) -> None:
    model = build(Architecture(had, 48), (32, 32, 3), 10)
    with pytest.raises(InputError) as caught:
        folded(model, Architecture(wanted, 48))
    assert "the network in params.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)
