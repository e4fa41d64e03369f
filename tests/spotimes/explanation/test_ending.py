from pathlib import Path

import pytest

from spotimes.explanation.ending import ending_of, score_of
from spotimes.inference.interpreter import read_verified
from tests.project import ROOT
from tests.spotimes.explanation.models import with_ending


@pytest.mark.parametrize("name", ["model_int8.tflite", "model_fp32.tflite"])
def test_the_networks_of_spotimes_have_the_ending(name: str) -> None:
    graph = read_verified(ROOT / "models" / name).graph
    *_, mean, dense, softmax = graph.operators
    ending = ending_of(graph)
    assert ending is not None
    assert (ending.features, score_of(graph)) == (mean.inputs[0], dense.output)
    assert score_of(graph) == softmax.inputs[0]
    assert ending.weights.shape == (graph.tensors[ending.features].shape[3], len(ending.bias))


@pytest.mark.parametrize(
    "endings",
    [("dense", "dense", "softmax"), ("dense with relu", "softmax"), ("softmax",), ()],
)
def test_a_network_that_ends_otherwise_has_none(tmp_path: Path, endings: tuple[str, ...]) -> None:
    graph = read_verified(with_ending(tmp_path / "model.tflite", *endings)).graph
    assert ending_of(graph) is None


def test_without_softmax_the_output_is_the_score(tmp_path: Path) -> None:
    graph = read_verified(with_ending(tmp_path / "model.tflite", "dense")).graph
    assert score_of(graph) == graph.outputs[0]
    assert ending_of(graph) is not None
