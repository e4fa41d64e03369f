"""A network of inverted residuals, from training to the model card."""

from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from spotimes.blocks import Block, layers, layers_by_block
from spotimes.dataset.prepared import Split, SplitName
from spotimes.evaluation import layer_error
from spotimes.inference.classifier import Classifier
from spotimes.inference.contract import Contract
from spotimes.nn.frameworks import keras
from spotimes.params.network import Network
from spotimes.params.search import Choices
from spotimes.params.train import Train
from spotimes.pixels import to_float32
from spotimes.quantization import convert
from spotimes.quantization.fold import folded
from spotimes.search.architecture_cost import estimate, untrained
from spotimes.search.space import choices_of, chosen
from spotimes.system.validation import load_yaml
from spotimes.tflite.metadata import embedded
from spotimes.tflite.tflite_file import TFLiteFile
from spotimes.training.checkpoint import Checkpoint
from spotimes.training.loop import TrainingData, train
from tests.project import ROOT

SHAPE = (32, 32, 3)
NETWORK = Network(
    largest_side=48,
    blocks=[
        Block(kind="conv", channels=8, stride=2, activation="relu6"),
        Block(kind="inverted_residual", channels=8, expansion=1, activation="relu6"),
        Block(kind="inverted_residual", channels=16, stride=2, expansion=4, activation="relu6"),
        Block(kind="inverted_residual", channels=16, kernel=5, expansion=6, activation="relu6"),
    ],
)

pytestmark = pytest.mark.usefixtures("reseed")


@pytest.fixture(scope="module")
def model(
    cifar10: dict[SplitName, Split], reseed: Any, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """The network, trained for a few steps."""
    reseed()
    folder = tmp_path_factory.mktemp("train")
    recipe = Train.model_validate(load_yaml(ROOT / "params.yaml")["train"])
    recipe = recipe.model_copy(update={"epochs": 3, "batch_size": 48, "averaging": 0.0})
    checkpoint, history = Checkpoint(folder / "state.npz", "key"), folder / "history.csv"
    data = TrainingData(cifar10["train"], cifar10["validation"], 10)
    return train(NETWORK, recipe, data, checkpoint, history).model


@pytest.fixture(scope="module")
def files(
    model: Any, cifar10: dict[SplitName, Split], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The FP32 and the INT8 file."""
    without = folded(model, NETWORK)
    contract = Contract.of([f"class {number}" for number in range(10)], SHAPE, "squash")
    folder = tmp_path_factory.mktemp("models")
    fp32, int8 = folder / "fp32.tflite", folder / "int8.tflite"
    fp32.write_bytes(embedded(convert.to_fp32(without), contract))
    int8.write_bytes(embedded(convert.to_int8(without, cifar10["train"].images[:50]), contract))
    return fp32, int8


def test_its_layers_are_those_of_keras(model: Any) -> None:
    names = {layer.name for layer in layers(NETWORK, SHAPE)}
    kept = [layer.name for layer in model.layers if layer.name in names]
    assert kept == [layer.name for layer in layers(NETWORK, SHAPE)]
    assert "block4_project_relu6" not in {layer.name for layer in model.layers}
    assert model.get_layer("block4_expand_relu6").max_value == 6
    assert len([layer for layer in model.layers if isinstance(layer, keras.layers.Add)]) == 2


def test_folded_it_computes_the_same(model: Any, cifar10: dict[SplitName, Split]) -> None:
    images = to_float32(cifar10["test"].images)
    without = folded(model, NETWORK)
    np.testing.assert_allclose(without(images), model(images, training=False), atol=1e-5)


def test_in_int8_it_stays_near(files: tuple[Path, Path], cifar10: dict[SplitName, Split]) -> None:
    fp32, int8 = files
    TFLiteFile(int8.read_bytes()).check_integer()
    assert TFLiteFile(int8.read_bytes()).operators()["ADD"] == 2
    images = cifar10["test"].images
    wanted, got = (Classifier(path).probabilities(images) for path in (fp32, int8))
    assert np.abs(wanted - got).mean() < 0.02


def test_the_layer_report_names_its_additions(
    files: tuple[Path, Path], cifar10: dict[SplitName, Split]
) -> None:
    names = layer_error.layer_names(NETWORK, SHAPE)
    errors = layer_error.measure(*files, cifar10["test"].images[:5], names)
    found = {error.layer: error.decibels for error in errors}
    assert found["block2_add"] > 5
    assert found["block4_add"] > 5


def test_its_cost_is_estimated(files: tuple[Path, Path]) -> None:
    content = files[1].read_bytes()
    guess = estimate(NETWORK, SHAPE, 10)
    assert guess.macs == TFLiteFile(content).macs()
    contract = Contract.of([f"class {number}" for number in range(10)], SHAPE, "squash")
    assert guess.bytes == pytest.approx(len(untrained(NETWORK, contract)), abs=1500)


def test_it_is_searched_beside_another_kind() -> None:
    row = Choices(
        kind=["separable", "inverted_residual"],
        channels=[8, 16],
        stride=2,
        kernel=[3, 5],
        expansion=[3, 6],
        repeats=[1, 2],
    )
    assert row.size == (4 + 8) * 2
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(1))
    for _ in range(20):
        blocks = chosen(study.ask(), [row])
        found = choices_of(blocks, [row])
        assert found is not None
        assert chosen(optuna.trial.FixedTrial(found), [row]) == blocks


@pytest.mark.parametrize(
    ("change", "message"),
    [({"expansion": None}, "needs a list"), ({"kind": ["conv"]}, "has no expansion")],
)
def test_a_row_has_expansions_if_and_only_if_a_kind_has(
    change: dict[str, Any], message: str
) -> None:
    row = {
        "kind": ["inverted_residual"],
        "channels": [8],
        "stride": 1,
        "kernel": [3],
        "expansion": [6],
        "repeats": [1],
    }
    with pytest.raises(ValueError, match=message):
        Choices.model_validate(row | change)


def test_the_card_has_its_layers() -> None:
    (_, made) = layers_by_block(NETWORK, SHAPE)[3]
    assert " + ".join(layer.description for layer in made) == (
        "1x1 convolution + 5x5 depthwise + linear 1x1 convolution + addition"
    )
