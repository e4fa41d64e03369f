from typing import Any

import numpy as np
import pytest

from spotimes.dataset.prepared import Split
from spotimes.inference.classifier import Classifier
from spotimes.quantization import temperature
from spotimes.quantization.temperature import CANDIDATES, Temperature, fit, logits_of
from spotimes.tflite import softmax
from tests.project import ROOT

INT8 = ROOT / "models/model_int8.tflite"


def drawn(count: int, true: float, seed: int = 1) -> tuple[Any, Any]:
    """Logits, and labels that are as probable as these say at a temperature."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (count, 5)).round(1)  # in steps, as INT8's are
    noise = generator.gumbel(size=logits.shape)
    return logits - logits.max(axis=1, keepdims=True), (logits / true + noise).argmax(axis=1)


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_it_finds_the_temperature_that_labels_were_drawn_by(true: float) -> None:
    found = fit(*drawn(4000, true))
    assert found.value == pytest.approx(true, rel=0.1)
    assert found.low is not None and found.high is not None
    assert found.low <= found.value <= found.high < 1.2 * found.low
    assert found.images == 4000
    assert not found.is_uncertain


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    found = [fit(*drawn(200, 1.0, seed)) for seed in range(40)]
    held = sum(each.low <= 1.0 <= each.high for each in found if each.low and each.high)
    assert 34 <= held <= 40


def test_few_images_are_uncertain() -> None:
    assert fit(*drawn(40, 1.0)).is_uncertain


@pytest.mark.parametrize("count", [1, 20])
def test_images_without_a_mistake_do_not_make_it_extreme(count: int) -> None:
    logits, _ = drawn(count, 1.0)
    found = fit(logits, logits.argmax(axis=1))
    assert CANDIDATES[0] < found.value < CANDIDATES[-1]


def test_it_is_not_so_high_that_rounding_takes_answers() -> None:
    logits = np.tile([-0.02, 0.0, -8.0], (300, 1))  # the first two a step apart
    found = fit(logits, np.tile([0, 1, 2], 100))
    exponentials = np.exp(logits[0] / found.value)
    first, second, _ = np.rint(256 * exponentials / exponentials.sum())
    assert first < second
    assert 1 < found.value < 5


def test_a_temperature_says_what_is_known() -> None:
    assert str(Temperature(0.7)) == "temperature 0.7"
    assert str(Temperature(0.65, 0.59, 0.71, 1000)) == (
        "temperature 0.65 (95% interval 0.59 to 0.71), from 1,000 images"
    )
    assert Temperature(0.65).beta == np.float32(1 / 0.65)
    assert not Temperature(0.7).is_uncertain


def test_logits_are_those_behind_the_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temperature, "_BATCH", 4)
    images = np.random.default_rng(1).integers(0, 256, (10, 32, 32, 3), np.uint8)
    content = INT8.read_bytes()
    logits = logits_of(content, Split(images, np.zeros(10, np.int64)))
    steps = logits / softmax.read(content).scale
    np.testing.assert_allclose(steps, steps.round(), atol=1e-9)
    exponentials = np.exp(logits * softmax.read(content).beta)
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(Classifier(INT8).probabilities(images), expected, atol=0.1)
