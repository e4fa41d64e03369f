"""A network of inverted residuals, from training to the INT8 file, its layers and its cost."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spotimes.blocks import ACTIVATIONS, LINEAR, Architecture, Block, layers
from spotimes.dataset.prepared import Split, SplitName
from spotimes.evaluation import layer_error
from spotimes.inference.classifier import Classifier
from spotimes.inference.contract import Contract
from spotimes.nn.frameworks import keras
from spotimes.params.train import Train
from spotimes.pixels import to_float32
from spotimes.quantization import convert
from spotimes.quantization.fold import folded
from spotimes.search.architecture_cost import estimate, untrained
from spotimes.system.validation import load_yaml
from spotimes.tflite.metadata import embedded
from spotimes.tflite.tflite_file import TFLiteFile
from spotimes.training.checkpoint import Checkpoint
from spotimes.training.loop import TrainingData, train
from tests.project import ROOT

SHAPE = (32, 32, 3)
NETWORK = Architecture(
    [
        Block(kind="conv", channels=8, stride=2, activation="relu6"),
        Block(kind="inverted_residual", channels=8, expansion=1, activation="relu6"),
        Block(kind="inverted_residual", channels=16, stride=2, expansion=4, activation="relu6"),
        Block(kind="inverted_residual", channels=16, kernel=5, expansion=6, activation="relu6"),
    ],
    48,
)

RELU6 = ACTIVATIONS["relu6"]

pytestmark = pytest.mark.usefixtures("reseed")


@pytest.fixture(scope="module")
def model(
    cifar10: dict[SplitName, Split], reseed: Any, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """The network after a few steps, with norms under which ReLU6 cuts off what is above 6.

    Fresh norms bring nearly all outputs below 3, where ReLU6 does not differ from ReLU.
    """
    reseed()
    folder = tmp_path_factory.mktemp("train")
    recipe = Train.model_validate(load_yaml(ROOT / "params.yaml")["train"])
    recipe = recipe.model_copy(update={"epochs": 3, "batch_size": 48, "averaging": 0.0})
    checkpoint, history = Checkpoint(folder / "state.npz", "key"), folder / "history.csv"
    data = TrainingData(cifar10["train"], cifar10["validation"], 10)
    model = train(NETWORK, recipe, data, checkpoint, history).model
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(rng.uniform(1, 3, layer.gamma.shape))
            layer.beta.assign(rng.normal(0, 0.5, layer.beta.shape))
            layer.momentum = 0.0  # the statistics become those of the next batch
    model(to_float32(cifar10["train"].images), training=True)
    return model


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


def test_int8_probabilities_differ_by_a_tenth_of_what_images_do(
    files: tuple[Path, Path], cifar10: dict[SplitName, Split]
) -> None:
    fp32, int8 = files
    TFLiteFile(int8.read_bytes()).check_integer()
    assert TFLiteFile(int8.read_bytes()).operators()["ADD"] == 2
    images = cifar10["test"].images
    wanted, got = (Classifier(path).probabilities(images) for path in (fp32, int8))
    assert np.abs(wanted - got).mean() < wanted.std(axis=0).mean() / 10


def test_quantization_noise_is_below_a_fourteenth_of_the_signal_in_every_layer(
    files: tuple[Path, Path], cifar10: dict[SplitName, Split]
) -> None:
    names = layer_error.layer_names(NETWORK, SHAPE)
    errors = layer_error.measure(*files, cifar10["test"].images[:20], names)
    assert [error.layer for error in errors] == names
    assert min(error.decibels for error in errors) > 23  # 26 to 27 for four seeds of the norms


def test_relu6_cuts_off_in_both_and_linear_layers_do_not(
    model: Any, files: tuple[Path, Path], cifar10: dict[SplitName, Split]
) -> None:
    graph = TFLiteFile(files[1].read_bytes()).graph
    written = [graph.tensors[operator.outputs[0]].quantization for operator in graph.operators]
    images = to_float32(cifar10["test"].images)
    for layer, quantization in zip(layers(NETWORK, SHAPE), written, strict=False):
        lowest, highest = (
            quantization.scale[0] * (end - quantization.zeroPoint[0]) for end in (-128, 127)
        )
        name = f"{layer.name}_relu6" if layer.activation is RELU6 else layer.name
        if layer.operation == "conv" and layer.activation is LINEAR:
            name = f"{layer.name}_norm"
        output = keras.Model(model.input, model.get_layer(name).output)(images).numpy()
        if layer.activation is RELU6:
            assert (output == 6).mean() > 0.001
            assert (lowest, highest) == pytest.approx((0, 6), abs=0.01)
        else:
            assert output.min() < -6
            assert lowest < -6


def test_its_cost_is_estimated(files: tuple[Path, Path]) -> None:
    content = files[1].read_bytes()
    guess = estimate(NETWORK, SHAPE, 10)
    assert guess.macs == TFLiteFile(content).macs()
    contract = Contract.of([f"class {number}" for number in range(10)], SHAPE, "squash")
    assert guess.bytes == pytest.approx(len(untrained(NETWORK, contract)), abs=1500)
