from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils

from spotimes.errors import InputError
from spotimes.inference.classifier import Classifier
from spotimes.inference.contract import read_contract
from spotimes.tflite import flatbuffer, softmax
from tests.fuzz.small_models import small_model
from tests.project import ROOT

INT8, FP32 = ROOT / "models/model_int8.tflite", ROOT / "models/model_fp32.tflite"


@pytest.mark.parametrize("path", [INT8, FP32])
def test_another_beta_changes_nothing_else(path: Path, tmp_path: Path) -> None:
    content = path.read_bytes()
    changed = softmax.with_beta(content, 1.55)
    assert softmax.read(changed) == softmax.read(content)._replace(beta=float(np.float32(1.55)))
    assert softmax.with_beta(changed, softmax.read(content).beta) == content
    assert 1 <= sum(one != other for one, other in zip(content, changed, strict=True)) <= 4
    (tmp_path / "changed.tflite").write_bytes(changed)
    assert read_contract(tmp_path / "changed.tflite") == read_contract(path)


@pytest.mark.parametrize("path", [INT8, FP32])
def test_a_larger_beta_gives_the_same_answer_and_more_confidence(
    path: Path, tmp_path: Path
) -> None:
    images = np.random.default_rng(1).integers(0, 256, (20, 32, 32, 3), np.uint8)
    found = []
    for beta in (1.0, 1.55):
        (tmp_path / "a.tflite").write_bytes(softmax.with_beta(path.read_bytes(), beta))
        found.append(Classifier(tmp_path / "a.tflite").probabilities(images))
    before, after = found
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))
    assert (after.max(axis=1) > before.max(axis=1)).all()


def test_the_scale_of_logits() -> None:
    assert softmax.read(FP32.read_bytes()).scale == 0
    assert 0.001 < softmax.read(INT8.read_bytes()).scale < 1


def test_a_file_that_ends_in_another_layer_is_refused() -> None:
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(small_model(True)))
    (graph,) = model.subgraphs
    graph.outputs = graph.operators.pop().inputs[:1]
    with pytest.raises(InputError, match="last layer is no softmax"):
        softmax.read(flatbuffer.packed(model))


def test_a_beta_of_nothing_is_refused() -> None:
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(small_model(True)))
    model.subgraphs[0].operators[-1].builtinOptions.beta = 0.0
    with pytest.raises(InputError, match="beta of 0"):
        softmax.with_beta(flatbuffer.packed(model), 1.0)
