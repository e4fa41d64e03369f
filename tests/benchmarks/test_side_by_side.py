from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils

from benchmarks.side_by_side import top1
from spotimes.dataset.prepared import Split, SplitName
from spotimes.errors import InputError
from spotimes.inference.classifier import Classifier
from spotimes.inference.contract import Contract
from spotimes.tflite.metadata import embedded

CONTRACT = Contract.of([f"class {number}" for number in range(10)], (32, 32, 3), "squash")


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def write(content: bytes) -> Path:
        path = tmp_path / "model.tflite"
        path.write_bytes(content)
        return path

    return write


def test_with_a_contract_or_without_int8_is_as_accurate(
    int8: bytes, file: Any, cifar10: dict[SplitName, Split]
) -> None:
    images = cifar10["test"].images
    labels = Classifier(file(embedded(int8, CONTRACT))).probabilities(images).argmax(axis=1)
    labels[:5] = (labels[:5] + 1) % 10
    expected = 1 - 5 / len(labels)
    assert top1(file(int8), images, labels) == pytest.approx(expected)
    assert top1(file(embedded(int8, CONTRACT)), images, labels) == pytest.approx(expected)


def test_the_inputs_scale_does_not_matter(
    int8: bytes, file: Any, cifar10: dict[SplitName, Split]
) -> None:
    images = cifar10["test"].images
    labels = Classifier(file(embedded(int8, CONTRACT))).probabilities(images).argmax(axis=1)
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(int8))
    (graph,) = model.subgraphs
    kernel = graph.tensors[graph.operators[0].inputs[1]].quantization
    bias = graph.tensors[graph.operators[0].inputs[2]].quantization
    # The same integers, said to be pixels from 0 to 255 and kernels 255 times smaller.
    graph.tensors[graph.inputs[0]].quantization.scale = np.array([1], np.float32)
    kernel.scale = bias.scale.astype(np.float32)
    content = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    assert top1(file(content), images, labels) == 1


def test_of_floats_without_a_contract_nothing_is_known(
    fp32: bytes, file: Any, cifar10: dict[SplitName, Split]
) -> None:
    assert top1(file(fp32), cifar10["test"].images, cifar10["test"].labels) is None
    accuracy = top1(file(embedded(fp32, CONTRACT)), cifar10["test"].images, cifar10["test"].labels)
    assert accuracy is not None


def test_images_of_another_shape_are_reported(int8: bytes, file: Any) -> None:
    with pytest.raises(InputError, match=r"takes \[1, 32, 32, 3\], and the test images are \[28"):
        top1(file(int8), np.zeros((1, 28, 28, 1), np.uint8), np.zeros(1, np.int64))
