import numpy as np

from spotimes.evaluation import device
from spotimes.inference.classifier import Classifier
from tests.project import ROOT
from tests.spotimes.export import compiled

INT8 = ROOT / "models/model_int8.tflite"
IMAGES = np.random.default_rng(1).integers(0, 256, (12, 32, 32, 3), np.uint8)


def test_a_device_answers_as_the_interpreter_of_microcontrollers() -> None:
    found = device.outputs(INT8, IMAGES)
    pixels = (IMAGES.astype(np.int16) - 128).astype(np.int8)
    expected = compiled.expected(INT8.read_bytes(), pixels).astype(np.int16) + 128
    np.testing.assert_array_equal(found, expected)
    here = device.steps(Classifier(INT8).probabilities(IMAGES))
    assert np.abs(found - here).max() < 30


def test_figures_by_hand() -> None:
    here = np.array([[200, 56], [100, 156], [130, 126]], np.int16)
    there = np.array([[200, 56], [104, 152], [126, 130]], np.int16)
    found = device.measure(here, there, np.array([0, 1, 0]))
    assert (found.device_top1, found.device_agreement) == (2 / 3, 2 / 3)
    assert (found.device_difference, found.same_bytes) == (4, 1 / 3)
