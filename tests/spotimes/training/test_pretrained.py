"""A backbone's weights in a network; EfficientNet-Lite0's are the real ones."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spotimes.blocks import Architecture, Block
from spotimes.dataset.prepared import Split, SplitName
from spotimes.nn.network import build
from spotimes.pixels import to_float32
from spotimes.pretrained.card import load_backbone_card
from spotimes.pretrained.readers import fetch
from spotimes.training.pretrained import set_pretrained
from tests.project import ROOT
from tests.spotimes.training.backbones import tensors_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("reseed")]

LITE0 = Path("data/backbones/efficientnet_lite0.yaml")
# ImageNet's classes, by CIFAR-10's.
LIKE = {
    "dog": range(151, 269),
    "frog": range(30, 33),
    "horse": (339, 345, 350, 353),  # sorrel, ox, ibex, gazelle
    "truck": (555, 569, 656, 675, 717, 734, 864, 867),  # fire engine to trailer truck
}
TINY = Architecture([Block(kind="conv", channels=2), Block(kind="separable", channels=3)])


def test_layers_that_are_not_named_keep_their_weights() -> None:
    model = build(TINY, (8, 8, 3), 2)
    before = [weight.numpy() for weight in model.get_layer("block2_pointwise").weights]
    tensors = tensors_of(TINY, "block1_")
    set_pretrained(model, TINY, tensors)
    for weight, old in zip(model.get_layer("block2_pointwise").weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)
    (kernel,) = model.get_layer("block1_conv").weights
    np.testing.assert_array_equal(kernel, tensors["block1_conv/kernel"])


def test_a_grey_image_gives_what_it_gave_in_three_equal_colours() -> None:
    tensors = tensors_of(TINY, "block1_")
    grey, rgb = (build(TINY, (8, 8, channels), 2) for channels in (1, 3))
    for model in (grey, rgb):
        set_pretrained(model, TINY, tensors)
    rest = [layer for layer in rgb.layers if layer.weights and not layer.name.startswith("block1_")]
    for layer in rest:
        grey.get_layer(layer.name).set_weights(layer.get_weights())
    images = np.random.default_rng(2).random((5, 8, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(grey(images), rgb(np.repeat(images, 3, axis=3)), atol=1e-6)


def test_the_whole_efficientnet_lite0_knows_real_pictures(cifar10: dict[SplitName, Split]) -> None:
    card = load_backbone_card(ROOT / LITE0)
    network = Architecture(card.blocks, normalization=card.normalization)
    tensors = fetch(card)
    model = build(network, (224, 224, 3), 1000)
    set_pretrained(model, network, tensors)
    model.get_layer("logits").set_weights([tensors["logits/kernel"], tensors["logits/bias"]])
    names = ["airplane", "automobile", "bird", "cat", "deer", *("dog", "frog"), *("horse",)]
    names += ["ship", "truck"]
    split = cifar10["train"]
    for name, alike in LIKE.items():
        images = split.images[split.labels == names.index(name)][:12]
        large = np.stack(
            [np.asarray(Image.fromarray(image).resize((224, 224))) for image in images]
        )
        found = model(to_float32(large, network.normalization)).numpy().argmax(axis=1)
        assert np.isin(found, list(alike)).mean() >= 0.4, name
