import numpy as np
import pytest

from spotimes.blocks import Architecture
from spotimes.dataset.prepared import Split, SplitName
from spotimes.errors import InputError
from spotimes.evaluation.layer_error import LayerError, largest_drop, layer_names, measure
from tests.project import ROOT
from tests.repository import committed_architecture

FP32, INT8 = ROOT / "models/model_fp32.tflite", ROOT / "models/model_int8.tflite"


@pytest.fixture
def layers() -> list[str]:
    return layer_names(committed_architecture(), (32, 32, 3))


@pytest.mark.usefixtures("reseed")
def test_layers_are_named_as_in_the_keras_network(network: Architecture) -> None:
    from spotimes.nn.network import build  # noqa: PLC0415  # TensorFlow

    model = build(network, (32, 32, 3), 10, norm=None)
    kept = [layer.name for layer in model.layers if layer.name in layer_names(network, (32, 32, 3))]
    assert kept == layer_names(network, (32, 32, 3))


def test_a_layers_error_is_that_of_its_output(
    cifar10: dict[SplitName, Split], layers: list[str]
) -> None:
    errors = measure(FP32, INT8, cifar10["test"].images[:20], layers)
    assert [error.layer for error in errors] == layers
    assert all(10 < error.decibels < 60 for error in errors)


def test_a_model_differs_from_itself_by_nothing(
    cifar10: dict[SplitName, Split], layers: list[str]
) -> None:
    errors = measure(FP32, FP32, cifar10["test"].images[:2], layers)
    assert {error.decibels for error in errors} == {np.inf}


def test_another_networks_layers_are_refused(
    cifar10: dict[SplitName, Split], layers: list[str]
) -> None:
    with pytest.raises(InputError, match=f"has {len(layers)} operators, the network 2"):
        measure(FP32, INT8, cifar10["test"].images[:1], ["one", "two"])


@pytest.mark.parametrize(
    ("decibels", "worst"),
    [
        ([30, 28, 20, 19], 2),
        ([20, 25, 30], 0),
        ([12, 11.5, 13], 1),
        ([float("inf"), 30, 31], None),
        ([float("inf"), 30, 29, float("inf")], 2),
        ([10, -5], 1),
        ([30], None),
    ],
)
def test_the_largest_drop_is_where_the_ratio_falls_most(
    decibels: list[float], worst: int | None
) -> None:
    errors = [LayerError(f"layer{number}", each) for number, each in enumerate(decibels)]
    assert largest_drop(errors) is (None if worst is None else errors[worst])
