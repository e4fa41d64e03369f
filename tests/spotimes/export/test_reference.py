import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils

from spotimes.export.graph import read
from spotimes.export.reference import classify, logits
from spotimes.tflite import flatbuffer
from tests.fuzz.small_models import small_model
from tests.project import ROOT
from tests.spotimes.export import compiled
from tests.spotimes.export.random_models import random_images, random_model

SMALL = small_model(quantized=True), (6, 5, 3)
DEFAULT = (ROOT / "models/model_int8.tflite").read_bytes(), (32, 32, 3)


@pytest.mark.parametrize(
    ("model", "count"),
    [(SMALL, 50), (DEFAULT, 2), *((random_model(seed), 10) for seed in range(8))],
)
def test_it_equals_the_interpreter(model: tuple[bytes, tuple[int, int, int]], count: int) -> None:
    content, shape = model
    images = random_images(shape, count)
    network = read(content, "a model")
    np.testing.assert_array_equal(classify(network, images), compiled.expected(content, images))


def test_logits_are_what_the_softmax_reads() -> None:
    content, shape = DEFAULT
    images = random_images(shape, 40)  # of more than one batch
    network = read(content, "a model")
    whole = compiled.expected(without_softmax(content), images)
    np.testing.assert_array_equal(logits(network, images), whole)


def without_softmax(content: bytes) -> bytes:
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    (graph,) = model.subgraphs
    graph.outputs = graph.operators.pop().inputs[:1]
    return flatbuffer.packed(model)
