"""The presets' networks, and the default for other images, all with random weights."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from spotimes.blocks import Architecture
from spotimes.export.exported import Exported, exported
from spotimes.inference.contract import Contract
from spotimes.nn.architecture import architecture
from spotimes.params.network import Network
from spotimes.pixels import to_int8
from spotimes.pretrained.card import load_backbone_card
from spotimes.search.architecture_cost import untrained
from spotimes.system.validation import load_yaml
from tests.project import ROOT
from tests.spotimes.export import compiled
from tests.spotimes.export.random_models import random_images

NAMES = [f"class {number}" for number in range(10)]
CARD = ROOT / "data/backbones/efficientnet_lite0.yaml"

pytestmark = [pytest.mark.proof, pytest.mark.usefixtures("reseed")]


class Size(NamedTuple):
    """A preset, or none, for images of a shape; how many are tried, and the most RAM."""

    preset: str | None
    shape: tuple[int, int, int]
    images: int
    most: int


SIZES = {
    "nano": Size("nano", (32, 32, 3), 500, 4_300),
    "large": Size("large", (32, 32, 3), 500, 17_000),
    "Fashion-MNIST": Size(None, (28, 28, 1), 500, 7_400),
    "96 x 96": Size(None, (96, 96, 3), 100, 21_100),
    "few pictures": Size("few_pictures", (64, 64, 3), 100, 15_000),
    "few pictures, 96 x 96": Size("few_pictures", (96, 96, 3), 50, 27_000),
}


def built(preset: str | None) -> Architecture:
    """The network of params.yaml with a preset put in."""
    group = load_yaml(ROOT / "params.yaml")["network"]
    if preset is not None:
        group |= load_yaml(ROOT / f"presets/{preset}.yaml")["network"]
    return architecture(Network.model_validate(group), load_backbone_card(CARD))


@pytest.mark.parametrize("name", SIZES)
def test_it_equals_the_interpreter_in_little_ram(name: str, tmp_path: Path) -> None:
    size = SIZES[name]
    model = exported(write(size, tmp_path))
    assert model.plan.arena_bytes <= size.most
    check(model, random_images(size.shape, size.images), tmp_path)


def test_nano_on_all_test_images(tmp_path: Path) -> None:
    images = to_int8(np.load(ROOT / "data/prepared/test_images.npy"))
    assert len(images) == 10_000
    check(exported(write(SIZES["nano"], tmp_path)), images, tmp_path)


def write(size: Size, folder: Path) -> Path:
    """The model with random weights."""
    network = built(size.preset)
    contract = Contract.of(NAMES, size.shape, "squash", network.normalization)
    path = folder / "model.tflite"
    path.write_bytes(untrained(network, contract))
    return path


def check(model: Exported, images: compiled.Images, folder: Path) -> None:
    """Compares the outputs of a model that `write` wrote."""
    found = compiled.outputs(compiled.build(model, folder, "-O2"), images, len(NAMES))
    expected = compiled.expected((folder / "model.tflite").read_bytes(), images)
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(expected, axis=0)) > 1
