"""A backbone's weights in a network that is narrower inside."""

import numpy as np
import pytest

from spotimes.blocks import Architecture, Block
from spotimes.nn.network import build
from spotimes.pixels import to_float32
from spotimes.training.pretrained import set_pretrained
from spotimes.training.pruned_weights import pruned, spreads
from tests.spotimes.training.backbones import NARROW, SHAPE, WIDE, tensors_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("reseed")]

IMAGES = np.random.default_rng(1).integers(0, 256, (30, *SHAPE), np.uint8)


def test_as_wide_as_it_was_nothing_changes() -> None:
    tensors = tensors_of(WIDE)
    assert pruned(tensors, WIDE, IMAGES) is tensors
    assert pruned({}, NARROW, IMAGES) == {}


def test_without_channels_that_are_constant_it_computes_the_same() -> None:
    """A grey image, too, and with blocks behind that are not the backbone's."""
    tensors = tensors_of(WIDE)
    tensors["block2_depthwise/gamma"][[0, 1, 4]] = 0
    tensors["block3_depthwise/gamma"][[0, 5, 7]] = 0
    own = Block(kind="separable", channels=4)
    wide, narrow = (Architecture([*network.blocks, own]) for network in (WIDE, NARROW))
    for images in (IMAGES, IMAGES[..., :1]):
        found = pruned(tensors, narrow, images)
        for name, axis in (("depthwise", 2), ("project", 2)):
            kernel = np.take(tensors[f"block3_{name}/kernel"], [1, 2, 3, 4, 6], axis)
            np.testing.assert_allclose(found[f"block3_{name}/kernel"], kernel, rtol=1e-5)
        models = [build(network, (8, 8, images.shape[3]), 2) for network in (wide, narrow)]
        for model, network, weights in zip(models, (wide, narrow), (tensors, found), strict=True):
            set_pretrained(model, network, weights)
        for layer in models[0].layers:
            if layer.weights and layer.name.startswith(("block4", "logits")):
                models[1].get_layer(layer.name).set_weights(layer.get_weights())
        wanted, got = (model(to_float32(images, wide.normalization)).numpy() for model in models)
        np.testing.assert_allclose(got, wanted, atol=1e-5)
        assert np.ptp(wanted, axis=0).min() > 1e-4


def test_two_channels_that_are_alike_become_one() -> None:
    tensors = tensors_of(WIDE)
    tensors["block3_project/kernel"][:, :, 5] /= 4  # so that it is the one to go
    for name, axis in (("expand", 3), ("depthwise", 2)):
        kernel = tensors[f"block3_{name}/kernel"]
        np.moveaxis(kernel, axis, 0)[5] = np.moveaxis(kernel, axis, 0)[2]
        for part in ("gamma", "beta", "mean", "variance"):
            tensors[f"block3_{name}/{part}"][5] = tensors[f"block3_{name}/{part}"][2]
    hidden = WIDE.blocks[2].model_copy(update={"hidden": 7, "expansion": None})
    network = Architecture([*WIDE.blocks[:2], hidden])
    found = pruned(tensors, network, IMAGES)["block3_project/kernel"][0, 0]
    whole = tensors["block3_project/kernel"][0, 0]
    np.testing.assert_allclose(found[2], whole[2] + whole[5], rtol=0.05, atol=0.05)


def test_channels_are_watched_behind_their_activation() -> None:
    tensors = tensors_of(WIDE)
    found = spreads(WIDE, tensors, IMAGES)
    assert found.keys() == {"block2_project", "block3_project"}
    mean, covariance = found["block3_project"]
    assert mean.shape == (8,)
    assert mean.min() >= 0
    assert mean.max() <= 6
    np.testing.assert_allclose(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > -1e-9
