import numpy as np
import pytest

from spotimes.export.graph import read
from spotimes.export.reference import classify
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
    found = np.stack([classify(network, image) for image in images])
    np.testing.assert_array_equal(found, compiled.expected(content, images))
